//! Takes a token apart: form, header, signature, claims, in this order.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::classify;
use super::settings::AccessSettings;
use super::wire::{Header, Strict};
use crate::adapters::jose::remote::{KeysAt, KeysError, RemoteKeys};
use crate::adapters::jose::wire::VerifyError;
use crate::ports::BoxError;
use crate::ports::access::{Access, AccessError, Refusal, TokenChecker};
use crate::ports::clock::Clock;

/// No token is longer; real ones have one or two kilobytes.
const LONGEST: usize = 16 * 1024;

/// Believes the tokens of one issuer.
#[derive(Debug)]
pub struct AccessChecker {
    settings: AccessSettings,
    keys: RemoteKeys,
    clock: Arc<dyn Clock>,
}

impl AccessChecker {
    /// Calls nobody yet: the keys are fetched for the first token.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(settings: AccessSettings, clock: Arc<dyn Clock>) -> Result<Self, BoxError> {
        Self::with_setting("http.maskinporten.jwks_url", settings, clock)
    }

    /// The same; `setting` says where the keys are, for errors.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn with_setting(
        setting: &'static str,
        settings: AccessSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BoxError> {
        let at = KeysAt {
            whose: "Maskinporten",
            setting,
            url: settings.keys.clone(),
            timeout: settings.timeout,
        };
        Ok(Self {
            settings,
            keys: RemoteKeys::new(at, Arc::clone(&clock))?,
            clock,
        })
    }
}

#[async_trait]
impl TokenChecker for AccessChecker {
    async fn check(&self, token: &str) -> Result<Access, AccessError> {
        look_at_header(token)?;
        let Strict(claims) = self.keys.open(token).await.map_err(why)?;
        Ok(classify::read(&claims, &self.settings, self.clock.now())?)
    }

    fn scope(&self) -> &str {
        &self.settings.scope
    }
}

/// What can be refused without asking anybody for keys.
fn look_at_header(token: &str) -> Result<(), Refusal> {
    if token.len() > LONGEST {
        return Err(Refusal::TooLong);
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, _, _] = parts.as_slice() else {
        return Err(Refusal::Shape);
    };
    let parts: Option<Vec<Vec<u8>>> = parts
        .iter()
        .map(|part| URL_SAFE_NO_PAD.decode(part).ok())
        .collect();
    if header.is_empty() || parts.is_none() {
        return Err(Refusal::Shape);
    }
    let json = parts.and_then(|parts| parts.into_iter().next());
    let header = serde_json::from_slice::<Header>(&json.unwrap_or_default());
    let header = header.map_err(|_no_header| Refusal::Shape)?;
    if !["RS256", "RS384", "RS512"].contains(&header.alg.as_str()) {
        return Err(Refusal::Algorithm);
    }
    if header.crit.is_some() {
        return Err(Refusal::Critical);
    }
    if header.kid.is_none_or(|kid| kid.is_empty()) {
        return Err(Refusal::NoKeyId);
    }
    Ok(())
}

fn why(error: KeysError) -> AccessError {
    let refusal = match &error {
        KeysError::Call(..)
        | KeysError::Lately(_)
        | KeysError::Status { .. }
        | KeysError::Set { .. } => return AccessError::Unavailable(Box::new(error)),
        KeysError::Signed(_, why) => match why {
            VerifyError::Shape => Refusal::Shape,
            VerifyError::Algorithm => Refusal::Algorithm,
            VerifyError::UnknownKey => Refusal::UnknownKey,
            VerifyError::Signature => Refusal::Signature,
            VerifyError::Payload => Refusal::Claims,
        },
    };
    refusal.into()
}
