//! A fake ID-porten: code flow with pushed requests and PKCE, a page where one says who one is, and
//! knobs for tokens that must not be believed.

mod clients;
mod handler;
mod knobs;
mod server;
mod tokens;

pub use clients::{IdPortenClient, IdPortenClients, IdPortenProof};
pub use knobs::IdPortenKnobs;
pub use server::IdPortenServer;
