//! What the agencies, the operators, the gateways and fate do to the fleet.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use budstikke::domain::ids::AgencyNo;
use budstikke::domain::receipt::Receipt;
use budstikke::pipeline::intake::{Answer, Offer};
use budstikke::ports::job_source::MessageKind;
use budstikke::ports::store::Ledger as _;

use super::broker::Message;
use super::faults::Act;
use super::fleet::Fleet;
use super::oracle::ClockSet;
use super::outside::Outside;
use super::time::{Due, note};

impl Fleet {
    pub fn act(&mut self, act: Act) {
        match act {
            Act::Start(place) => self.start(place),
            Act::Kill(place) => {
                self.outside.count("worker killed");
                self.kill(place);
            }
            Act::Stop(place) => {
                let grace = self.outside.sim.draw(|rng| rng.within(0..20));
                self.outside.count("worker stopped");
                self.stop(place, Duration::from_secs(grace));
            }
            Act::Gone(place, life) => self.gone(place, life),
            Act::Pause(place, micros) => self.pause(place, micros),
            Act::Resume(place, life) => self.resume(place, life),
            Act::Skew(place, micros) => {
                self.outside.count("wall clock jumped");
                self.skew(place, micros);
            }
            Act::SetStore(micros) => self.set_store(micros),
            Act::Publish(agency, name) => self.publish(agency, &name),
            Act::Offer(agency, name) => self.offer(agency, name),
            Act::Cancel(agency, name) => {
                let body = serde_json::json!({ "job": name });
                self.message(agency, MessageKind::Cancel, &body);
            }
            Act::Opened(agency, name, position) => {
                let body = serde_json::json!({ "job": name, "ref": (position + 1).to_string() });
                self.message(agency, MessageKind::Opened, &body);
            }
            Act::Halt(agency) => self.halt(agency, true),
            Act::GoOn(agency) => self.halt(agency, false),
            Act::Receipt(gateway, receipt) => self.receipt(gateway, receipt),
        }
    }

    /// Somebody sets the store's clock. Workers may count as dead at once, wherever they stand.
    fn set_store(&self, micros: i64) {
        let outside = &self.outside;
        note!(outside.sim, "the store's clock is set by {micros} µs");
        outside.count(if micros < 0 {
            "store's clock set back"
        } else {
            "store's clock set forward"
        });
        let before = outside.store_skew.fetch_add(micros, Ordering::Relaxed);
        let set = ClockSet {
            at: outside.sim.now(),
            before,
            by: micros,
        };
        outside.state.lock().oracle.clock_sets.push(set);
        for process in self.places.iter().filter_map(|p| p.process.as_ref()) {
            outside.trouble(process.life);
        }
    }

    /// A job goes to the broker; its confirm obliges us.
    fn publish(&self, agency: usize, name: &str) {
        let mut state = self.outside.state.lock();
        let Some(known) = state.oracle.jobs.get_mut(&(agency, name.to_owned())) else {
            return;
        };
        known.obliged = true;
        let message = Message {
            agency: self.outside.agencies[agency].clone(),
            lane: known.spec.queue(),
            kind: MessageKind::Job,
            body: known.spec.body.clone(),
        };
        drop(state);
        note!(self.outside.sim, "agency {agency} publishes {name}");
        self.outside.publish(message);
    }

    fn message(&self, agency: usize, kind: MessageKind, body: &serde_json::Value) {
        note!(self.outside.sim, "agency {agency} says {kind:?} {body}");
        self.outside.publish(Message {
            agency: self.outside.agencies[agency].clone(),
            lane: budstikke::domain::kinds::Lane::Normal,
            kind,
            body: body.to_string().into(),
        });
    }

