//! What can go wrong with the broker, and what of it waiting heals.

use std::path::PathBuf;

use lapin::ErrorKind;

/// Why the broker cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AmqpError {
    /// The URL is not one.
    #[error(
        "the AMQP URL cannot be used: {0}; it must look like amqp://user:password@host:5672/%2f or amqps://…"
    )]
    Url(String),
    /// The file with the authorities that sign the broker's certificate.
    #[error("the CA file {} cannot be read", path.display())]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not there, or gone: waiting may help.
    #[error("RabbitMQ at {address} cannot be reached or broke off")]
    Unavailable {
        /// Host, port and virtual host.
        address: String,
        /// The cause.
        #[source]
        source: lapin::Error,
    },
    /// It is there and has stopped answering, or ended what we rely on: waiting may help.
    #[error("RabbitMQ at {address}: {what}")]
    Disturbed {
        /// Host, port and virtual host.
        address: String,
        /// What happened.
        what: String,
    },
    /// It does not let us in.
    #[error(
        "RabbitMQ at {address} refuses the user {user} ({reply}); check user, password and virtual host of the AMQP URL"
    )]
    Login {
        /// Host, port and virtual host.
        address: String,
        /// The log-in of the URL.
        user: String,
        /// What the broker said.
        reply: String,
    },
    /// Logged in, but not allowed to do what we need.
    #[error(
        "RabbitMQ at {address} does not let the user {user} touch {object} ({reply}); set the permissions that `budstikke broker` prints"
    )]
    Forbidden {
        /// Host, port and virtual host.
        address: String,
        /// The log-in of the URL.
        user: String,
        /// Which exchange or queue.
        object: String,
        /// What the broker said.
        reply: String,
    },
    /// Not there.
    #[error(
        "RabbitMQ at {address} has no {object} ({reply}); `budstikke serve` declares it at start"
    )]
    Missing {
        /// Host, port and virtual host.
        address: String,
        /// Which exchange or queue.
        object: String,
        /// What the broker said.
        reply: String,
    },
    /// Something of the same name stands there already, and it is another thing.
    #[error(
        "{object} exists on RabbitMQ at {address} with other settings than budstikke declares ({reply}); \
         empty it, delete it (`rabbitmqctl delete_queue <name>` for a queue) and start again, \
         or give budstikke a virtual host of its own"
    )]
    Mismatch {
        /// Host, port and virtual host.
        address: String,
        /// Which exchange or queue.
        object: String,
        /// What the broker said.
        reply: String,
    },
}

impl AmqpError {
    /// Whether only a person can heal it.
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Url(_)
            | Self::CaFile { .. }
            | Self::Login { .. }
            | Self::Forbidden { .. }
            | Self::Mismatch { .. } => true,
            Self::Unavailable { .. } | Self::Disturbed { .. } | Self::Missing { .. } => false,
        }
    }
}

/// The code and text of a refusal that the broker itself spoke (AMQP 0-9-1, 1.2).
pub(super) fn reply(error: &lapin::Error) -> Option<(u16, String)> {
    if let ErrorKind::ProtocolError(said) = error.kind() {
        Some((said.get_id(), said.get_message().to_string()))
    } else {
        None
    }
}

/// `ACCESS_REFUSED`.
pub(super) const ACCESS_REFUSED: u16 = 403;
/// `NOT_FOUND`.
pub(super) const NOT_FOUND: u16 = 404;
/// `PRECONDITION_FAILED`.
pub(super) const PRECONDITION_FAILED: u16 = 406;
/// `NOT_ALLOWED`: the virtual host does not exist, or is not ours.
pub(super) const NOT_ALLOWED: u16 = 530;
