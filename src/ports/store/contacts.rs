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

/// The local register's table.
#[async_trait]
pub trait Contacts: Send + Sync {
    /// Puts persons in, replacing those that are there.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put_contacts(&self, rows: &[ContactRow]) -> Result<(), StoreError>;

    /// The persons asked for that are there, in any order.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn contacts(&self, persons: &[PersonNumber]) -> Result<Vec<ContactRow>, StoreError>;

    /// All persons in order of their number, `limit` after `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn contacts_after(
        &self,
        after: Option<&PersonNumber>,
        limit: u32,
    ) -> Result<Vec<ContactRow>, StoreError>;
}