    /// A job is offered over HTTP: no answer means to try again, with somebody else.
    fn offer(&self, agency: usize, name: String) {
        let again = Again::new(&self.outside, Act::Offer(agency, name.clone()));
        let Some(process) = self.somebody() else {
            return;
        };
        let state = self.outside.state.lock();
        let Some(known) = state.oracle.jobs.get(&(agency, name.clone())) else {
            return;
        };
        let body = known.spec.body.clone();
        drop(state);
        let guard = process.worker.lock();
        let Some(worker) = guard.as_ref() else { return };
        let Some(known) = worker.deps.directory.by_id(&self.outside.agencies[agency]) else {
            return;
        };
        let offer = Offer {
            agency: Arc::clone(known),
            body,
            lane: None,
        };
        let (intake, outside, life) = (
            worker.intake.clone(),
            Arc::clone(&self.outside),
            process.life,
        );
        drop(guard);
        self.spawn(process, async move {
            let answer = intake.offer(offer).await;
            let Ok(answer) = answer else {
                outside.count("busy answer over HTTP");
                return;
            };
            note!(outside.sim, "w{life} answers the offer of {name}");
            again.done();
            match answer {
                Answer::Accepted(_) | Answer::Repeated(_) => {
                    let mut state = outside.state.lock();
                    if let Some(known) = state.oracle.jobs.get_mut(&(agency, name)) {
                        known.obliged = true;
                    }
                }
                Answer::Rejected { problems, .. } => {
                    if problems.iter().any(|problem| problem.pointer != "/expires") {
                        outside.violation(format!("{name} is rejected: {problems:?}"));
                    }
                }
                Answer::Conflict(name) => {
                    outside.violation(format!("{name} conflicts with itself"));
                }
            }
        });
    }

    fn halt(&self, agency: Option<usize>, halt: bool) {
        let agency = agency.map(|index| AgencyNo(index as i32 + 1));
        let (real, outside) = (self.real.clone(), Arc::clone(&self.outside));
        let work = async move {
            let at = outside.store_now();
            if real.set_stopped(agency, halt.then_some(at)).await.is_err() {
                outside.violation("the stop cannot be stored".to_owned());
            }
            note!(outside.sim, "traffic of {agency:?} stopped: {halt}");
            let now = outside.sim.now();
            let mut state = outside.state.lock();
            if halt {
                state.stopped.insert(agency, now);
                *state.counts.entry("traffic stopped").or_default() += 1;
            } else {
                state.stopped.remove(&agency);
            }
        };
        self.outside.sim.at(
            self.outside.sim.now(),
            Due::Store(0, "set_stopped", Box::pin(work)),
        );
    }

    /// A gateway sends a receipt until it is taken.
    fn receipt(&self, gateway: String, receipt: Receipt) {
        let again = Again::new(
            &self.outside,
            Act::Receipt(gateway.clone(), receipt.clone()),
        );
        let Some(process) = self.somebody() else {
            return;
        };
        let guard = process.worker.lock();
        let Some(worker) = guard.as_ref() else { return };
        let (receipts, outside, life) = (
            worker.receipts.clone(),
            Arc::clone(&self.outside),
            process.life,
        );
        drop(guard);
        note!(
            outside.sim,
            "w{life} gets a receipt from {gateway}: {receipt:?}"
        );
        self.spawn(process, async move {
            match receipts.take(&gateway, vec![receipt]).await {
                Ok(()) => {
                    again.done();
                    outside.state.lock().receipts_open -= 1;
                }
                Err(_) => outside.count("receipt refused for now"),
            }
        });
    }
}

/// Does it again later unless it is done: its process may be killed meanwhile.
struct Again {
    outside: Arc<Outside>,
    act: Option<Act>,
}

impl Again {
    fn new(outside: &Arc<Outside>, act: Act) -> Self {
        Self {
            outside: Arc::clone(outside),
            act: Some(act),
        }
    }

    fn done(mut self) {
        self.act = None;
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        if let Some(act) = self.act.take() {
            let sim = &self.outside.sim;
            sim.at(sim.now() + 2_500_000, Due::Act(act));
        }
    }
}
