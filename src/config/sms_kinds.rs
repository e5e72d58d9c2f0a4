//! `[sms_gateway.json]` and `[sms_gateway.kannel]`: how a gateway of that kind speaks.

use std::collections::BTreeMap;

use super::reader::section;
use super::senders::checked_text;
use super::url::HttpUrl;
use super::words::words;

words! {
    /// How a phone number is written.
    NumberForm {
        /// `+4799999999`
        E164 = "e164",
        /// `4799999999`
        Digits = "digits",
        /// `004799999999`
        Zeros = "00",
    }
}

checked_text!(
    /// A place in a JSON document (RFC 6901), for example `/id` or `/messages/0/id`.
    Pointer,
    |text: &str| if text.starts_with('/') || text.is_empty() {
        Ok(())
    } else {
        Err("is no JSON pointer; write \"/id\" or \"/messages/0/id\"")
    }
);

fn pointer(text: &str) -> Pointer {
    Pointer(text.to_owned())
}

fn field(text: &str) -> String {
    text.to_owned()
}

section! {
    /// The body that is posted, and what the answer means. Every 2xx with a readable id is
    /// accepted; 4xx that stand in no list refuse the message; all else is unknown.
    JsonSms {
        /// Name of the field with the receiver.
        to: String = field("to"),
        /// Name of the field with the sender.
        from: String = field("from"),
        /// Name of the field with the text.
        text: String = field("text"),
        /// Name of the field with our own reference.
        reference: String = field("reference"),
        /// How the receiver's number is written.
        number_form: NumberForm = NumberForm::E164,
        /// Further fields with fixed texts.
        extra: BTreeMap<String, String> = BTreeMap::new(),
        /// Where the gateway's own id stands in the answer.
        response_id: Pointer = pointer("/id"),
        /// Statuses that are about our account: the gateway pauses.
        account: Vec<u32> = vec![401, 403],
        /// Statuses that say: not taken, later.
        later: Vec<u32> = vec![408, 425, 429, 500, 503],
        /// Statuses that refuse the message, besides the other 4xx.
        refused: Vec<u32> = Vec::new(),
        /// Statuses after which nobody can know.
        unknown: Vec<u32> = vec![502, 504],
        /// How delivery reports look.
        report: JsonReport,
    }
}

section! {
    /// How a delivery report looks.
    JsonReport {
        /// Where the gateway's own id stands.
        id: Pointer = pointer("/id"),
        /// Where our own reference stands.
        reference: Pointer = pointer("/reference"),
        /// Where the status stands.
        status: Pointer = pointer("/status"),
        /// Words that mean delivered.
        delivered: Vec<String> = vec![field("delivered")],
        /// Words that mean failed for good.
        failed: Vec<String> = vec![field("failed")],
        /// Words that mean that it was given up in time.
        expired: Vec<String> = vec![field("expired")],
        /// Words that mean that it is on its way.
        accepted: Vec<String> = vec![field("accepted")],
    }
}

section! {
    /// Kannel's `sendsms`; user and password come from `auth` of kind basic.
    KannelSms {
        /// The character set of texts that GSM 03.38 cannot write.
        charset: String = field("UTF-8"),
        /// Kannel's own name of the connection to use.
        smsc: Option<String>,
        /// Our API as Kannel reaches it, for `dlr-url`; absent: no delivery reports.
        public_url: Option<HttpUrl>,
    }
}
