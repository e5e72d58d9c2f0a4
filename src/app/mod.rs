//! The composition root: configuration becomes wired roles, which live and end together.

pub mod agencies;
pub mod build;
pub mod http;
mod krr;
pub mod lifecycle;
pub mod page;
pub mod probe;
pub mod process;
