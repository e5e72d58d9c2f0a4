//! Jobs: in, looked at, cancelled, opened.

use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
pub use crate::domain::chunk_text::ChunkContent;
use crate::domain::event::{EventFilter, NewEvent, NotificationFact, Totals};
use crate::domain::ids::{
    AgencyId, AgencyNo, DeliveryId, JobName, JobNo, Occasion, Position, Reference,
};
use crate::domain::job::{Job, Message, Rules};
use crate::domain::kinds::{Channel, Class, Lane};
use crate::domain::person::PersonNumber;
use crate::domain::status::{Reason, Status};
use crate::domain::street::Home;
use crate::domain::time::Timestamp;

/// So many recipients share one row of personal data.
pub const CHUNK_SIZE: u16 = 500;

/// An agency as the configuration knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgencyRecord {
    /// Its id.
    pub id: AgencyId,
    /// Which events it wants.
    pub filter: EventFilter,
}

/// A job to be stored.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Whose.
    pub agency: AgencyNo,
    /// The job as read.
    pub job: Arc<Job>,
    /// The lane asked for. What [`Self::urgent`] has no quota for goes into lane normal, while the
    /// rules keep what was asked.
    pub lane: Lane,
    /// The quota of a job in lane urgent; `None`: nothing is counted.
    pub urgent: Option<UrgentAsk>,
    /// When.
    pub accepted_at: Timestamp,
    /// Its deliveries, in order of position, occasion, channel.
    pub deliveries: Vec<NewDelivery>,
    /// What the agency is told if the job is new (`job.accepted`, and what is settled at once).
    pub events: Vec<NewEvent>,
}

/// What a job in lane urgent asks of its agency's quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrgentAsk {
    /// SMS parts and e-mails within any 60 minutes that the agency may have accepted as urgent.
    pub per_hour: u32,
    /// What each recipient counts, by position.
    pub costs: Vec<u32>,
}

/// A delivery to be stored with its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewDelivery {
    /// Whom.
    pub position: Position,
    /// On which occasion.
    pub occasion: Occasion,
    /// The first choice of channel.
    pub channel: Channel,
    /// The plan may not choose the other channel.
    pub fixed: bool,
    /// Not before.
    pub due: Timestamp,
    /// Already decided at intake: status, reason and who covers it.
    pub settled: Option<(Status, Reason, Option<Position>)>,
}

/// What became of a job that was offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acceptance {
    /// Stored.
    Accepted {
        /// Its number.
        job: JobNo,
        /// So many of its recipients went into lane normal because the urgent quota was used up.
        urgent_over_quota: u64,
    },
    /// The same job with the same content was stored before; nothing changed.
    Repeated(JobView),
    /// Another content is stored under the same name; nothing changed.
    Conflict,
}

/// A job's state as the agency sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Something is unsettled.
    Open,
    /// Every notification of every occasion is settled.
    Finished,
    /// Cancelled by the agency.
    Cancelled,
}

/// A job as the agency sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// The agency's own id.
    pub name: JobName,
    /// Its class.
    pub class: Class,
    /// The lane asked for.
    pub lane_asked: Lane,
    /// The lane granted; differs from `lane_asked` when the urgent quota was used up before the
    /// first recipient.
    pub lane: Lane,
    /// So many recipients went into lane normal because the urgent quota was used up.
    pub urgent_over_quota: u64,
    /// Where it stands.
    pub state: JobState,
    /// When it was stored.
    pub accepted_at: Timestamp,
    /// How many recipients.
    pub recipients: u64,
    /// Notifications by status; of several deliveries of one notification the better one counts.
    pub totals: Totals,
}

/// A job as the pipeline needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    /// Its number.
    pub no: JobNo,
    /// Whose.
    pub agency: AgencyNo,
    /// The agency's own id.
    pub name: JobName,
    /// Its rules.
    pub rules: Rules,
    /// The texts; `None` once erased.
    pub message: Option<Message>,
    /// How many recipients.
    pub recipients: u64,
    /// When it was stored.
    pub accepted_at: Timestamp,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
}

