//! What is counted, logged and masked.

pub mod logging;
pub mod mask;
pub mod metrics;
pub mod record;
