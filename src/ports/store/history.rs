//! What was sent to one person, by whom and when.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::event::NotificationFact;
use crate::domain::ids::AgencyNo;
use crate::domain::person::PersonNumber;

/// What became of one notification to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonMessage {
    /// Who ordered it.
    pub agency: AgencyNo,
    /// What became of it.
    pub fact: NotificationFact,
}

/// Messages by person.
#[async_trait]
pub trait History: Send + Sync {
    /// From now on the jobs that this store accepts can be found by their persons; without it
    /// nothing is kept besides the jobs. It goes with the persons' numbers
    /// ([`super::Retention::erase`]).
    fn keep_history(&self);

    /// What became of the latest `limit` jobs to a person, newest first: a fact for each occasion
    /// and channel, as in [`super::Jobs::notifications`]. Nothing that came to a bare address.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn messages_to(
        &self,
        person: &PersonNumber,
        limit: u32,
    ) -> Result<Vec<PersonMessage>, StoreError>;
}
