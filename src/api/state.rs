//! What the handlers work with.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::auth::KeyCache;
use super::limiter::Limiter;
use crate::domain::receipt::Receipt;
use crate::pipeline::deps::Deps;
use crate::pipeline::intake::Intake;
use crate::pipeline::receipts::Receipts;
use crate::ports::access::TokenChecker;

/// Reads a gateway's delivery reports: content type, query without `token`, body. The error says
/// what is wrong and holds nothing personal: whoever sent the report gets to see it.
pub type ParseReceipts =
    Arc<dyn Fn(Option<&str>, &str, &[u8]) -> Result<Vec<Receipt>, String> + Send + Sync>;

/// Parties besides the store, and whether each is able to work. Asked for every `/readyz`: answers
/// at once, from memory.
pub type Ready = Arc<dyn Fn() -> Vec<(&'static str, bool)> + Send + Sync>;

/// The metrics in the text format of Prometheus.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// How much one caller may ask for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ApiLimits {
    /// The longest body of a job, in bytes.
    pub body_bytes: usize,
    /// How long a request may take in all.
    pub request_timeout: Duration,
    /// Requests per second of one key (or, without a valid key, of one client), in this process.
    pub rate_per_key: f64,
    /// Requests that one key or client may make at once above its rate; from 1.
    pub burst_per_key: u32,
}

/// What a gateway must give with its reports. Empty: reports are taken from this machine only.
#[derive(Clone)]
pub struct ReceiptToken(Option<[u8; 32]>);

impl ReceiptToken {
    /// Keeps a digest of the token.
    pub fn new(token: &str) -> Self {
        Self((!token.is_empty()).then(|| Sha256::digest(token).into()))
    }

    /// No token was agreed upon.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether it is this one, in a time that tells neither its length nor where it differs.
    pub(super) fn matches(&self, given: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.0.is_some_and(|ours| ours.ct_eq(&given).into())
    }
}

/// Masked.
impl fmt::Debug for ReceiptToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "\"\"" } else { "***" })
    }
}

/// A gateway that reports what became of its messages.
#[derive(Clone)]
pub struct ReceiptSource {
    /// Its name, as in the path.
    pub name: String,
    /// What it must give.
    pub token: ReceiptToken,
    /// How its reports are read.
    pub parse: ParseReceipts,
}

impl ReceiptSource {
    /// The mail system: it has no name in a path.
    pub fn mail_system(token: &str, parse: ParseReceipts) -> Self {
        Self {
            name: String::new(),
            token: ReceiptToken::new(token),
            parse,
        }
    }

    pub(super) const fn whose(&self) -> &'static str {
        if self.name.is_empty() {
            "the mail system"
        } else {
            "this gateway"
        }
    }

    /// Where its token stands in the configuration.
    pub(super) const fn setting(&self) -> &'static str {
        if self.name.is_empty() {
            "http.bounce_token"
        } else {
            "the gateway's receipt_token"
        }
    }
}

impl fmt::Debug for ReceiptSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceiptSource({:?}, token {:?})", self.name, self.token)
    }
}

/// Everything that an [`ApiState`] is made of.
#[derive(Clone)]
pub struct ApiParts {
    /// What every loop works with.
    pub deps: Arc<Deps>,
    /// Where jobs are offered.
    pub intake: Intake,
    /// Where receipts are taken in.
    pub receipts: Receipts,
    /// Who looks at access tokens; `None`: agencies come with API keys only.
    pub tokens: Option<Arc<dyn TokenChecker>>,
    /// Who may report.
    pub receipt_sources: Vec<ReceiptSource>,
    /// The mail system, which hands in bounces.
    pub bounces: ReceiptSource,
    /// See [`Ready`].
    pub ready: Ready,
    /// See [`Metrics`].
    pub metrics: Metrics,
    /// How much one caller may ask for.
    pub limits: ApiLimits,
}

impl fmt::Debug for ApiParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiParts")
            .field("tokens", &self.tokens)
            .field("receipt_sources", &self.receipt_sources)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

struct Inner {
    parts: ApiParts,
    sources: HashMap<String, ReceiptSource>,
    keys: KeyCache,
    limiter: Limiter,
}

impl ApiState {
    /// Puts the parts together.
    pub fn new(mut parts: ApiParts) -> Self {
        let sources = std::mem::take(&mut parts.receipt_sources)
            .into_iter()
            .map(|source| (source.name.clone(), source))
            .collect();
        let limiter = Limiter::new(&parts.limits);
        Self(Arc::new(Inner {
            parts,
            sources,
            keys: KeyCache::default(),
            limiter,
        }))
    }

    pub(super) fn deps(&self) -> &Deps {
        &self.0.parts.deps
    }

    pub(super) fn intake(&self) -> &Intake {
        &self.0.parts.intake
    }

    pub(super) fn receipts(&self) -> &Receipts {
        &self.0.parts.receipts
    }

    pub(super) fn tokens(&self) -> Option<&dyn TokenChecker> {
        self.0.parts.tokens.as_deref()
    }

    pub(super) fn source(&self, gateway: &str) -> Option<&ReceiptSource> {
        self.0.sources.get(gateway)
    }

    pub(super) fn bounces(&self) -> &ReceiptSource {
        &self.0.parts.bounces
    }

    pub(super) fn ready(&self) -> Vec<(&'static str, bool)> {
        (self.0.parts.ready)()
    }

    pub(super) fn metrics(&self) -> String {
        (self.0.parts.metrics)()
    }

    pub(super) fn limits(&self) -> &ApiLimits {
        &self.0.parts.limits
    }

    pub(super) fn keys(&self) -> &KeyCache {
        &self.0.keys
    }

    pub(super) fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.parts, f)
    }
}
