//! `[[email_relay]]`: an SMTP server that takes our e-mail.

use std::path::PathBuf;

use super::reader::section;
use super::secret::Secret;
use super::sms_gateway::WireName;
use super::url::RelayUrl;
use crate::domain::pace::{Rate, RateError};

section! {
    /// One relay.
    EmailRelay {
        /// Its name, known by which entries of several files merge.
        name: WireName,
        /// Where it is, and how it is encrypted.
        url: RelayUrl,
        /// User; empty: we do not log in.
        user: String = String::new(),
        /// Password.
        password: Secret = Secret::default(),
        /// Messages per second, for the whole fleet.
        rate: f64 [0.001, 1_000_000.0] = 200.0,
        /// Messages that may go at once above the rate.
        burst: u32 [1, 100_000] = 1,
        /// Connections, per process.
        connections: u32 [1, 1_000] = 16,
        /// What we call ourselves in EHLO; absent: the name of the machine.
        hello: Option<String>,
        /// Certificate authorities (PEM) trusted besides those of the machine.
        ca_file: Option<PathBuf>,
        /// Its share of the messages when there are several relays.
        weight: u32 [1, 1_000] = 1,
    }
}

impl EmailRelay {
    /// Messages per second as the domain knows it.
    ///
    /// # Errors
    /// [`RateError`] outside its ranges; a loaded configuration has no such rate.
    pub fn pace(&self) -> Result<Rate, RateError> {
        Rate::new(self.rate, self.burst)
    }
}
