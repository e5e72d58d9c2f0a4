//! Rates and the arithmetic of slots.

pub mod joint;
mod one;
#[cfg(test)]
mod tests;
mod turns;

pub use one::{Rate, RateError, Slots, take};
pub use turns::Turns;
