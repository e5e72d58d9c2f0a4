//! Gateways and relays: what reaches them, what they answer, and what they report later. The three
//! are independent of each other and of the worker, which may be dead by then.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use budstikke::domain::kinds::Channel;
use budstikke::domain::outcome::{Fault, Outcome};
use budstikke::domain::receipt::{Receipt, ReceiptKey, ReceiptStatus};
use budstikke::domain::status::Reason;
use budstikke::ports::gateway::{Gateway, Outbound};
use budstikke::ports::slot::Slot;

use super::faults::Act;
use super::outside::Outside;
use super::rng::Rng;
use super::time::{Due, Life, note};

/// How a gateway behaves at present: weights of what it does, and how slow it is.
#[derive(Debug, Clone, Copy)]
pub struct GatewayWeather {
    pub accepts: f64,
    /// Took it, and the answer got lost or came too late.
    pub silent: f64,
    /// Nothing came through, and nobody can know.
    pub vanishes: f64,
    /// Cannot be connected, or breaks before the last byte.
    pub refuses: f64,
    /// 429 with or without `Retry-After`.
    pub busy: f64,
    /// 503, or 200 with an error in it: not now.
    pub later: f64,
    /// Refuses this message for good.
    pub never: f64,
    /// The longest usual answer, in microseconds.
    pub slowness: u64,
    /// Receipts: delivered, failed, expired; the rest is silence.
    pub delivered: f64,
    pub failed: f64,
    pub expired: f64,
    /// A receipt comes twice, or after one that says something else.
    pub odd_receipts: f64,
}

impl Default for GatewayWeather {
    fn default() -> Self {
        Self {
            accepts: 1.0,
            silent: 0.0,
            vanishes: 0.0,
            refuses: 0.0,
            busy: 0.0,
            later: 0.0,
            never: 0.0,
            slowness: 60_000,
            delivered: 1.0,
            failed: 0.0,
            expired: 0.0,
            odd_receipts: 0.0,
        }
    }
}

/// What happens to one request.
#[derive(Debug)]
struct Script {
    /// When the gateway has it whole, if ever.
    taken_in: Option<u64>,
    answer: Outcome,
    answer_in: u64,
}

impl GatewayWeather {
    fn script(&self, rng: &mut Rng, deadline: Duration) -> Script {
        let deadline = deadline.as_micros() as u64;
        let there = rng.latency(500..self.slowness.min(deadline / 3).max(1_000));
        let back = there + rng.latency(500..self.slowness.min(deadline / 3).max(1_000));
        let total = self.accepts
            + self.silent
            + self.vanishes
            + self.refuses
            + self.busy
            + self.later
            + self.never;
        let mut at = rng.unit() * total;
        let mut is = |weight: f64| {
            at -= weight;
            at < 0.0
        };
        let not_sent = |fault| Script {
            taken_in: None,
            answer: Outcome::NotSent(fault),
            answer_in: back,
        };
        if is(self.silent) {
            let answer_in = if rng.chance(0.5) { deadline } else { back };
            // It may even arrive after its sender has given it up.
            let taken_in = if rng.chance(0.2) {
                deadline + 1_500_000
            } else {
                there
            };
            return Script {
                taken_in: Some(taken_in),
                answer: Outcome::Unknown,
                answer_in,
            };
        }
        if is(self.vanishes) {
            let answer_in = if rng.chance(0.5) { deadline } else { back };
            return Script {
                taken_in: None,
                answer: Outcome::Unknown,
                answer_in,
            };
        }
        if is(self.refuses) {
            return not_sent(if rng.chance(0.5) {
                Fault::Channel { retry_after: None }
            } else {
                Fault::Transient { retry_after: None }
            });
        }
        if is(self.busy) {
            let wait = rng
                .chance(0.7)
                .then(|| Duration::from_millis(rng.within(100..5_000)));
            return not_sent(Fault::Channel { retry_after: wait });
        }
        if is(self.later) {
            let wait = rng
                .chance(0.2)
                .then(|| Duration::from_secs(rng.within(1..10)));
            return not_sent(Fault::Transient { retry_after: wait });
        }
        if is(self.never) {
            let reason = *rng.pick(&[Reason::Barred, Reason::RefusedByGateway]);
            return not_sent(Fault::Permanent { reason });
        }
        let provider_reference = rng.chance(0.7).then(|| format!("g{:x}", rng.next()));
        Script {
            taken_in: Some(there),
            answer: Outcome::Accepted { provider_reference },
            answer_in: back,
        }
    }

