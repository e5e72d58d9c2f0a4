//! How commands reach the API of a running worker.

use anyhow::anyhow;
use clap::Args;

use crate::adapters::api_client::{ApiClient, ApiError, ApiKey};

/// Where the API is unless something else is said.
pub const DEFAULT: &str = "http://127.0.0.1:8080";
/// The environment variable with the agency's API key.
pub const KEY: &str = "BUDSTIKKE_API_KEY";

/// Where the API is.
#[derive(Debug, Clone, Args)]
pub struct ApiArgs {
    /// The API of a running worker [default: http://127.0.0.1:8080]; the agency's key comes from
    /// the environment variable BUDSTIKKE_API_KEY.
    #[arg(long, value_name = "URL")]
    api: Option<String>,
}

/// Whether a call needs an agency's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// It does.
    Needed,
    /// Anybody may ask.
    NotNeeded,
}

impl ApiArgs {
    /// Whether an address was given.
    pub const fn is_given(&self) -> bool {
        self.api.is_some()
    }

    /// A client.
    ///
    /// # Errors
    /// The address or the key cannot be used, or there is no key.
    pub fn client(&self, key: Key) -> anyhow::Result<ApiClient> {
        let found = std::env::var(KEY)
            .ok()
            .filter(|key| !key.trim().is_empty())
            .map(ApiKey::new);
        if key == Key::Needed && found.is_none() {
            return Err(anyhow!(
                "there is no API key: set the environment variable {KEY}; `budstikke agency key AGENCY` creates one"
            ));
        }
        let address = self.api.as_deref().unwrap_or(DEFAULT);
        let client: Result<ApiClient, ApiError> = ApiClient::new(address, found.as_ref());
        Ok(client?)
    }
}
