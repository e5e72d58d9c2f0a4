//! Reading a job (contract sections 2 and 8): everything is checked and every problem is named at
//! once, before anything is stored.

mod audience;
mod body;
mod fields;
mod message;
mod problems;
mod recipients;
mod settings;
#[cfg(test)]
mod tests;
mod texts;

pub use body::{MAX_BODY_BYTES, MAX_DEPTH, ParseRules, Rejected, parse, parse_knowing};
pub use problems::MAX_PROBLEMS;
pub use recipients::MAX_RECIPIENTS;
