//! A fake Contact and Reservation Register: the documented test profiles and those that hurt, and
//! it misbehaves as it is told.

mod calls;
mod distort;
mod handler;
mod knobs;
mod person;
mod profile;
mod server;
mod signer;
mod upstream;

pub use calls::{Call, Calls};
pub use knobs::{KrrFault, KrrKnobs, Others};
pub use person::{CONTACT_FIELDS, Person, mobile_of};
pub use profile::Profile;
pub use server::{Admission, KrrServer};
