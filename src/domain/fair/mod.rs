//! Who goes next: tiers, and agencies within a tier.

mod queue;
#[cfg(test)]
mod tests;
mod tier;

pub use queue::{BULK_KEEPS_ONE_IN, FairQueue, QUANTUM, RAISED_AT_MOST, Tier};
