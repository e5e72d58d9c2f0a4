//! Why the API did not do it, in words for the person at the terminal.

use std::time::Duration;

use crate::domain::event::Problem;
use crate::ports::BoxError;

/// Why the API did not do it. Holds no key and nothing of a job's recipients.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The address cannot be used.
    #[error("--api {address}: must be http://host:port or https://host")]
    Address {
        /// As it was given.
        address: String,
    },
    /// The key cannot be a header.
    #[error("BUDSTIKKE_API_KEY holds characters that no API key has")]
    Key,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] BoxError),
    /// Nobody listens there.
    #[error(
        "nobody answers at {address} (connection refused): is `budstikke serve` running there? --api URL says where it is"
    )]
    ConnectionRefused {
        /// Scheme, host and port.
        address: String,
    },
    /// No connection.
    #[error("{address} cannot be reached; --api URL says where the API is")]
    Unreachable {
        /// Scheme, host and port.
        address: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// No complete answer. Whether it was done is not known; doing it again is safe.
    #[error("no complete answer from {address}")]
    NoAnswer {
        /// Scheme, host and port.
        address: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// 401.
    #[error(
        "the API does not let us in (401): {detail}. `budstikke agency key AGENCY` creates a key, the environment variable BUDSTIKKE_API_KEY carries it"
    )]
    Unauthorized {
        /// What the API said.
        detail: String,
    },
    /// 403.
    #[error("the API forbids it (403): {detail}")]
    Forbidden {
        /// What the API said.
        detail: String,
    },
    /// 404.
    #[error("not found (404): {detail}")]
    NotFound {
        /// What the API said.
        detail: String,
    },
    /// 409.
    #[error(
        "the id is taken by a job with other content (409), which stays as it is; give this one another id (--job NAME)"
    )]
    Conflict,
    /// 422 or 400: the job is not valid.
    #[error("the job is not valid ({status}): {}", list(.problems, .detail))]
    Invalid {
        /// The HTTP status.
        status: u16,
        /// What the API said.
        detail: String,
        /// Everything that is wrong.
        problems: Vec<Problem>,
    },
    /// 429, 502, 503, 504: later.
    #[error("the API cannot take it now ({status}): {detail}")]
    Busy {
        /// The HTTP status.
        status: u16,
        /// What the API said.
        detail: String,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// Another refusal.
    #[error("the API refuses it ({status}): {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the API said.
        detail: String,
    },
    /// Not our API.
    #[error("{address} answers, but not as budstikke's API does: is the address right?")]
    Stranger {
        /// Scheme, host and port.
        address: String,
    },
}

impl ApiError {
    /// The same request may work a little later, and making it again is safe.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::Busy { .. } => true,
            Self::Address { .. }
            | Self::Key
            | Self::Setup(_)
            | Self::ConnectionRefused { .. }
            | Self::Unreachable { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Conflict
            | Self::Invalid { .. }
            | Self::Refused { .. }
            | Self::Stranger { .. } => false,
        }
    }

    /// The way to the API is gone; it may come back.
    pub const fn is_out_of_reach(&self) -> bool {
        matches!(
            self,
            Self::ConnectionRefused { .. } | Self::Unreachable { .. }
        )
    }

    /// 404.
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// How long the API asks us to wait, if it does.
    pub const fn retry_after(&self) -> Option<Duration> {
        if let Self::Busy { retry_after, .. } = self {
            *retry_after
        } else {
            None
        }
    }

    /// It is about this one job; others may still go.
    pub const fn is_about_the_job(&self) -> bool {
        matches!(
            self,
            Self::Conflict | Self::Invalid { .. } | Self::NotFound { .. }
        )
    }
}

fn list(problems: &[Problem], detail: &str) -> String {
    if problems.is_empty() {
        return detail.to_owned();
    }
    let line = |problem: &Problem| format!("{} {}", problem.pointer, problem.problem);
    problems.iter().map(line).collect::<Vec<_>>().join("; ")
}
