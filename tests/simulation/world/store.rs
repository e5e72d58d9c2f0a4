//! The real store, one call at a time at a simulated moment, with the faults of a store far away:
//! a call may be slow, fail before its effect, or fail after it (the commit is in doubt). A worker
//! that is killed meanwhile never learns what became of its call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use budstikke::adapters::sqlite::SqliteStore;
use budstikke::domain::event::NewEvent;
use budstikke::domain::ids::{
    AgencyNo, ClaimId, DeliveryId, JobName, JobNo, Reference, WorkerId,
};
use budstikke::domain::person::PersonNumber;
use budstikke::domain::receipt::{Receipt, ReceiptKey};
use budstikke::domain::time::Timestamp;
use budstikke::domain::event::Event;
use budstikke::ports::store::*;
use futures::channel::oneshot;

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

fn away() -> StoreError {
    StoreError::Unavailable("the simulated connection broke".into())
}

impl FarStore {
    async fn call<T, F, W>(&self, name: &'static str, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
        W: FnOnce(SqliteStore, Arc<Outside>) -> F + Send + 'static,
        F: 'static,
    {
        let sim = self.outside.sim.clone();
        let life = self.life;
        let weather = self.outside.state.lock().store;
        let (there, back, lost_there, lost_back) = sim.draw(|rng| {
            let slow = rng.chance(weather.slow);
            let there = if slow { rng.within(300_000..6_000_000) } else { rng.latency(100..3_000) };
            (
                there,
                rng.latency(100..3_000),
                rng.chance(weather.fail_before),
                rng.chance(weather.fail_after),
            )
        });
        sim.sleep(life, Duration::from_micros(there)).await;
        if lost_there {
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
        sim.sleep(life, Duration::from_micros(back)).await;
        if lost_back {
            note!(sim, "w{life} store {name}: done, and its answer lost");
            self.outside.count("store call with its answer lost");
            return Err(away());
        }
        if let Err(error) = &result {
            self.outside.violation(format!("the store refuses {name}: {error:?}"));
        }
        result
    }
}

#[async_trait]
impl Jobs for FarStore {
    async fn sync_agencies(&self, agencies: &[AgencyRecord]) -> Result<Vec<AgencyNo>, StoreError> {
        let agencies = agencies.to_vec();
        self.call("sync_agencies", async move |s: SqliteStore, _| s.sync_agencies(&agencies).await).await
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
        self.call("tell", async move |s: SqliteStore, _| s.tell(events).await).await
    }

    async fn job(&self, agency: AgencyNo, name: &JobName) -> Result<Option<JobView>, StoreError> {
        let name = name.clone();
        self.call("job", async move |s: SqliteStore, _| s.job(agency, &name).await).await
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
        self.call("mark_opened", async move |s: SqliteStore, out: Arc<Outside>| {
            let known = s.mark_opened(agency, &name, &reference, at).await?;
            out.opened(agency, &name, &reference);
            Ok(known)
        })
        .await
    }

    async fn load(
        &self,
        jobs: &[JobNo],
        chunks: &[(JobNo, u16)],
    ) -> Result<(Vec<JobRecord>, Vec<Chunk>), StoreError> {
        let (jobs, chunks) = (jobs.to_vec(), chunks.to_vec());
        self.call("load", async move |s: SqliteStore, _| s.load(&jobs, &chunks).await).await
    }
}

#[async_trait]
impl Ledger for FarStore {
    async fn claim(&self, worker: WorkerId, wants: &[Want]) -> Result<Claim, StoreError> {
        let (wants, life) = (wants.to_vec(), self.life);
        self.call("claim", async move |s: SqliteStore, out: Arc<Outside>| {
            let claim = s.claim(worker, &wants).await?;
            if !claim.deliveries.is_empty() {
                note!(out.sim, "w{life} claims {:?} of {:?}", claim.id.0, ids(&claim));
            }
            Ok(claim)
        })
        .await
    }

    async fn intend(&self, batch: IntentBatch) -> Result<Intents, StoreError> {
        let life = self.life;
        self.call("intend", async move |s: SqliteStore, out: Arc<Outside>| {
            let intents = s.intend(batch.clone()).await?;
            out.intended(life, &batch, &intents);
            Ok(intents)
        })
        .await
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
        self.call("hand_back", async move |s: SqliteStore, out: Arc<Outside>| {
            note!(out.sim, "w{life} hands back {deliveries:?}");
            s.hand_back(&deliveries, due).await
        })
        .await
    }

    async fn hand_back_strays(
        &self,
        worker: WorkerId,
        older_than: Duration,
        known: &[ClaimId],
    ) -> Result<u64, StoreError> {
        let known = known.to_vec();
        self.call("hand_back_strays", async move |s: SqliteStore, out: Arc<Outside>| {
            let strays = s.hand_back_strays(worker, older_than, &known).await?;
            if strays > 0 {
                out.count("stray claims found");
            }
            Ok(strays)
        })
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
        self.call("due_unknown", async move |s: SqliteStore, _| s.due_unknown(limit).await).await
    }

    async fn pause(&self, gateway: &str, pause: Duration) -> Result<(), StoreError> {
        let gateway = gateway.to_owned();
        self.call("pause", async move |s: SqliteStore, _| s.pause(&gateway, pause).await).await
    }

    async fn set_stopped(
        &self,
        agency: Option<AgencyNo>,
        stopped: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.call("set_stopped", async move |s: SqliteStore, _| s.set_stopped(agency, stopped).await)
            .await
    }
}

fn ids(claim: &Claim) -> Vec<DeliveryId> {
    claim.deliveries.iter().map(|c| c.delivery).collect()
}

#[async_trait]
impl Outbox for FarStore {
    async fn lease(&self, role: &str, worker: WorkerId, ttl: Duration) -> Result<bool, StoreError> {
        let role = role.to_owned();
        self.call("lease", async move |s: SqliteStore, _| s.lease(&role, worker, ttl).await).await
    }

    async fn release(&self, role: &str, worker: WorkerId) -> Result<(), StoreError> {
        let role = role.to_owned();
        self.call("release", async move |s: SqliteStore, _| s.release(&role, worker).await).await
    }

    async fn number_events(&self, limit: u32) -> Result<u32, StoreError> {
        self.call("number_events", async move |s: SqliteStore, _| s.number_events(limit).await).await
    }

    async fn unpublished(&self, limit: u32) -> Result<Vec<Unpublished>, StoreError> {
        self.call("unpublished", async move |s: SqliteStore, _| s.unpublished(limit).await).await
    }

    async fn mark_published(&self, upto: &[(AgencyNo, i64)]) -> Result<(), StoreError> {
        let upto = upto.to_vec();
        self.call("mark_published", async move |s: SqliteStore, _| s.mark_published(&upto).await).await
    }

    async fn feed(&self, agency: AgencyNo, after: i64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.call("feed", async move |s: SqliteStore, _| s.feed(agency, after, limit).await).await
    }
}

#[async_trait]
impl Workers for FarStore {
    async fn start_worker(&self, name: &str) -> Result<WorkerId, StoreError> {
        let (name, life) = (name.to_owned(), self.life);
        self.call("start_worker", async move |s: SqliteStore, out: Arc<Outside>| {
            let worker = s.start_worker(&name).await?;
            note!(out.sim, "w{life} is worker {worker}");
            Ok(worker)
        })
        .await
    }

    async fn heartbeat(&self, worker: WorkerId) -> Result<Option<Timestamp>, StoreError> {
        let life = self.life;
        self.call("heartbeat", async move |s: SqliteStore, out: Arc<Outside>| {
            let alive = s.heartbeat(worker).await?;
            if alive.is_none() {
                note!(out.sim, "w{life} was taken for dead");
                out.count("worker taken for dead");
            }
            Ok(alive)
        })
        .await
    }

    async fn end_worker(
        &self,
        worker: WorkerId,
        unknown_sms: Duration,
        unknown_email: Duration,
    ) -> Result<(), StoreError> {
        self.call("end_worker", async move |s: SqliteStore, _| {
            s.end_worker(worker, unknown_sms, unknown_email).await
        })
        .await
    }

    async fn reap(
        &self,
        dead_after: Duration,
        unknown_sms: Duration,
        unknown_email: Duration,
    ) -> Result<Reaped, StoreError> {
        let life = self.life;
        self.call("reap", async move |s: SqliteStore, out: Arc<Outside>| {
            let reaped = s.reap(dead_after, unknown_sms, unknown_email).await?;
            if reaped.workers > 0 {
                note!(out.sim, "w{life} reaps {reaped:?}");
                out.reaped(reaped);
            }
            Ok(reaped)
        })
        .await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        self.call("backlog", async move |s: SqliteStore, _| s.backlog().await).await
    }

    async fn raise_lanes(&self, after: Duration, limit: u32) -> Result<u64, StoreError> {
        self.call("raise_lanes", async move |s: SqliteStore, _| s.raise_lanes(after, limit).await).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.call("ping", async move |s: SqliteStore, _| s.ping().await).await
    }
}

#[async_trait]
impl Parking for FarStore {
    async fn find_tries(
        &self,
        gateway: &str,
        keys: &[ReceiptKey],
    ) -> Result<Vec<Option<FoundTry>>, StoreError> {
        let (gateway, keys) = (gateway.to_owned(), keys.to_vec());
        self.call("find_tries", async move |s: SqliteStore, _| s.find_tries(&gateway, &keys).await).await
    }

    async fn park(&self, gateway: &str, receipts: &[Receipt], at: Timestamp) -> Result<(), StoreError> {
        let (gateway, receipts) = (gateway.to_owned(), receipts.to_vec());
        self.call("park", async move |s: SqliteStore, out: Arc<Outside>| {
            out.count("receipt parked");
            s.park(&gateway, &receipts, at).await
        })
        .await
    }

    async fn parked(&self, after: i64, limit: u32) -> Result<Vec<ParkedReceipt>, StoreError> {
        self.call("parked", async move |s: SqliteStore, _| s.parked(after, limit).await).await
    }

    async fn unpark(&self, ids: &[i64]) -> Result<(), StoreError> {
        let ids = ids.to_vec();
        self.call("unpark", async move |s: SqliteStore, _| s.unpark(&ids).await).await
    }
}

#[async_trait]
impl Keys for FarStore {
    async fn add_key(&self, agency: AgencyNo, hash: [u8; 32], at: Timestamp) -> Result<(), StoreError> {
        self.call("add_key", async move |s: SqliteStore, _| s.add_key(agency, hash, at).await).await
    }

    async fn key_owner(&self, hash: [u8; 32]) -> Result<Option<AgencyNo>, StoreError> {
        self.call("key_owner", async move |s: SqliteStore, _| s.key_owner(hash).await).await
    }
}

#[async_trait]
impl Contacts for FarStore {
    async fn put_contacts(&self, rows: &[ContactRow]) -> Result<(), StoreError> {
        let rows = rows.to_vec();
        self.call("put_contacts", async move |s: SqliteStore, _| s.put_contacts(&rows).await).await
    }

    async fn contacts(&self, persons: &[PersonNumber]) -> Result<Vec<ContactRow>, StoreError> {
        let persons = persons.to_vec();
        self.call("contacts", async move |s: SqliteStore, _| s.contacts(&persons).await).await
    }

    async fn contacts_after(
        &self,
        after: Option<&PersonNumber>,
        limit: u32,
    ) -> Result<Vec<ContactRow>, StoreError> {
        let after = after.cloned();
        self.call("contacts_after", async move |s: SqliteStore, _| {
            s.contacts_after(after.as_ref(), limit).await
        })
        .await
    }
}

#[async_trait]
impl Retention for FarStore {
    async fn erase(
        &self,
        texts: Timestamp,
        identities: Timestamp,
        facts: Timestamp,
        events: Timestamp,
        limit: u32,
    ) -> Result<Erased, StoreError> {
        self.call("erase", async move |s: SqliteStore, _| {
            s.erase(texts, identities, facts, events, limit).await
        })
        .await
    }
}
