//! What an agency is told: the contract's section 4, built in one place.
//!
//! `sequence` is given in the transaction that writes the event, so one in the making has none.

mod about_job;
mod envelope;
mod fact;
mod kind;
mod stream;

pub use about_job::{Problem, Totals, job_accepted, job_ended, job_rejected};
pub use fact::NotificationFact;
pub use kind::{EventFilter, EventKind};
pub use stream::{Event, NewEvent, Numbering};
