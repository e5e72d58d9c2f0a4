//! The dialogue: a request pushed, a code exchanged, a session ended.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Url;
use reqwest::header::AUTHORIZATION;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::believe::{Expected, believe};
use super::metadata::{Known, Metadata};
use super::settings::{ClientProof, OidcSettings};
use super::wire::{ASSERTION_TYPE, AssertionClaims, ErrorReply, PushedReply, TokenReply};
use crate::adapters::https::caller::{Caller, Limits, Reply};
use crate::adapters::jose::wire::RsaAlgorithm;
use crate::ports::BoxError;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::login::{Attempt, LoggedIn, LoginError, LoginProvider, Returned};

/// An assertion is made for one request, in seconds.
const ASSERTION_LIFE: i64 = 60;
/// Calls in flight that keep their connection.
const IN_FLIGHT: usize = 8;
/// More of an answer than this is not read, in bytes.
const LONGEST: usize = 64 * 1024;

type Form = Vec<(&'static str, String)>;

/// A provider.
pub struct OidcProvider {
    settings: OidcSettings,
    caller: Caller,
    metadata: Metadata,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OidcProvider({})", self.settings.issuer)
    }
}

impl OidcProvider {
    /// A client of the provider; calls nobody yet.
    ///
    /// # Errors
    /// The issuer is no URL, or TLS cannot be set up.
    pub fn new(
        settings: OidcSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, BoxError> {
        let url = Url::parse(&settings.issuer)?;
        Ok(Self {
            caller: Caller::new(&url, IN_FLIGHT)?,
            metadata: Metadata::new(
                settings.issuer.clone(),
                settings.timeout,
                Arc::clone(&clock),
            ),
            settings,
            clock,
            entropy,
        })
    }

    fn request(&self, attempt: &Attempt) -> Form {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&attempt.verifier));
        vec![
            ("client_id", self.settings.client_id.clone()),
            ("response_type", "code".to_owned()),
            ("scope", "openid profile".to_owned()),
            ("redirect_uri", self.settings.redirect_url.to_string()),
            ("state", attempt.state.clone()),
            ("nonce", attempt.nonce.clone()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".to_owned()),
            ("acr_values", self.settings.acr.clone()),
            ("ui_locales", attempt.language.to_owned()),
        ]
    }

    /// A form posted with the client's proof.
    async fn post<T: DeserializeOwned>(&self, at: &Url, mut form: Form) -> Result<T, LoginError> {
        let mut basic = None;
        match &self.settings.proof {
            ClientProof::Secret(secret) => {
                let encode = |text: &str| {
                    let encoded = url::form_urlencoded::byte_serialize(text.as_bytes());
                    encoded.collect::<String>()
                };
                let pair = format!("{}:{}", encode(&self.settings.client_id), encode(secret));
                basic = Some(format!("Basic {}", STANDARD.encode(pair)));
            }
            ClientProof::Key(key, name) => {
                let iat = self.clock.now().0.div_euclid(1_000_000);
                let claims = AssertionClaims {
                    iss: self.settings.client_id.clone(),
                    sub: self.settings.client_id.clone(),
                    aud: self.settings.issuer.clone(),
                    jti: hex::encode(self.entropy.bytes()),
                    iat,
                    exp: iat + ASSERTION_LIFE,
                };
                let assertion = key.sign(RsaAlgorithm::Rs256, name, &claims);
                let assertion =
                    assertion.map_err(|error| LoginError::Refused(error.to_string()))?;
                form.push(("client_assertion_type", ASSERTION_TYPE.to_owned()));
                form.push(("client_assertion", assertion));
            }
        }
        let mut request = self.caller.post(at.clone()).form(&form);
        if let Some(basic) = basic {
            request = request.header(AUTHORIZATION, basic);
        }
        let limits = Limits {
            time: self.settings.timeout,
            bytes: LONGEST,
        };
        let reply = self.caller.call(request, limits, self.clock.now()).await;
        classify(&reply.map_err(|error| LoginError::Unavailable(Box::new(error)))?)
    }

    async fn known(&self) -> Result<Arc<Known>, LoginError> {
        self.metadata.known(&self.caller).await
    }
}

