//! `budstikke register import|export|lookup`: the local register.

mod command;
pub mod export;
pub mod flat;
pub mod import;
pub mod lookup;
pub mod person_json;
pub mod rows;

pub use command::Register;
