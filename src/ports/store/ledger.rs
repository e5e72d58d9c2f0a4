//! The ledger: claims, intents, outcomes. The bound on duplicates lives here, as constraints.

use std::time::Duration;

use async_trait::async_trait;

use super::{AgencyRate, SettleReport, Settlement, StoreError};
use crate::domain::address_limit::{AddressLimits, AddressUse};
use crate::domain::ids::{AgencyNo, ClaimId, DeliveryId, Position, WorkerId};
use crate::domain::kinds::{Channel, Lane};
use crate::domain::pace::{Rate, Turns};
use crate::domain::time::Timestamp;

/// A want of fewer is looked for from the head of what is due.
pub const SMALL_CLAIM: u32 = 16;

/// So long after a look from the head the claims of a worker may begin behind what it took last.
pub const PASSED_OVER: Duration = Duration::from_millis(250);

/// How much work of one agency and lane on one channel a worker can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// Whose.
    pub agency: AgencyNo,
    /// Which lane.
    pub lane: Lane,
    /// Which channel, of the rows: the plan may choose the other one later.
    pub channel: Channel,
    /// At most so many.
    pub limit: u32,
}

/// What a claim took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The epoch of all of them.
    pub id: ClaimId,
    /// In the order of the wants, then due, then id.
    pub deliveries: Vec<Claimed>,
}

/// A delivery that a claim took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    /// Which.
    pub delivery: DeliveryId,
    /// Whose.
    pub agency: AgencyNo,
    /// Its lane.
    pub lane: Lane,
    /// The plan may not choose the other channel.
    pub fixed: bool,
    /// The slot of the next try: 1 after an unknown one.
    pub slot: u8,
    /// How many tries were written, of any slot; the number of the next one.
    pub attempts: u32,
    /// How many tries were used up (a pause of the gateway uses none).
    pub tries: u32,
    /// When it became due.
    pub due: Timestamp,
}

/// Tries to be written before their first byte.
#[derive(Debug, Clone, PartialEq)]
pub struct IntentBatch {
    /// The gateway or relay, whose bucket pays.
    pub gateway: String,
    /// Its rate.
    pub rate: Rate,
    /// No slot earlier than this from now: what the worker needs for the answer to reach it, to
    /// connect and to speak up to the point of no return.
    pub lead: Duration,
    /// From when on, counted after `lead`, the k-th that gets a slot can use it.
    pub turns: Turns,
    /// No slot further ahead than this (250 ms; urgent 500 ms), counted after `lead`.
    pub ahead: Duration,
    /// Agencies with rates of their own; at most one for each agency and channel.
    pub agency_rates: Vec<AgencyRate>,
    /// What one address may get.
    pub address_limits: AddressLimits,
    /// In order of precedence: the first get the slots.
    pub entries: Vec<IntentEntry>,
}

/// One try to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentEntry {
    /// The delivery as claimed.
    pub delivery: DeliveryId,
    /// Whose it is.
    pub agency: AgencyNo,
    /// The channel of the try. If it differs from the delivery's own, the row takes the id
    /// `delivery.on(channel)`; allowed only while no try was written (`attempts` = 0).
    pub channel: Channel,
    /// The epoch.
    pub claim: ClaimId,
    /// The slot.
    pub slot: u8,
    /// The number of the try.
    pub attempt: u32,
    /// The try is written, and its slot is over: it asks for another one and nothing else. Granted
    /// only as long as it is live and would be granted if it were new.
    pub again: bool,
    /// Its cost: SMS parts, or 1.
    pub cost: u32,
    /// For service messages with several recipients: a digest of channel, address and text. Only
    /// the first recipient of the job (per occasion) that writes an intent with it may send.
    pub cover: Option<[u8; 16]>,
    /// Where it goes and what it says; `None`: not limited.
    pub address: Option<AddressUse>,
}

/// What became of an intent batch. An entry in neither list has no slot yet: it is still claimed
/// and may be offered again after `next_in`, and after what `agencies` says of its agency. Should
/// both be zero, it goes to the address of an earlier entry and may be offered again at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intents {
    /// Written and committed, now or when they asked first: may, and must, be sent at its time.
    pub granted: Vec<Granted>,
    /// Not written, and why.
    pub refused: Vec<(usize, Refused)>,
    /// How long until the gateway's bucket has a slot within reach again, counted like the slots;
    /// zero if it has.
    pub next_in: Duration,
    /// Agencies whose own rate is used up, and how long until they have a slot within reach again.
    pub agencies: Vec<(AgencyNo, Duration)>,
    /// How long before this answer was given the store's clock was read. The slots count from then:
    /// a slow commit does not make them later.
    pub read_ago: Duration,
}

/// One written try, and its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// Index in the batch.
    pub index: usize,
    /// When its slot begins, counted from when the clock was read ([`Intents::read_ago`]).
    pub starts_in: Duration,
}

