//! Who is let in, and what they are shown.

use axum::http::HeaderMap;

use super::answers::Refused;
use crate::domain::krr_shown::Groups;

/// Who is let in.
#[derive(Debug)]
pub enum Admission {
    /// Whoever can connect, and is shown everything: for loopback only.
    Anybody,
}

/// Somebody who was let in.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) groups: Groups,
    pub(super) may_see_changes: bool,
}

impl Admission {
    pub(super) async fn admit(&self, _headers: &HeaderMap) -> Result<Caller, Refused> {
        match self {
            Self::Anybody => Ok(Caller {
                groups: Groups::ALL,
                may_see_changes: true,
            }),
        }
    }
}
