//! Delivery reports as gateways send them to `/v1/receipts/{gateway}`: pure parsers.
//!
//! Whether the caller may report, and whether the reference exists, is decided elsewhere. A reference
//! that cannot be ours is left out without an error, so that nobody learns which ones exist.

mod error;
mod json;
mod kannel;
mod parse;

#[cfg(test)]
mod tests;

pub use error::ReceiptError;
pub use parse::{LONGEST_BODY, parse};
