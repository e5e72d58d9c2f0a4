//! Rates and the arithmetic of slots.

pub mod joint;
mod one;
#[cfg(test)]
mod tests;

pub use one::{Rate, RateError, Slots, take};