/// Up to [`CHUNK_SIZE`] recipients of a job: positions `no * CHUNK_SIZE ..`.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Which job.
    pub job: JobNo,
    /// Which chunk, from 0.
    pub no: u16,
    /// References, by index.
    pub references: Vec<Reference>,
    /// Persons, by index; empty once erased (`retention.identity`), `None` for a direct address.
    pub persons: Vec<Option<PersonNumber>>,
    /// Direct addresses and values, by index; empty once erased (`retention.text`).
    pub contents: Vec<ChunkContent>,
    /// Where the recipients of a street live, by index; empty for a job without one, and once erased
    /// (`retention.identity`).
    pub homes: Vec<Option<Home>>,
}

/// A page of what became of a job's recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationPage {
    /// In order of position, occasion, channel. The `data` of the latest event, or the unsettled
    /// status. A delivery which failed silently before a fallback is left out.
    pub facts: Vec<NotificationFact>,
    /// Where the next page starts; `None`: this was the last.
    pub next: Option<DeliveryId>,
}

/// Jobs.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Makes the agencies known, in the order given, and keeps their numbers and event filters in
    /// memory: every event written by this store is dropped unless its agency wants its kind.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn sync_agencies(&self, agencies: &[AgencyRecord]) -> Result<Vec<AgencyNo>, StoreError>;

    /// Stores jobs, all in one transaction; the answers are in the order of the jobs. A job of the
    /// same agency and name is [`Acceptance::Repeated`] if the content hash is the same, else
    /// [`Acceptance::Conflict`]; both also hold within one batch. Writes the events: of a new job
    /// those given, of a repeated one `job.accepted` with `repeated` and the present totals, of a
    /// conflict `job.rejected`. Personal data goes to its own rows, [`CHUNK_SIZE`] recipients each.
    ///
    /// A new job with [`NewJob::urgent`] takes the costs of its recipients from its agency's quota,
    /// by the store's clock; from the first recipient on that finds no room they go into lane
    /// normal. However many accept at once, what is accepted as urgent within any 60 minutes MUST
    /// NOT exceed the quota.
    ///
    /// # Errors
    /// [`StoreError`]; then none of the jobs is stored.
    async fn accept(&self, jobs: Vec<NewJob>) -> Result<Vec<Acceptance>, StoreError>;

    /// Writes events that have no other cause in the store, for example `job.rejected`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn tell(&self, events: Vec<NewEvent>) -> Result<(), StoreError>;

    /// One job as its agency sees it; `None` if it has none of that name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn job(&self, agency: AgencyNo, name: &JobName) -> Result<Option<JobView>, StoreError>;

    /// What became of the recipients, `limit` deliveries from `from` (inclusive) on; `None` if the
    /// agency has no job of that name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn notifications(
        &self,
        agency: AgencyNo,
        name: &JobName,
        from: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Option<NotificationPage>, StoreError>;

    /// Cancels what has not left, reminders included: marks the job, so that no intent is written
    /// from now on, settles every delivery that waits (fresh or waiting) as `cancelled` in the
    /// same transaction, with its event, and writes `job.cancelled` (once) with the totals. A
    /// delivery in `slot` 1 (its first try is unknown) is settled as `uncertain`, reason
    /// `no_answer`, instead. A claimed delivery without an open try is settled by its worker, whose
    /// intent is refused. Repeating it changes nothing. A finished job stays finished.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn cancel(
        &self,
        agency: AgencyNo,
        name: &JobName,
        at: Timestamp,
    ) -> Result<Option<JobView>, StoreError>;

    /// The letter was opened: reminders of that recipient that wait are settled as `not_sent` with
    /// reason `opened` (in slot 1 as `uncertain`), with their events, and later intents of occasions above 0 are refused.
    /// Answers whether agency, job and reference exist. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn mark_opened(
        &self,
        agency: AgencyNo,
        name: &JobName,
        reference: &Reference,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Jobs and chunks for planning; what does not exist is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn load(
        &self,
        jobs: &[JobNo],
        chunks: &[(JobNo, u16)],
    ) -> Result<(Vec<JobRecord>, Vec<Chunk>), StoreError>;
}
