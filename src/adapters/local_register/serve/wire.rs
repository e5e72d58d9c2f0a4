//! The register's format, from the side of the register.

use serde::{Deserialize, Serialize};

use crate::domain::krr_person::KrrPerson;

/// Where persons are looked up.
pub(super) const PERSONS: &str = "/rest/v2/personer";
/// Where changes are fetched.
pub(super) const CHANGES: &str = "/rest/v2/krr/hentEndringer";
/// Where the keys of signed answers are.
pub(super) const KEYS: &str = "/jwks";
/// The media type of signed answers.
pub(super) const JOSE: &str = "application/jose";

/// Who is asked about.
#[derive(Deserialize)]
pub(super) struct PersonsRequest {
    pub(super) personidentifikatorer: Vec<String>,
}

/// What is answered; the order means nothing.
#[derive(Serialize)]
pub(super) struct PersonsAnswer {
    pub(super) personer: Vec<KrrPerson>,
}

/// From which change on.
#[derive(Deserialize)]
pub(super) struct ChangesRequest {
    #[serde(rename = "fraEndringsId")]
    pub(super) from: i64,
}

/// Changes from `from` to `to`; there are more while `to` is not `latest`.
#[derive(Serialize)]
pub(super) struct ChangesAnswer {
    pub(super) list: Vec<KrrPerson>,
    #[serde(rename = "fraEndringsId")]
    pub(super) from: i64,
    #[serde(rename = "tilEndringsId")]
    pub(super) to: i64,
    #[serde(rename = "sisteEndringsId")]
    pub(super) latest: i64,
}

/// What is wrong; nobody publishes the form of the real register's errors.
#[derive(Serialize)]
pub(super) struct Wrong<'a> {
    pub(super) status: u16,
    pub(super) message: &'a str,
}
