//! What is counted, logged and masked.

pub mod record;
