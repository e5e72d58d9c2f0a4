//! How the register is asked.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::Url;

use crate::domain::ids::AgencyId;
use crate::domain::org_number::OrgNumber;

/// In which form answers are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answers {
    /// `application/json`: TLS alone says who answers.
    Json,
    /// `application/jose`: signed, and believed only with a signature of the keys found there.
    Jose {
        /// The register's key set.
        keys: Url,
    },
}

/// In whose name the register is asked (`consumer_org`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consumer {
    /// Our own.
    Own,
    /// Always that organisation's.
    Organisation(OrgNumber),
    /// That of the agency which sends; it must have delegated the scope to us.
    Agency(HashMap<AgencyId, OrgNumber>),
}

/// How the register is asked.
#[derive(Debug, Clone)]
pub struct KrrSettings {
    /// Scheme, host and port.
    pub url: Url,
    /// The scope of the tokens.
    pub scope: String,
    /// In whose name.
    pub consumer: Consumer,
    /// Persons in one call at most; 1 to 1,000.
    pub batch: usize,
    /// Calls in flight at most, per process.
    pub concurrency: usize,
    /// Calls a second at most, per process.
    pub rate: f64,
    /// How long a call may take.
    pub timeout: Duration,
    /// In which form answers are asked for.
    pub answers: Answers,
}
