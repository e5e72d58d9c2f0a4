//! A fake Maskinporten: as strict as the real one about what clients sign, and it misbehaves as it
//! is told.

mod clients;
mod handler;
mod issuer;
mod knobs;
mod server;
mod tokens;

pub use clients::{Client, ClientKey, Clients};
pub use issuer::{access_claims, organisation};
pub use knobs::{MaskinportenKnobs, TokenFault};
pub use server::MaskinportenServer;
pub use tokens::{Issued, Tokens};
