//! What a gateway says later about a delivery.

use serde::{Deserialize, Serialize};

use super::ids::DeliveryId;
use super::status::Reason;
use super::time::Timestamp;

/// One delivery report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which message it is about.
    pub key: ReceiptKey,
    /// What it says.
    pub status: ReceiptStatus,
    /// When it happened, if the gateway says so.
    pub at: Option<Timestamp>,
    /// The gateway's own code.
    pub code: Option<String>,
}

/// How a receipt names its message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReceiptKey {
    /// By the id that the gateway gave.
    ProviderReference(String),
    /// By our own client reference.
    Delivery(DeliveryId),
}

/// What a receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReceiptStatus {
    /// It arrived.
    Delivered,
    /// It will not arrive.
    Failed(Reason),
    /// The gateway gave up waiting for the phone.
    Expired,
    /// The gateway has it; nothing more is known yet.
    Accepted,
}
