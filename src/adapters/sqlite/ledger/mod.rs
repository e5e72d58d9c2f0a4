//! The ledger: claims, intents, outcomes.

mod addresses;
mod claim;
mod control;
mod intend;
mod port;
mod release;
mod settle;

pub(super) use release::{Holder, Wait, release};
