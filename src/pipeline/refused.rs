//! What becomes of a delivery whose intent was refused.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::ids::{Position, Reference};
use crate::domain::plan;
use crate::domain::status::Reason;
use crate::domain::time::Timestamp;
use crate::ports::store::{CHUNK_SIZE, Guard, Next, Refused, Settlement};
use crate::telemetry::record;

use super::deps::Deps;
use super::gate::{case, wait, withhold};
use super::give_back::give_back;
use super::ready::{Held, Ready};
use super::settle::Settler;

/// A delivery whose intent was refused.
pub(super) struct Refusal<'a> {
    pub(super) deps: &'a Deps,
    pub(super) settler: &'a Settler,
    pub(super) ready: &'a Ready,
}

impl Refusal<'_> {
    /// Settles it, or hands it back.
    pub(super) async fn settle(&self, refused: Refused) {
        let now = self.deps.clock.now();
        let held = &self.ready.held;
        match refused {
            Refused::Fenced => {
                // Should the claim hold it all the same, it must not stay claimed for ever.
                let later = now.plus(Duration::from_mins(1));
                give_back(
                    self.deps,
                    &[(held.claimed.delivery, held.claim)],
                    Some(later),
                )
                .await;
                record::fenced();
                tracing::warn!(delivery.id = %held.claimed.delivery, "another worker took over before the intent");
            }
            Refused::LiveTry => {
                tracing::error!(delivery.id = %held.claimed.delivery, "a live try stands in the slot; waiting for a receipt");
                let until = now.plus(self.deps.policy.unknown(self.ready.outbound.channel()));
                self.settler
                    .settle(Settlement {
                        delivery: held.claimed.delivery,
                        guard: Guard::Claim(held.claim),
                        tried: None,
                        next: Next::AwaitReceipt { until },
                        label: held.label(),
                        at: now,
                    })
                    .await;
            }
            Refused::Cancelled => {
                self.settler
                    .settle(withhold(held, Reason::Cancelled, now, None))
                    .await;
            }
            Refused::Opened => {
                self.settler
                    .settle(withhold(held, Reason::Opened, now, None))
                    .await;
            }
            Refused::Covered(position) => {
                let by = self.reference_of(held, position).await;
                let mut settlement = withhold(held, Reason::Covered, now, by);
                if let Next::Settled { channel_chosen, .. } = &mut settlement.next {
                    // The row still has the id of the first choice; do not name that channel.
                    *channel_chosen = self.ready.outbound.delivery == held.claimed.delivery;
                }
                self.settler.settle(settlement).await;
            }
            Refused::OverLimit { until } => {
                record::address_over_limit(self.ready.outbound.channel());
                // Nothing of it is sent at or after its deadline: then it is to be told so.
                let due = until.min(deadline(held));
                self.settler.settle(wait(held, due, now)).await;
            }
            Refused::Stopped => {
                give_back(self.deps, &[(held.claimed.delivery, held.claim)], None).await;
            }
        }
    }

    /// The reference of another recipient of the same job.
    async fn reference_of(
        &self,
        held: &Held,
        position: Position,
    ) -> Option<(Position, Arc<Reference>)> {
        let chunk = (held.job.record.no, position / CHUNK_SIZE);
        let (_, chunks) = loop {
            match self.deps.store.load(&[], &[chunk]).await {
                Ok(loaded) => break loaded,
                Err(error) => {
                    record::store_error("load");
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot load who covers a recipient; trying again"
                    );
                    if !self.deps.pause(Duration::from_secs(1)).await {
                        return None;
                    }
                }
            }
        };
        let references = &chunks.first()?.references;
        let reference = references.get(usize::from(position % CHUNK_SIZE))?;
        Some((position, Arc::new(reference.clone())))
    }
}

/// Nothing of it is sent at or after this.
fn deadline(held: &Held) -> Timestamp {
    let case = case(held, Timestamp(0));
    plan::deadline(case.rules, case.accepted_at, case.occasion, case.hours)
}
