//! Texts as Jinja templates: compiled once per job, rendered once per recipient and language.

mod bounds;
mod clean;
mod compile;
mod engine;
mod error;
mod known;
#[cfg(test)]
mod tests;

pub use clean::{clean_body, clean_sms};
pub use compile::{RenderedEmail, Templates};
pub use engine::{FUEL, JOB_FUEL, MAX_TEXT_BYTES};
pub use error::{Part, RenderError, RenderFault};
pub use known::KnownTexts;

pub(in crate::domain::job) use engine::{Filling, filling};
