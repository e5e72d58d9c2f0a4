//! What the handlers work with.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::cookie::Cookies;
use super::views::{ViewError, Views};
use crate::domain::ids::{AgencyId, AgencyNo};
use crate::domain::time::Timestamp;
use crate::pipeline::deps::Deps;
use crate::pipeline::intake::Intake;
use crate::ports::login::LoginProvider;

/// Log-ins that speak with the provider at once, in this process.
const LOGINS: usize = 32;

/// Who keeps the person's contact information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisterSource {
    /// We do: the person may change it here.
    Local,
    /// The national register does: it is shown, and changed there.
    National,
}

/// Everything that a [`PageState`] is made of.
#[derive(Clone)]
pub struct PageParts {
    /// What every loop works with.
    pub deps: Arc<Deps>,
    /// Where the jobs that carry codes are offered.
    pub intake: Intake,
    /// Who logs persons in.
    pub provider: Arc<dyn LoginProvider>,
    /// Scheme, host and port by which persons reach the page, without a slash at the end.
    pub origin: String,
    /// In whose name codes are sent.
    pub agency: AgencyId,
    /// What agencies are called.
    pub names: HashMap<AgencyNo, String>,
    /// Who keeps the contact information.
    pub source: RegisterSource,
    /// Codes that one person may ask for within an hour.
    pub codes_per_person: u32,
    /// Codes that one address may get within an hour.
    pub codes_per_address: u32,
    /// How long a request may take in all.
    pub request_timeout: Duration,
}

impl fmt::Debug for PageParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageParts")
            .field("origin", &self.origin)
            .field("agency", &self.agency)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct PageState(Arc<Inner>);

struct Inner {
    parts: PageParts,
    views: Views,
    cookies: Cookies,
    logins: Semaphore,
}

impl PageState {
    /// Puts the parts together.
    ///
    /// # Errors
    /// A template or a text that was built in does not compile.
    pub fn new(parts: PageParts) -> Result<Self, ViewError> {
        Ok(Self(Arc::new(Inner {
            views: Views::new()?,
            cookies: Cookies::for_origin(&parts.origin),
            logins: Semaphore::new(LOGINS),
            parts,
        })))
    }

    pub(super) fn parts(&self) -> &PageParts {
        &self.0.parts
    }

    pub(super) fn deps(&self) -> &Arc<Deps> {
        &self.0.parts.deps
    }

    pub(super) fn now(&self) -> Timestamp {
        self.deps().clock.now()
    }

    pub(super) fn views(&self) -> &Views {
        &self.0.views
    }

    pub(super) fn cookies(&self) -> &Cookies {
        &self.0.cookies
    }

    pub(super) fn logins(&self) -> &Semaphore {
        &self.0.logins
    }

    pub(super) fn is_local(&self) -> bool {
        self.0.parts.source == RegisterSource::Local
    }
}

impl fmt::Debug for PageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.parts, f)
    }
}
