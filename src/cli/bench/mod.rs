//! `budstikke bench`: load through the real path, and what became of it in numbers.

pub mod book;
pub mod command;
pub mod follow;
pub mod make;
pub mod options;
pub mod processes;
pub mod publish;
pub mod report;
pub mod sink;

pub use command::Bench;
