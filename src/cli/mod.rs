//! The command line, one file per command.

pub mod args;
pub mod context;
pub mod agency;
pub mod broker;
pub mod check;
pub mod migrate;
pub mod serve;
mod dispatch;

pub use dispatch::main;
