//! `[register.serve]`: the local register for others.

use std::net::SocketAddr;

use super::reader::section;
use super::secret::Secret;

section! {
    /// What `budstikke register serve` does.
    RegisterServe {
        /// Where it listens; port 0 takes a free one.
        listen: SocketAddr,
        /// The key that signs answers, PEM; empty: there are no signed ones.
        key: Secret,
        /// The id (`kid`) of that key in the key set; absent: its thumbprint (RFC 7638).
        key_id: Option<String>,
    }
}
