//! The fake gateway against our own adapters: what one says is what the other understands.

mod faults;
mod load;
mod reporting;
mod support;