    /// What is reported of a message that was taken: in which order, when.
    fn receipts(&self, rng: &mut Rng) -> Vec<(u64, ReceiptStatus)> {
        let mut receipts = Vec::new();
        let unit = rng.unit();
        let last = if unit < self.delivered {
            ReceiptStatus::Delivered
        } else if unit < self.delivered + self.failed {
            ReceiptStatus::Failed(*rng.pick(&[Reason::Unreachable, Reason::Barred]))
        } else if unit < self.delivered + self.failed + self.expired {
            ReceiptStatus::Expired
        } else {
            return receipts;
        };
        let at = if rng.chance(0.3) {
            rng.within(0..20_000)
        } else {
            rng.within(20_000..30_000_000)
        };
        if rng.chance(self.odd_receipts) {
            receipts.push((rng.within(0..at + 1), ReceiptStatus::Accepted));
        }
        if rng.chance(self.odd_receipts) {
            receipts.push((rng.within(0..2 * at + 1), last));
        }
        if rng.chance(self.odd_receipts) && last == ReceiptStatus::Delivered {
            receipts.push((
                rng.within(0..2 * at + 1),
                ReceiptStatus::Failed(Reason::Unreachable),
            ));
        }
        receipts.push((at, last));
        receipts
    }
}

/// A worker's way to a gateway.
pub struct FarGateway {
    pub outside: Arc<Outside>,
    pub life: Life,
    pub name: String,
    pub concurrency: usize,
}

impl fmt::Debug for FarGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FarGateway")
    }
}

/// Notes a request that its sender did not live to see answered.
struct InFlight {
    outside: Arc<Outside>,
    wire: usize,
    answered: bool,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.answered {
            self.outside.state.lock().oracle.wires[self.wire].ambiguous = true;
        }
    }
}

#[async_trait]
impl Gateway for FarGateway {
    async fn submit(&self, message: &Outbound, slot: Slot, deadline: Duration) -> Outcome {
        let (outside, life, name) = (&self.outside, self.life, &self.name);
        let sim = &outside.sim;
        let weather = outside.state.lock().gateways[name];
        let (connecting, script) = sim.draw(|rng| {
            (
                rng.latency(0..weather.slowness / 4),
                weather.script(rng, deadline),
            )
        });
        sim.sleep(life, Duration::from_micros(connecting)).await;
        slot.opened().await;
        if slot.pass().is_err() {
            note!(
                sim,
                "w{life} {name} is too late for the slot of {}",
                message.delivery
            );
            outside.count("slot given up");
            return Outcome::NotSent(Fault::Late);
        }
        let wire = outside.on_the_wire(life, name, message);
        let mut flight = InFlight {
            outside: Arc::clone(outside),
            wire,
            answered: false,
        };
        if let Some(after) = script.taken_in {
            let (there, name, message) = (Arc::clone(outside), name.clone(), message.clone());
            let own = match &script.answer {
                Outcome::Accepted { provider_reference } => provider_reference.clone(),
                Outcome::NotSent(_) | Outcome::Unknown => None,
            };
            sim.after(after, move || {
                there.taken(&name, wire, &message, own.as_deref());
            });
        }
        sim.sleep(life, Duration::from_micros(script.answer_in))
            .await;
        flight.answered = true;
        note!(
            sim,
            "w{life} {name} answers {} {:?}",
            message.delivery,
            script.answer
        );
        outside.answered(wire, &script.answer);
        script.answer
    }

    async fn probe(&self, _: Duration) -> Result<String, String> {
        Ok("simulated".to_owned())
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }
}

impl Outside {
    /// A gateway has a message whole: from here on it is responsible.
    fn taken(self: &Arc<Self>, gateway: &str, wire: usize, message: &Outbound, own: Option<&str>) {
        let delivery = message.delivery;
        note!(self.sim, "{gateway} takes {delivery}");
        let weather = self.state.lock().gateways[gateway];
        let receipts = self.sim.draw(|rng| weather.receipts(rng));
        self.state.lock().oracle.wires[wire].taken = Some(self.sim.now());
        for (after, status) in receipts {
            // Mail systems report by the address that the message came from.
            let by_own_id =
                self.sim.draw(|rng| rng.chance(0.3)) && delivery.channel() == Channel::Sms;
            let key = match own {
                Some(own) if by_own_id => ReceiptKey::ProviderReference(own.to_owned()),
                Some(_) | None => ReceiptKey::Delivery(delivery),
            };
            let receipt = Receipt {
                key,
                status,
                at: None,
                code: None,
            };
            let mut state = self.state.lock();
            state.receipts_open += 1;
            state.oracle.wires[wire].reported.push(status);
            drop(state);
            let act = Act::Receipt(gateway.to_owned(), receipt);
            self.sim.at(self.sim.now() + after, Due::Act(act));
        }
    }
}
