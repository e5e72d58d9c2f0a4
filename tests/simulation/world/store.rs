//! The real store, one call at a time at a simulated moment, with the faults of a store far away:
//! a call may be slow, fail before its effect, or fail after it (the commit is in doubt). A worker
//! that is killed meanwhile never learns what became of its call.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use budstikke::adapters::sqlite::SqliteStore;
use budstikke::domain::event::NewEvent;
use budstikke::domain::ids::{AgencyNo, ClaimId, DeliveryId, JobName, JobNo, Reference, WorkerId};
use budstikke::domain::time::Timestamp;
use budstikke::ports::store::*;
use futures::channel::oneshot;

use super::aim::Fate;
use super::outside::Outside;
use super::time::{Due, Life, note};

/// A worker's way to the store.
pub struct FarStore {
    pub outside: Arc<Outside>,
    pub real: SqliteStore,
    pub life: Life,
}

impl fmt::Debug for FarStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FarStore")
    }
}

/// How the store behaves at present.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreWeather {
    pub fail_before: f64,
    pub fail_after: f64,
    pub slow: f64,
}

/// A call that takes so many microseconds is slow.
const SLOW: u64 = 300_000;

fn away() -> StoreError {
    StoreError::Unavailable("the simulated connection broke".into())
}

impl FarStore {
    pub(super) async fn call<T, F, W>(&self, name: &'static str, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
        W: FnOnce(SqliteStore, Arc<Outside>) -> F + Send + 'static,
        F: 'static,
    {
        let sim = self.outside.sim.clone();
        let life = self.life;
        let weather = self.outside.state.lock().store;
        let aim = self.outside.aimed(name);
        let (there, back, lost_there, lost_back) = sim.draw(|rng| {
            let slow = rng.chance(weather.slow);
            let there = if slow {
                rng.within(SLOW..6_000_000)
            } else {
                rng.latency(100..3_000)
            };
            (
                there,
                rng.latency(100..3_000),
                rng.chance(weather.fail_before),
                rng.chance(weather.fail_after),
            )
        });
        let is = |fate| aim.is_some_and(|aim| aim.fate == fate);
        let there = match aim {
            Some(aim) if aim.fate == Fate::Slow => aim.slow,
            Some(_) | None => there,
        };
        if there >= SLOW {
            note!(sim, "w{life} store {name}: slow");
            self.outside.met(name, Fate::Slow);
        }
        sim.sleep(life, Duration::from_micros(there)).await;
        if lost_there || is(Fate::Before) {
            self.outside.met(name, Fate::Before);
            note!(sim, "w{life} store {name}: lost on the way there");
            self.outside.count("store call lost before its effect");
            return Err(away());
        }
        let (answer, answered) = oneshot::channel();
        let (real, outside) = (self.real.clone(), Arc::clone(&self.outside));
        let work = async move {
            let result = work(real, outside).await;
            // A killed worker listens no more.
            drop(answer.send(result));
        };
        sim.at(sim.now(), Due::Store(life, name, Box::pin(work)));
        let result = answered.await.map_err(|_gone| away())?;
        let back = back + aim.map_or(0, |aim| aim.back);
        sim.sleep(life, Duration::from_micros(back)).await;
        if lost_back || is(Fate::After) {
            self.outside.met(name, Fate::After);
            note!(sim, "w{life} store {name}: done, and its answer lost");
            self.outside.count("store call with its answer lost");
            return Err(away());
        }
        if let Err(error) = &result {
            self.outside
                .violation(format!("the store refuses {name}: {error:?}"));
        }
        result
    }
}

#[async_trait]
impl Jobs for FarStore {
    async fn sync_agencies(&self, agencies: &[AgencyRecord]) -> Result<Vec<AgencyNo>, StoreError> {
        let agencies = agencies.to_vec();
        self.call("sync_agencies", async move |s: SqliteStore, _| {
            s.sync_agencies(&agencies).await
        })
        .await
    }

    async fn accept(&self, jobs: Vec<NewJob>) -> Result<Vec<Acceptance>, StoreError> {
        self.call("accept", async move |s: SqliteStore, out: Arc<Outside>| {
            let result = s.accept(jobs.clone()).await?;
            out.accepted(&jobs, &result);
            Ok(result)
        })
        .await
    }

    async fn tell(&self, events: Vec<NewEvent>) -> Result<(), StoreError> {
        self.call("tell", async move |s: SqliteStore, _| s.tell(events).await)
            .await
    }

    async fn job(&self, agency: AgencyNo, name: &JobName) -> Result<Option<JobView>, StoreError> {
        let name = name.clone();
        self.call("job", async move |s: SqliteStore, _| {
            s.job(agency, &name).await
        })
        .await
    }

