//! The local register for others: the register's own REST API over our table (`domain.md` 1.1–1.7).

mod admission;
mod answers;
mod changes;
mod persons;
mod server;
mod signer;
mod wire;

pub use admission::Admission;
pub use server::{RegisterServer, ServeSettings};
pub use signer::Signer;
