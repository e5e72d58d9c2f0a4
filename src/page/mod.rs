//! A person's own page: she logs in, sees what the register holds about her and what was sent to
//! her, and changes it. HTML without scripts; [`mod@router`] is where to start reading.
//!
//! Handlers read what came, ask ports, and show a template; what may be written to the register is
//! the domain's ([`crate::domain::register_edit`]).

mod address;
mod around;
mod choices;
mod code;
mod cookie;
mod language;
mod login;
mod me;
mod messages;
mod problem;
mod register;
mod router;
mod session;
mod state;
mod submitted;
mod texts;
mod views;

pub use router::router;
pub use state::{PageParts, PageState, RegisterSource};
pub use views::ViewError;

#[cfg(test)]
mod tests;
