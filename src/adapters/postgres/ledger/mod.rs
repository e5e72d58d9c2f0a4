//! The ledger: claims, intents, outcomes.

mod addresses;
mod brakes;
mod claim;
mod entries;
mod hand_back;
mod intend;
mod marks;
mod outcomes;
mod port;
mod settle;
mod unknown;

pub(super) use hand_back::{Pairs, Patience, Since, lock_claims, release};
pub(super) use marks::Marks;
