//! How the fake ID-porten is told to behave.

use serde_json::{Map, Value};

/// All knobs.
#[derive(Debug, Clone)]
pub struct IdPortenKnobs {
    /// Who logs in, without being asked; `None`: a page asks.
    pub person: Option<String>,
    /// A word of the protocol that every log-in is answered with instead, such as `access_denied`.
    pub refuse: Option<String>,
    /// The level of the log-in.
    pub acr: String,
    /// Claims put in place of those of the next ID tokens; `null` takes one away.
    pub claims: Map<String, Value>,
    /// Put in place of the signature of the next ID tokens.
    pub signature: Option<String>,
    /// Whether requests can be pushed.
    pub par: bool,
    /// Put in place of `iss` in the answer; an empty text leaves it out.
    pub answer_issuer: Option<String>,
}

impl Default for IdPortenKnobs {
    /// As one would like it.
    fn default() -> Self {
        Self {
            person: None,
            refuse: None,
            acr: "idporten-loa-high".to_owned(),
            claims: Map::new(),
            signature: None,
            par: true,
            answer_issuer: None,
        }
    }
}
