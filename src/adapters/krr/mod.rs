//! The Contact and Reservation Register of Digdir, `POST /rest/v2/personer` (`domain.md` 1).

mod answer;
mod brake;
mod classify;
mod client;
mod register;
mod settings;
pub mod wire;

pub use register::KrrRegister;
pub use settings::{Answers, Consumer, KrrSettings};
