//! How kind `json` is described by the configuration (contract section 7).

use serde_json::{Map, Value};

use crate::adapters::sms::http::verdict::StatusLists;

/// What is particular to one gateway of kind `json`; the default is the contract's.
#[derive(Clone)]
pub struct JsonSettings {
    /// `POST` or `PUT`.
    pub method: HttpMethod,
    /// What the fields of a request are called.
    pub fields: Fields,
    /// How the receiver's number is written.
    pub numbers: NumberFormat,
    /// Sent with every message as they are, for example `{"priority": 1}`.
    pub constants: Map<String, Value>,
    /// Where the gateway's own id stands in a 2xx answer; dots go inwards and digits into lists:
    /// `id`, `messages.0.id`.
    pub id_field: String,
    /// A field of a 2xx answer that says that the message was *not* taken whenever it holds anything
    /// but `null`, `false`, `0` or an empty text. Without it such an answer is unknown, because it
    /// has no id.
    pub error_field: Option<String>,
    /// A request header that gets our reference, for gateways that fold repeats by it, for example
    /// `Idempotency-Key`.
    pub idempotency_header: Option<String>,
    /// What the status codes mean.
    pub statuses: StatusLists,
}

impl Default for JsonSettings {
    fn default() -> Self {
        Self {
            method: HttpMethod::Post,
            fields: Fields::default(),
            numbers: NumberFormat::E164,
            constants: Map::new(),
            id_field: "id".into(),
            error_field: None,
            idempotency_header: None,
            statuses: StatusLists::default(),
        }
    }
}

/// Constants may hold a password, so they are not printed.
impl std::fmt::Debug for JsonSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonSettings")
            .field("method", &self.method)
            .field("fields", &self.fields)
            .field("numbers", &self.numbers)
            .field("id_field", &self.id_field)
            .field("error_field", &self.error_field)
            .field("statuses", &self.statuses)
            .finish_non_exhaustive()
    }
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    /// POST.
    Post,
    /// PUT.
    Put,
}

/// Names of the fields of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// The receiver.
    pub to: String,
    /// The sender.
    pub from: String,
    /// The text.
    pub text: String,
    /// Our reference.
    pub reference: String,
    /// Where reports shall go; sent only if named here and `report_url` is set.
    pub report_url: Option<String>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            to: "to".into(),
            from: "from".into(),
            text: "text".into(),
            reference: "reference".into(),
            report_url: None,
        }
    }
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberFormat {
    /// `+4799999999`.
    E164,
    /// `4799999999`.
    Digits,
}
