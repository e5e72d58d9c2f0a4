//! A mail server in this process, for demo, bench and tests: it keeps what it takes, and misbehaves
//! on request.

mod decode;
mod mailbox;
mod script;
mod server;
mod session;

#[cfg(test)]
mod tests;

pub use mailbox::{Keep, Mail, Mailbox};
pub use script::{Act, At, LineEnds, Rule, Script};
pub use server::{Connections, MailServer};
