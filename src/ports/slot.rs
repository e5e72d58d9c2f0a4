//! The time in which one message may pass its point of no return, and the only way past it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::clock::{Clock, Monotonic};

/// Where the point of no return is told (level debug): one event per message that passes it, with
/// `gateway.name`, `parts`, `at_us` ([`Clock::told`]; on one machine the same for all processes)
/// and `late_us` (how far into the slot). Nothing of the message.
pub const TARGET: &str = "budstikke::wire";

/// A slot of the rate: one message, once. It cannot be copied; [`Slot::pass`] uses it up.
pub struct Slot {
    clock: Arc<dyn Clock>,
    gateway: Arc<str>,
    parts: u32,
    opens: Monotonic,
    closes: Monotonic,
}

/// The slot has not opened yet or is over: the point of no return may not be passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("outside the slot of the rate")]
pub struct OutsideSlot;

impl Slot {
    /// A slot of `gateway` for `parts` parts, from `opens` up to and including `closes`.
    pub fn new(
        clock: Arc<dyn Clock>,
        gateway: impl Into<Arc<str>>,
        parts: u32,
        opens: Monotonic,
        closes: Monotonic,
    ) -> Self {
        Self {
            clock,
            gateway: gateway.into(),
            parts,
            opens,
            closes,
        }
    }

    /// A slot of one part that is open now and never over: without a rate.
    pub fn unbounded(clock: Arc<dyn Clock>) -> Self {
        let opens = clock.monotonic();
        Self::new(clock, "unbounded", 1, opens, Monotonic(u64::MAX))
    }

    /// How long until it opens; zero once it has.
    pub fn opens_in(&self) -> Duration {
        self.opens.since(self.clock.monotonic())
    }

    /// How long until it is over; zero once it is.
    pub fn closes_in(&self) -> Duration {
        self.closes.since(self.clock.monotonic())
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.clock.monotonic() > self.closes
    }

    /// Returns once it has opened.
    pub async fn opened(&self) {
        self.clock.sleep_until(self.opens).await;
    }

    /// The point of no return: whoever is let past MUST hand over the last byte at once, without
    /// waiting for anything in between.
    ///
    /// # Errors
    /// [`OutsideSlot`]: the last byte must not leave.
    pub fn pass(self) -> Result<(), OutsideSlot> {
        let now = self.clock.monotonic();
        if now < self.opens || now > self.closes {
            return Err(OutsideSlot);
        }
        tracing::debug!(
            target: TARGET,
            {
                gateway.name = &*self.gateway,
                parts = self.parts,
                at_us = self.clock.told(),
                late_us = now.0.saturating_sub(self.opens.0),
            },
            "{} parts leave for {}",
            self.parts,
            self.gateway
        );
        Ok(())
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("gateway", &self.gateway)
            .field("parts", &self.parts)
            .field("opens", &self.opens)
            .field("closes", &self.closes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::ports::clock::by_hand::ByHand;

    #[tokio::test]
    async fn nobody_passes_before_the_slot_opens_or_after_it_closes() {
        for (at, passes) in [(99, false), (100, true), (150, true), (151, false)] {
            let clock = Arc::new(ByHand(AtomicU64::new(at)));
            let slot = Slot::new(clock, "primary", 3, Monotonic(100), Monotonic(150));
            assert_eq!(slot.is_over(), at > 150);
            assert_eq!(slot.pass().is_ok(), passes, "at {at}");
        }
    }

    #[tokio::test]
    async fn waiting_ends_when_the_slot_opens() {
        let clock = Arc::new(ByHand::default());
        let slot = Slot::new(clock, "primary", 1, Monotonic(100), Monotonic(150));
        slot.opened().await;
        assert_eq!(slot.opens_in(), Duration::ZERO);
        assert_eq!(slot.closes_in(), Duration::from_micros(50));
        assert_eq!(slot.pass(), Ok(()));
    }
}
