//! One HTTP exchange with a gateway, and exactly what is known of it afterwards.

pub(super) mod answer;
pub(super) mod client;
mod retry_after;
pub(super) mod setup;
mod stage;
pub(super) mod verdict;
