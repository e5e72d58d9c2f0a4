//! A fake Contact and Reservation Register: the documented test profiles and those that hurt, and
//! it misbehaves as it is told.

mod calls;
mod handler;
mod knobs;
mod person;
mod profile;
mod server;
mod signer;

pub use calls::{Call, Calls};
pub use knobs::{KrrFault, KrrKnobs, Others};
pub use person::{Person, mobile_of};
pub use profile::Profile;
pub use server::{Admission, KrrServer};
