//! `[retry]`: when a delivery that was not taken is tried again.

use std::time::Duration;

use super::reader::section;
use crate::domain::kinds::Channel;
use crate::domain::retry::{RetryPolicy, RetryPolicyError};

section! {
    /// Full jitter up to each; the last repeats until the deadline.
    Retry {
        /// For SMS.
        sms: Vec<Duration>,
        /// For e-mail.
        email: Vec<Duration>,
    }
}

impl Retry {
    /// The back-off of a channel as the domain knows it.
    ///
    /// # Errors
    /// [`RetryPolicyError`] when there is no step, or one of zero; a loaded configuration has
    /// neither.
    pub fn policy(&self, channel: Channel) -> Result<RetryPolicy, RetryPolicyError> {
        RetryPolicy::new(match channel {
            Channel::Sms => self.sms.clone(),
            Channel::Email => self.email.clone(),
        })
    }
}