    async fn notifications(
        &self,
        agency: AgencyNo,
        name: &JobName,
        from: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Option<NotificationPage>, StoreError> {
        let name = name.clone();
        self.call("notifications", async move |s: SqliteStore, _| {
            s.notifications(agency, &name, from, limit).await
        })
        .await
    }

    async fn cancel(
        &self,
        agency: AgencyNo,
        name: &JobName,
        at: Timestamp,
    ) -> Result<Option<JobView>, StoreError> {
        let name = name.clone();
        self.call("cancel", async move |s: SqliteStore, out: Arc<Outside>| {
            let view = s.cancel(agency, &name, at).await?;
            out.cancelled(agency, &name, view.as_ref());
            Ok(view)
        })
        .await
    }

    async fn mark_opened(
        &self,
        agency: AgencyNo,
        name: &JobName,
        reference: &Reference,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (name, reference) = (name.clone(), reference.clone());
        self.call(
            "mark_opened",
            async move |s: SqliteStore, out: Arc<Outside>| {
                let known = s.mark_opened(agency, &name, &reference, at).await?;
                out.opened(agency, &name, &reference);
                Ok(known)
            },
        )
        .await
    }

    async fn load(
        &self,
        jobs: &[JobNo],
        chunks: &[(JobNo, u16)],
    ) -> Result<(Vec<JobRecord>, Vec<Chunk>), StoreError> {
        let (jobs, chunks) = (jobs.to_vec(), chunks.to_vec());
        self.call("load", async move |s: SqliteStore, _| {
            s.load(&jobs, &chunks).await
        })
        .await
    }
}

#[async_trait]
impl Ledger for FarStore {
    async fn claim(&self, worker: WorkerId, wants: &[Want]) -> Result<Claim, StoreError> {
        let (wants, life) = (wants.to_vec(), self.life);
        self.call("claim", async move |s: SqliteStore, out: Arc<Outside>| {
            let claim = s.claim(worker, &wants).await?;
            if !claim.deliveries.is_empty() {
                note!(
                    out.sim,
                    "w{life} claims {:?} of {:?}",
                    claim.id.0,
                    ids(&claim)
                );
            }
            Ok(claim)
        })
        .await
    }

    async fn intend(&self, batch: IntentBatch) -> Result<Intents, StoreError> {
        let life = self.life;
        let read_at = Arc::new(AtomicU64::new(0));
        let reading = Arc::clone(&read_at);
        let asked = self.call("intend", async move |s: SqliteStore, out: Arc<Outside>| {
            let intents = s.intend(batch.clone()).await?;
            reading.store(out.sim.now(), Ordering::Relaxed);
            out.intended(life, &batch, &intents);
            Ok(intents)
        });
        let mut intents = asked.await?;
        // The way back is longer than what the real store knows of.
        let travelled = self.outside.sim.now() - read_at.load(Ordering::Relaxed);
        intents.read_ago += Duration::from_micros(travelled);
        Ok(intents)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<SettleReport, StoreError> {
        let life = self.life;
        self.call("settle", async move |s: SqliteStore, out: Arc<Outside>| {
            let report = s.settle(settlements.clone()).await?;
            out.settled(life, &settlements, &report);
            Ok(report)
        })
        .await
    }

    async fn hand_back(
        &self,
        deliveries: &[(DeliveryId, ClaimId)],
        due: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let (deliveries, life) = (deliveries.to_vec(), self.life);
        self.call(
            "hand_back",
            async move |s: SqliteStore, out: Arc<Outside>| {
                note!(out.sim, "w{life} hands back {deliveries:?}");
                s.hand_back(&deliveries, due).await
            },
        )
        .await
    }

    async fn hand_back_strays(
        &self,
        worker: WorkerId,
        older_than: Duration,
        known: &[ClaimId],
    ) -> Result<u64, StoreError> {
        let known = known.to_vec();
        self.call(
            "hand_back_strays",
            async move |s: SqliteStore, out: Arc<Outside>| {
                let strays = s.hand_back_strays(worker, older_than, &known).await?;
                if strays > 0 {
                    out.count("stray claims found");
                }
                Ok(strays)
            },
        )
        .await
    }

    async fn abandon(
        &self,
        deliveries: &[(DeliveryId, ClaimId)],
        unknown_sms: Duration,
        unknown_email: Duration,
    ) -> Result<(), StoreError> {
        let (deliveries, life) = (deliveries.to_vec(), self.life);
        self.call("abandon", async move |s: SqliteStore, out: Arc<Outside>| {
            note!(out.sim, "w{life} abandons {deliveries:?}");
            out.count("intents abandoned");
            s.abandon(&deliveries, unknown_sms, unknown_email).await
        })
        .await
    }

    async fn due_unknown(&self, limit: u32) -> Result<Vec<UnknownDelivery>, StoreError> {
        self.call("due_unknown", async move |s: SqliteStore, _| {
            s.due_unknown(limit).await
        })
        .await
    }

    async fn pause(&self, gateway: &str, pause: Duration) -> Result<(), StoreError> {
        let gateway = gateway.to_owned();
        self.call("pause", async move |s: SqliteStore, _| {
            s.pause(&gateway, pause).await
        })
        .await
    }

    async fn is_wanted(&self, agency: AgencyNo, delivery: DeliveryId) -> Result<bool, StoreError> {
        self.call("is_wanted", async move |s: SqliteStore, _| {
            s.is_wanted(agency, delivery).await
        })
        .await
    }

    async fn set_stopped(
        &self,
        agency: Option<AgencyNo>,
        stopped: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.call("set_stopped", async move |s: SqliteStore, _| {
            s.set_stopped(agency, stopped).await
        })
        .await
    }
}

fn ids(claim: &Claim) -> Vec<DeliveryId> {
    claim.deliveries.iter().map(|c| c.delivery).collect()
}
