//! What is kept of letters as proof.

use async_trait::async_trait;

use super::{StoreError, TryOutcome};
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, Reference};
use crate::domain::job::Rules;
use crate::domain::state::State;
use crate::domain::status::Reason;
use crate::domain::time::Timestamp;

/// Something that was found out about a letter on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterFact {
    /// Of which delivery.
    pub delivery: DeliveryId,
    /// When.
    pub at: Timestamp,
    /// JSON of [`evidence`](crate::domain::evidence).
    pub data: String,
}

/// A try of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterTry {
    /// Of which delivery.
    pub delivery: DeliveryId,
    /// In which slot.
    pub slot: u8,
    /// Through whom.
    pub gateway: String,
    /// When it was written down, before its first byte.
    pub intent_at: Timestamp,
    /// How it ended and when; `None`: it is open.
    pub outcome: Option<(TryOutcome, Timestamp)>,
    /// The gateway's own id.
    pub provider_reference: Option<String>,
}

/// A delivery of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetterDelivery {
    /// Which.
    pub delivery: DeliveryId,
    /// Where it stands.
    pub state: State,
    /// Why.
    pub reason: Option<Reason>,
    /// Of the events.
    pub version: i32,
    /// A second try may have arrived too.
    pub possible_duplicate: bool,
    /// It failed before a fallback, and nobody was told.
    pub silent: bool,
    /// When that was written.
    pub changed_at: Timestamp,
}

/// Everything that is kept of one recipient of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterFile {
    /// The job's rules.
    pub rules: Rules,
    /// When the job was stored.
    pub accepted_at: Timestamp,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// When the letter was reported opened.
    pub opened_at: Option<Timestamp>,
    /// In order of occasion and channel.
    pub deliveries: Vec<LetterDelivery>,
    /// In order of time.
    pub tries: Vec<LetterTry>,
    /// In order of time.
    pub facts: Vec<LetterFact>,
}

/// What is kept of letters. It goes with the facts of the job.
#[async_trait]
pub trait Evidence: Send + Sync {
    /// Keeps facts.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put_letter_facts(&self, facts: &[LetterFact]) -> Result<(), StoreError>;

    /// Everything of one recipient; `None` if the agency has no job of that name with a recipient of
    /// that reference.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn letter_file(
        &self,
        agency: AgencyNo,
        name: &JobName,
        reference: &Reference,
    ) -> Result<Option<LetterFile>, StoreError>;
}
