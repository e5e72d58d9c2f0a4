//! `budstikke demo`: the whole main job on one machine with nothing installed.

pub mod command;
pub mod outside;
pub mod people;
pub mod scenario;
pub mod verdict;
pub mod watch;

pub use command::Demo;
