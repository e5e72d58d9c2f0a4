//! A store, its time, and the few steps that every case takes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use budstikke::domain::address_limit::AddressLimits;
use budstikke::domain::event::{Event, EventFilter};
use budstikke::domain::ids::{AgencyId, AgencyNo, ClaimId, DeliveryId, JobName, JobNo, WorkerId};
use budstikke::domain::kinds::{Channel, Lane};
use budstikke::domain::pace::Rate;
use budstikke::domain::status::Status;
use budstikke::domain::time::Timestamp;
use budstikke::ports::store::{
    Acceptance, AgencyRecord, Claim, Claimed, Granted, IntentBatch, IntentEntry, Intents, NewJob,
    NotificationPage, Settlement, Store, Want,
};

use super::make;

/// One kind of store under test.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn Store>;
    /// The store's own clock.
    async fn now(&self) -> Timestamp;
    /// Lets time pass by the store's clock: moved where it can be, waited for where it cannot.
    async fn pass(&self, duration: Duration);
    /// Runs a statement past the store; the error is the database's.
    async fn execute(&self, sql: &'static str) -> Result<(), String>;
    /// The one number that a query answers, past the store.
    async fn count(&self, sql: &'static str) -> i64;
    /// Everything that the database has on disk, if the case can read it.
    async fn bytes_on_disk(&self) -> Option<Vec<u8>>;
}

/// A store with two agencies.
pub struct World {
    pub store: Arc<dyn Store>,
    pub backend: Box<dyn Backend>,
    pub oslo: AgencyNo,
    pub bergen: AgencyNo,
}

pub const GATEWAY: &str = "primary";
/// However long ago.
pub const EVER: Timestamp = Timestamp(0);
pub const UNKNOWN_SMS: Duration = Duration::from_secs(600);
pub const UNKNOWN_EMAIL: Duration = Duration::from_secs(900);

impl World {
    pub async fn on(backend: Box<dyn Backend>) -> Self {
        let store = backend.store();
        let numbers = store
            .sync_agencies(&[
                agency("oslo", EventFilter::ALL),
                agency("bergen", EventFilter::ALL),
            ])
            .await
            .unwrap();
        Self {
            store,
            backend,
            oslo: numbers[0],
            bergen: numbers[1],
        }
    }

    pub async fn now(&self) -> Timestamp {
        self.backend.now().await
    }

    pub async fn pass(&self, duration: Duration) {
        self.backend.pass(duration).await;
    }

    pub async fn worker(&self) -> WorkerId {
        self.store.start_worker("test").await.unwrap()
    }

    /// Stores one job that must be new.
    pub async fn accept(&self, job: NewJob) -> JobNo {
        let answers = self.store.accept(vec![job]).await.unwrap();
        match answers.as_slice() {
            [Acceptance::Accepted { job, .. }] => *job,
            other => panic!("not accepted: {other:?}"),
        }
    }

    /// Claims up to `limit` of Oslo's normal lane.
    pub async fn claim(&self, worker: WorkerId, limit: u32) -> Claim {
        self.store
            .claim(
                worker,
                &Channel::ALL
                    .iter()
                    .map(|channel| want_on(*channel, self.oslo, Lane::Normal, limit))
                    .collect::<Vec<_>>(),
            )
            .await
            .unwrap()
    }

    /// Writes tries for claimed deliveries at a rate that limits nothing.
    pub async fn intend(&self, claim: ClaimId, deliveries: &[Claimed]) -> Intents {
        let entries = deliveries.iter().map(|c| entry(claim, c)).collect();
        self.store.intend(batch(entries)).await.unwrap()
    }

    /// As [`Self::intend`]; every one must be granted.
    pub async fn send(&self, claim: ClaimId, deliveries: &[Claimed]) -> Vec<Granted> {
        let intents = self.intend(claim, deliveries).await;
        assert_eq!(intents.refused, []);
        assert_eq!(intents.granted.len(), deliveries.len());
        intents.granted
    }

    /// Accepts a job of `recipients`, claims it all and writes the tries: everything is on the wire.
    pub async fn on_the_wire(&self, name: &str, recipients: u16) -> (JobNo, WorkerId, Claim) {
        let now = self.now().await;
        let job = self
            .accept(make::job(name).to(recipients).by(self.oslo, now))
            .await;
        let worker = self.worker().await;
        let claim = self.claim(worker, u32::from(recipients)).await;
        assert_eq!(claim.deliveries.len(), usize::from(recipients));
        self.send(claim.id, &claim.deliveries).await;
        (job, worker, claim)
    }

    /// Settles; no guard may fail. Answers how many events were written.
    pub async fn settle(&self, settlements: Vec<Settlement>) -> usize {
        let report = self.store.settle(settlements).await.unwrap();
        assert_eq!(report.fenced, [] as [usize; 0]);
        report.events
    }

    /// Every event of an agency so far.
    pub async fn events(&self, agency: AgencyNo) -> Vec<Event> {
        self.store.feed(agency, 0, 100_000).await.unwrap()
    }

    /// How many of Oslo's events are of `kind`, by the contract's word.
    pub async fn count(&self, kind: &str) -> usize {
        let events = self.events(self.oslo).await;
        events.iter().filter(|e| e.kind.as_str() == kind).count()
    }

    /// Oslo's job's whole list of notifications.
    pub async fn page(&self, name: &str) -> NotificationPage {
        self.store
            .notifications(self.oslo, &job_name(name), None, 1_000)
            .await
            .unwrap()
            .unwrap()
    }

    /// The statuses in Oslo's job's list, in order.
    pub async fn statuses(&self, name: &str) -> Vec<Status> {
        let page = self.page(name).await;
        page.facts.iter().map(|fact| fact.status).collect()
    }

    /// Totals of Oslo's job as `{status: number}` text.
    pub async fn totals(&self, name: &str) -> String {
        let view = self.store.job(self.oslo, &job_name(name)).await.unwrap();
        view.unwrap().totals.to_json().to_string()
    }
}

pub fn agency(id: &str, filter: EventFilter) -> AgencyRecord {
    AgencyRecord {
        id: AgencyId::parse(id).unwrap(),
        filter,
    }
}

pub fn job_name(name: &str) -> JobName {
    JobName::parse(name).unwrap()
}

pub const fn want(agency: AgencyNo, lane: Lane, limit: u32) -> Want {
    want_on(Channel::Sms, agency, lane, limit)
}

pub const fn want_on(channel: Channel, agency: AgencyNo, lane: Lane, limit: u32) -> Want {
    Want {
        agency,
        lane,
        channel,
        limit,
    }
}

/// The next try of a claimed delivery, on its own channel, of cost 1.
pub fn entry(claim: ClaimId, claimed: &Claimed) -> IntentEntry {
    IntentEntry {
        delivery: claimed.delivery,
        channel: claimed.delivery.channel(),
        claim,
        slot: claimed.slot,
        attempt: claimed.attempts,
        again: false,
        cost: 1,
        agency: claimed.agency,
        cover: None,
        address: None,
    }
}

/// A batch at a rate that limits nothing.
pub fn batch(entries: Vec<IntentEntry>) -> IntentBatch {
    IntentBatch {
        gateway: GATEWAY.to_owned(),
        rate: Rate::new(1e6, 100_000).unwrap(),
        lead: std::time::Duration::ZERO,
        turns: budstikke::domain::pace::Turns::NONE,
        ahead: Duration::from_millis(250),
        agency_rates: Vec::new(),
        address_limits: AddressLimits::default(),
        entries,
    }
}

/// The ids of claimed deliveries.
pub fn ids(claim: &Claim) -> Vec<DeliveryId> {
    claim.deliveries.iter().map(|c| c.delivery).collect()
}