/// What an answer to a form means.
fn classify<T: DeserializeOwned>(reply: &Reply) -> Result<T, LoginError> {
    match reply.status {
        200..=299 => serde_json::from_slice(&reply.body)
            .map_err(|_bad| LoginError::Unavailable("an answer that cannot be read".into())),
        status @ (408 | 425 | 429 | 500..) => {
            Err(LoginError::Unavailable(format!("HTTP {status}").into()))
        }
        status => {
            let error: ErrorReply = serde_json::from_slice(&reply.body).unwrap_or_default();
            match error.error.as_str() {
                "invalid_grant" => Err(LoginError::Over("the code is used up or too old")),
                word => Err(LoginError::Refused(format!(
                    "HTTP {status} {}",
                    plain(word)
                ))),
            }
        }
    }
}

/// A word of the protocol; anything else is not repeated.
fn plain(word: &str) -> &str {
    let fits = |b: u8| b.is_ascii_lowercase() || b == b'_';
    if word.len() <= 40 && word.bytes().all(fits) {
        word
    } else {
        ""
    }
}

#[async_trait]
impl LoginProvider for OidcProvider {
    async fn begin(&self, attempt: &Attempt) -> Result<String, LoginError> {
        let known = self.known().await?;
        let mut to = known.authorization.clone();
        let request = self.request(attempt);
        match &known.pushed {
            Some(at) => {
                let pushed: PushedReply = self.post(at, request).await?;
                to.query_pairs_mut()
                    .append_pair("client_id", &self.settings.client_id)
                    .append_pair("request_uri", &pushed.request_uri);
            }
            None => {
                to.query_pairs_mut().extend_pairs(request);
            }
        }
        Ok(to.into())
    }

    async fn finish(&self, attempt: &Attempt, returned: &Returned) -> Result<LoggedIn, LoginError> {
        let known = self.known().await?;
        // Before anything else: an answer of somebody else must not be acted upon (RFC 9207).
        match &returned.issuer {
            Some(issuer) if *issuer != self.settings.issuer => {
                return Err(LoginError::Unbelievable("it comes from another issuer"));
            }
            None if known.names_itself => {
                return Err(LoginError::Unbelievable("it does not say who sends it"));
            }
            Some(_) | None => {}
        }
        if let Some(error) = &returned.error {
            return Err(match error.as_str() {
                "access_denied" => LoginError::Denied,
                "login_required" | "interaction_required" | "consent_required" => {
                    LoginError::Over("the provider wants the person to log in again")
                }
                "server_error" | "temporarily_unavailable" => {
                    LoginError::Unavailable(plain(error).into())
                }
                word => LoginError::Refused(plain(word).to_owned()),
            });
        }
        let code = returned.code.as_deref().filter(|code| !code.is_empty());
        let code = code.ok_or(LoginError::Over("there is no code"))?;
        let form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", self.settings.redirect_url.to_string()),
            ("code_verifier", attempt.verifier.clone()),
            ("client_id", self.settings.client_id.clone()),
        ];
        let reply: TokenReply = self.post(&known.token, form).await?;
        let claims = self.metadata.open(&self.caller, &reply.id_token).await?;
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &attempt.nonce,
            acr: &self.settings.acr,
            access_token: &reply.access_token,
            now: self.clock.now(),
        };
        Ok(LoggedIn {
            person: believe(&claims, &expected)?,
            session: claims.sid,
            id_token: reply.id_token,
        })
    }

    async fn end(&self, id_token: &str, state: &str) -> Result<Option<String>, LoginError> {
        let known = self.known().await?;
        let Some(mut to) = known.end_session.clone() else {
            return Ok(None);
        };
        to.query_pairs_mut()
            .append_pair("id_token_hint", id_token)
            .append_pair("client_id", &self.settings.client_id)
            .append_pair(
                "post_logout_redirect_uri",
                self.settings.post_logout_url.as_str(),
            )
            .append_pair("state", state);
        Ok(Some(to.into()))
    }

    fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    fn origins(&self) -> Vec<String> {
        let issuer = Url::parse(&self.settings.issuer).ok();
        let known = self.metadata.at_hand();
        let places = known.iter().flat_map(|known| {
            [Some(&known.authorization), known.end_session.as_ref()]
                .into_iter()
                .flatten()
                .cloned()
        });
        let after = self.settings.post_logout_url.clone();
        let mut origins: Vec<String> = issuer
            .into_iter()
            .chain(places)
            .chain([after])
            .map(|url| url.origin().ascii_serialization())
            .collect();
        origins.sort();
        origins.dedup();
        origins
    }

    async fn probe(&self) -> Result<(), LoginError> {
        self.known().await.map(drop)
    }
}
