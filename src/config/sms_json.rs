//! `[sms_gateway.json]`: how a gateway of kind json speaks.

use super::node::{Node, Raw};
use super::reader::{Findings, Setting, section};
use super::words::words;

words! {
    /// How a message is handed over.
    HttpMethod {
        /// POST
        Post = "POST",
        /// PUT
        Put = "PUT",
    }
}

words! {
    /// How a phone number is written.
    NumberFormat {
        /// `+4799999999`
        E164 = "e164",
        /// `4799999999`
        Digits = "digits",
    }
}

/// Fields that are sent with every message as they are. They may hold a password, so they print
/// masked.
#[derive(Clone, PartialEq, Default)]
pub struct Constants(serde_json::Map<String, serde_json::Value>);

impl Constants {
    /// The fields; for the adapter only.
    pub const fn expose(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.0
    }
}

impl std::fmt::Debug for Constants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Setting for Constants {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        match json(node) {
            Some(serde_json::Value::Object(fields)) => Some(Self(fields)),
            Some(_) | None => {
                let problem = "expected a table of texts, numbers, true, false, lists and tables";
                findings.add(path, &node.origin, problem);
                None
            }
        }
    }

    fn show(&self) -> Option<toml::Value> {
        let mask = |key: &String| (key.clone(), super::secret::MASK.into());
        let table: toml::Table = self.0.keys().map(mask).collect();
        Some(table.into())
    }
}

fn json(node: &Node) -> Option<serde_json::Value> {
    Some(match &node.value {
        Raw::Text(text) | Raw::Untyped(text) => text.clone().into(),
        Raw::Whole(number) => (*number).into(),
        Raw::Real(number) => (*number).into(),
        Raw::Truth(truth) => (*truth).into(),
        Raw::Date => return None,
        Raw::List(list) => list.iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        Raw::Table(table) => {
            let fields = table
                .iter()
                .map(|(key, node)| Some((key.clone(), json(node)?)));
            serde_json::Value::Object(fields.collect::<Option<_>>()?)
        }
    })
}

fn word(text: &str) -> String {
    text.to_owned()
}

section! {
    /// The message that is handed over, and what the answer means: a 2xx with a readable id is
    /// accepted, a 4xx that stands in no list refuses the message, all else is unknown.
    JsonSms {
        /// How it is handed over.
        method: HttpMethod = HttpMethod::Post,
        /// Name of the field with the receiver.
        to: String = word("to"),
        /// Name of the field with the sender.
        from: String = word("from"),
        /// Name of the field with the text.
        text: String = word("text"),
        /// Name of the field with our own reference.
        reference: String = word("reference"),
        /// Name of the field with the address for delivery reports; absent: it is not sent.
        report_url: Option<String>,
        /// How the receiver's number is written.
        numbers: NumberFormat = NumberFormat::E164,
        /// Further fields, sent as they are.
        constants: Constants = Constants::default(),
        /// Where the gateway's own id stands in a 2xx answer; dots go inwards, digits into lists.
        id_field: String = word("id"),
        /// A field of a 2xx answer that says, unless empty, that the message was not taken.
        error_field: Option<String>,
        /// A header that gets our reference, for gateways that fold repeats by it.
        idempotency_header: Option<String>,
        /// Statuses that are about our account: the gateway pauses.
        account: Vec<u32> = vec![401, 403],
        /// Statuses that say: not taken, later.
        later: Vec<u32> = vec![408, 425, 429, 500, 503],
        /// Statuses that refuse the message, besides the other 4xx.
        refused: Vec<u32> = Vec::new(),
        /// Statuses after which nobody can know.
        unknown: Vec<u32> = vec![502, 504],
    }
}
