//! E-mail relays over SMTP.
//!
//! The dialogue is our own, because only the one who speaks it knows its [`Stage`], and only the
//! stage tells *not sent* from *unknown*. To follow a message, read: relay, message, pool, opening,
//! session, wire, classify.

pub mod bounce;
mod classify;
mod dial;
mod frame;
mod message;
mod opening;
mod pace;
mod pool;
mod relay;
mod relay_url;
mod session;
mod settings;

mod wire;

#[cfg(test)]
mod tests;

pub use classify::{Answer, Stage, classify};
pub use frame::Frames;
pub use message::{Letter, LetterError, write_letter};
pub use relay::SmtpRelay;
pub use relay_url::{RelayUrl, RelayUrlError, Tls};
pub use settings::{Credentials, Recycle, RelayError, RelaySettings, Timeouts};
pub use wire::{Reply, Unreadable, take_reply};
