//! The command line, one file per command.

pub mod agency;
pub mod args;
pub mod broker;
pub mod check;
pub mod context;
pub mod demo;
mod dispatch;
pub mod migrate;
pub mod serve;
pub mod stop;

pub use dispatch::main;
