//! The table behind the local register.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::person::PersonNumber;

/// One person in the register's own words: a KRR `Person` object as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRow {
    /// Whom it is about.
    pub person: PersonNumber,
    /// The object.
    pub document: String,
}

/// Persons in the order of their last change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactChanges {
    /// Each with the number of its last change, rising.
    pub rows: Vec<(i64, ContactRow)>,
    /// The number of the last change of all; 0 before the first.
    pub latest: i64,
}

/// The local register's table.
#[async_trait]
pub trait Contacts: Send + Sync {
    /// Puts persons in, replacing those that are there. Everybody who is new, or whose document is
    /// another than before, MUST get a number of change above all others; however many put at once,
    /// no number may become visible before a lower one. Who is put in unchanged keeps theirs.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put_contacts(&self, rows: &[ContactRow]) -> Result<(), StoreError>;

    /// The persons asked for that are there, in any order.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn contacts(&self, persons: &[PersonNumber]) -> Result<Vec<ContactRow>, StoreError>;

    /// A person, if there, with the number of the last change.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn contact(&self, person: &PersonNumber)
    -> Result<Option<(i64, ContactRow)>, StoreError>;

    /// As [`Self::put_contacts`] for one person, but only if `last` is still the number of their last
    /// change (`None`: they are not there). `false`: it is not, and nothing was changed. However many
    /// do this at once, MUST NOT replace a document that was not the one with that number.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn replace_contact(
        &self,
        row: &ContactRow,
        last: Option<i64>,
    ) -> Result<bool, StoreError>;

    /// All persons in order of their number, `limit` after `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn contacts_after(
        &self,
        after: Option<&PersonNumber>,
        limit: u32,
    ) -> Result<Vec<ContactRow>, StoreError>;

    /// Up to `limit` persons whose last change has the number `from` or a higher one, and the number
    /// of the last change, both as of one moment.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn contact_changes(&self, from: i64, limit: u32) -> Result<ContactChanges, StoreError>;
}
