//! `budstikke register import|export|lookup|serve`: the local register.

mod command;
pub mod export;
pub mod flat;
pub mod import;
pub mod import_residents;
pub mod lookup;
pub mod person_json;
pub mod residents;
pub mod rows;
pub mod serve;

pub use command::Register;
