//! `budstikke submit FILE`: jobs from JSON, NDJSON or a table with a template, checked whole before
//! anything is sent, and followed until all is settled.

mod broker;
pub mod check;
mod command;
pub mod documents;
pub mod draft;
mod follow;
mod input;
pub mod left_out;
mod over_http;
pub mod report;
mod sent;
pub mod table;

pub use command::Submit;
