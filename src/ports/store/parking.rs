//! Receipts: finding what they are about, and keeping those that are early.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::ids::{AgencyNo, DeliveryId};
use crate::domain::receipt::{Receipt, ReceiptKey};
use crate::domain::state::State;
use crate::domain::status::Reason;
use crate::domain::time::Timestamp;

/// The try that a receipt is about, with its delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTry {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Whose.
    pub agency: AgencyNo,
    /// Where it stands.
    pub state: State,
    /// Why.
    pub reason: Option<Reason>,
    /// Its version.
    pub version: i32,
    /// Its due time, for the guard.
    pub due: Timestamp,
    /// The slot of its latest try that is open, was accepted or is unknown; 0 if there is none.
    pub slot: u8,
    /// Tries used up.
    pub tries: u32,
    /// A try of this delivery has no outcome yet: the receipt is early and must wait.
    pub open_try: bool,
}

/// A receipt that is kept until its try is found or settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedReceipt {
    /// Which.
    pub id: i64,
    /// From which gateway.
    pub gateway: String,
    /// What it says.
    pub receipt: Receipt,
    /// When it came.
    pub received_at: Timestamp,
}

/// Receipts.
#[async_trait]
pub trait Parking: Send + Sync {
    /// Finds the tries that receipts of `gateway` are about, in the order of the keys. A key by
    /// delivery is found only if a try of that delivery that is open, was accepted or is
    /// unknown went through `gateway`: nothing is reported of what was certainly not sent.
    /// A key by the gateway's own reference need not find a try that began before `not_before`: how
    /// far back it is looked for costs time if nothing is there.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_tries(
        &self,
        gateway: &str,
        keys: &[ReceiptKey],
        not_before: Timestamp,
    ) -> Result<Vec<Option<FoundTry>>, StoreError>;

    /// Keeps receipts that are early or about nothing known.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn park(
        &self,
        gateway: &str,
        receipts: &[Receipt],
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Up to `limit` parked receipts with an id above `after`, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn parked(&self, after: i64, limit: u32) -> Result<Vec<ParkedReceipt>, StoreError>;

    /// Forgets parked receipts.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn unpark(&self, ids: &[i64]) -> Result<(), StoreError>;
}
