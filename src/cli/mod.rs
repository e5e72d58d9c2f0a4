//! The command line, one file per command.

pub mod agency;
pub mod api;
pub mod args;
pub mod audit;
pub mod bench;
pub mod broker;
pub mod check;
pub mod context;
pub mod dead;
pub mod demo;
mod dispatch;
pub mod file_text;
pub mod gateways;
pub mod migrate;
pub mod optout;
pub mod progress;
pub mod reach;
pub mod register;
pub mod sandbox;
pub mod serve;
pub mod status;
pub mod stop;
pub mod submit;
pub mod watch;

pub use dispatch::main;