/// Why an intent was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The claim does not hold the delivery any more: forget it.
    Fenced,
    /// A live try stands in the slot: forget it; reconcile deals with it.
    LiveTry,
    /// The job was cancelled.
    Cancelled,
    /// The letter was opened (occasions above 0).
    Opened,
    /// The agency's traffic, or all of it, is stopped; hand the delivery back.
    Stopped,
    /// That position of the same job got the message.
    Covered(Position),
    /// The address got as much as it may within an hour; hand the delivery back, due then.
    OverLimit {
        /// When there will be room, by the store's clock.
        until: Timestamp,
    },
}

/// A delivery whose try is unknown and whose time to wait for a receipt is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownDelivery {
    /// Which.
    pub delivery: DeliveryId,
    /// Whose.
    pub agency: AgencyNo,
    /// The slot of the unknown try.
    pub slot: u8,
    /// Tries used up.
    pub tries: u32,
    /// The version.
    pub version: i32,
    /// Until when it was to wait.
    pub due: Timestamp,
}

/// The ledger.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Claims due deliveries (fresh or waiting, `due` ≤ now) for a worker under one new epoch.
    /// MUST NOT take one that another claim holds, whatever the number of callers; MUST NOT wait
    /// for rows that another caller is just taking. Agencies that are stopped are passed over. With
    /// nothing due no epoch is made and `deliveries` is empty.
    ///
    /// After a want of [`SMALL_CLAIM`] or more that was filled, the next such one MAY begin behind
    /// what was taken last. What comes to lie before that, handed back or committed late, is passed
    /// over by the claims of the next [`PASSED_OVER`] at most, and never by the one that follows a
    /// claim that found less than was wanted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn claim(&self, worker: WorkerId, wants: &[Want]) -> Result<Claim, StoreError>;

    /// Writes tries and takes their rate slots in one transaction; committed when it returns. At
    /// most one live try (no outcome, accepted, or unknown) per (delivery, slot), as a constraint.
    ///
    /// Slots: with `tat` the bucket's theoretical arrival time and `now` the store's clock plus
    /// `lead`, an entry of cost c starts at `max(tat, now)` and moves `tat` to that plus `c · interval`; entries are
    /// taken in order while the start is no further ahead than `ahead`, and none while the bucket
    /// is paused. `burst` > 1 lets `tat` lag `(burst - 1) · interval` behind now. An entry of an
    /// agency with a rate of its own needs a slot of both buckets, as in
    /// [`joint`](crate::domain::pace::joint).
    ///
    /// Addresses: of what would get a slot, no more is written per address within an hour than
    /// [`AddressLimits`] says, whatever the number of callers and gateways; a refused entry takes
    /// neither a slot nor room of its address.
    ///
    /// # Errors
    /// [`StoreError`]: nothing may be sent. (Should the commit nevertheless have taken effect, the
    /// tries stay open until the worker's own [`Ledger::abandon`] or the reaper makes them unknown.)
    async fn intend(&self, batch: IntentBatch) -> Result<Intents, StoreError>;

    /// Writes outcomes, next states, fallback deliveries, job counters and events in one
    /// transaction. A settlement whose guard does not hold is left out whole and reported. When the
    /// last open delivery of a job is settled for the first time, `job.finished` is written with
    /// the totals.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<SettleReport, StoreError>;

    /// Gives claimed deliveries without an open try back: waiting, due as before or at `due`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn hand_back(
        &self,
        deliveries: &[(DeliveryId, ClaimId)],
        due: Option<Timestamp>,
    ) -> Result<(), StoreError>;

    /// Gives back, due as before, what claims of `worker` hold without an open try that are older
    /// than `older_than` by the store's clock and not among the `known`: a claim whose commit was in
    /// doubt may have taken effect without its worker knowing. Answers how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn hand_back_strays(
        &self,
        worker: WorkerId,
        older_than: Duration,
        known: &[ClaimId],
    ) -> Result<u64, StoreError>;

    /// After an [`Ledger::intend`] whose commit is in doubt: what has an open try becomes unknown
    /// (waiting for a receipt until `now + unknown`), what has none is handed back.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn abandon(
        &self,
        deliveries: &[(DeliveryId, ClaimId)],
        unknown_sms: Duration,
        unknown_email: Duration,
    ) -> Result<(), StoreError>;

    /// Up to `limit` deliveries in state unknown whose time is over, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn due_unknown(&self, limit: u32) -> Result<Vec<UnknownDelivery>, StoreError>;

    /// Pauses a gateway's bucket for the whole fleet: no slot begins earlier than now + `pause`.
    /// A shorter pause never ends a longer one.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn pause(&self, gateway: &str, pause: Duration) -> Result<(), StoreError>;

    /// Whether a try whose intent is some time ago may still leave: neither its agency nor everybody is
    /// stopped, its job is not cancelled, and its letter was not opened (occasions above 0).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn is_wanted(&self, agency: AgencyNo, delivery: DeliveryId) -> Result<bool, StoreError>;

    /// Stops (`Some(at)`) or resumes an agency's traffic, or everybody's (`agency` = `None`).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn set_stopped(
        &self,
        agency: Option<AgencyNo>,
        stopped: Option<Timestamp>,
    ) -> Result<(), StoreError>;
}
