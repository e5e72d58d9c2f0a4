//! The store: the truth. Jobs and what became of them, the ledger of tries, rates, events, workers,
//! API keys and the local register's table.
//!
//! One trait per noun; whatever must be atomic is one method. Every implementation passes the
//! suite in `tests/store_contract`. Where a method compares with "now" the store asks its own
//! clock (PostgreSQL: the database's, so that a fleet shares one; SQLite: the process's).
//! Methods take batches; an empty batch is answered without touching the database.

mod audit;
mod contacts;
mod evidence;
mod health;
mod history;
mod jobs;
mod keys;
mod ledger;
mod opt_outs;
mod outbox;
mod parking;
mod reach;
mod residents;
mod retention;
mod sessions;
mod settlement;
mod slots;
mod workers;

pub use audit::{Audit, AuditQuery, Strand};
pub use contacts::{ContactChanges, ContactRow, Contacts};
pub use evidence::{Evidence, LetterDelivery, LetterFact, LetterFile, LetterTry};
pub use health::{FleetView, GatewayChange, GatewayRow, GatewayStep, Health};
pub use history::{History, PersonMessage};
pub use jobs::{
    Acceptance, AgencyRecord, CHUNK_SIZE, Chunk, ChunkContent, JobRecord, JobState, JobView, Jobs,
    NewDelivery, NewJob, NotificationPage, UrgentAsk,
};
pub use keys::Keys;
pub use ledger::{
    Claim, Claimed, Granted, IntentBatch, IntentEntry, Intents, Ledger, PASSED_OVER, Refused,
    SMALL_CLAIM, UnknownDelivery, Want,
};
pub use opt_outs::{OptOutEntry, OptOutRow, OptOuts};
pub use outbox::{Outbox, Unpublished};
pub use parking::{FoundTry, ParkedReceipt, Parking};
pub use reach::{Homes, Reached};
pub use residents::Residents;
pub use retention::{Erased, Retention};
pub use sessions::{
    CODE_GUESSES, CODE_LIFE, CODE_WINDOW, Guess, NewCode, NewSession, SESSION_AT_MOST,
    SESSION_IDLE, Session, Sessions,
};
pub use settlement::{Guard, Label, Next, SettleReport, Settlement, TryOutcome, TryResult};
pub use slots::{Addressees, AgencyRate, BatchSlots, BucketRow, Buckets};
pub use workers::{Backlog, Reaped, Workers};

use super::BoxError;

/// Why the store did not do it. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or it took too long; the same call may work later. Whether a commit
    /// took effect may be unknown: callers re-read or rely on a guard.
    #[error("the store cannot be reached")]
    Unavailable(#[source] BoxError),
    /// A row that does not decode; the rest of the batch is not affected where possible.
    #[error("row {id} of {table} does not decode")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// Which row.
        id: String,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The schema is not the one this program was built for.
    #[error(
        "the database's schema is at version {found}, this program needs {needed}; run `budstikke migrate`"
    )]
    Schema {
        /// What the database has; 0: nothing.
        found: i64,
        /// What the program needs.
        needed: i64,
    },
    /// Another process holds the SQLite file.
    #[error("{0}")]
    Locked(String),
}

/// The whole store.
pub trait Store:
    Jobs
    + Ledger
    + Outbox
    + Workers
    + Parking
    + Keys
    + Contacts
    + Residents
    + Reached
    + Retention
    + Health
    + Audit
    + Sessions
    + History
    + OptOuts
    + Evidence
    + std::fmt::Debug
{
}

impl<T> Store for T where
    T: Jobs
        + Ledger
        + Outbox
        + Workers
        + Parking
        + Keys
        + Contacts
        + Residents
        + Reached
        + Retention
        + Health
        + Audit
        + Sessions
        + History
        + OptOuts
        + Evidence
        + std::fmt::Debug
{
}
