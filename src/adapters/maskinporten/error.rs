//! Why there is no token, and what an operator must do.

use std::sync::Arc;
use std::time::Duration;

/// Why there is no token. Cheap to clone: everybody who waited gets the same.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// Maskinporten cannot be reached, is overloaded or out of order: later.
    #[error("Maskinporten gives no token for now")]
    Unavailable {
        /// What it asked for.
        retry_after: Option<Duration>,
        /// The cause.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// It refuses us. Asking again changes nothing before somebody has acted.
    #[error("Maskinporten refuses us ({what}): {advice}")]
    Refused {
        /// Status, word and code.
        what: String,
        /// What to do.
        advice: &'static str,
    },
    /// The token's request cannot be signed.
    #[error("the request for a token cannot be signed; check register.krr.maskinporten.key_file")]
    Signing,
}

/// An answer that is neither a token nor a refusal.
#[derive(Debug, thiserror::Error)]
pub(super) enum OddAnswer {
    /// Overloaded or out of order.
    #[error("it answers HTTP {0}")]
    Status(u16),
    /// Success that is no token.
    #[error("it answers HTTP {0} with something that is no token")]
    Unreadable(u16),
}
