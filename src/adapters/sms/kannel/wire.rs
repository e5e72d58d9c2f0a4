//! The format: a query out, a line of text back (Kannel user guide, "Using the HTTP interface to send
//! SMS messages").

use url::Url;

use crate::adapters::sms::settings::{Auth, percent_encode};
use crate::domain::sms_parts::{self, Encoding};

/// Which reports we ask for: 1 delivered, 2 not delivered, 8 taken by the SMSC, 16 refused by the
/// SMSC. Not 4, "buffered", which says nothing that 8 does not.
const DLR_MASK: &str = "27";

/// One message.
pub(super) struct Message<'a> {
    pub(super) to: &'a str,
    pub(super) from: &'a str,
    pub(super) text: &'a str,
    pub(super) reference: &'a str,
    pub(super) report_url: Option<&'a str>,
}

/// The address with user and password, and nothing that could be sent.
pub(super) fn account(mut url: Url, auth: &Auth) -> Url {
    if let Auth::Basic { user, password } = auth {
        url.query_pairs_mut()
            .append_pair("username", user)
            .append_pair("password", password);
    }
    url
}

/// The whole request.
pub(super) fn encode(url: Url, auth: &Auth, message: &Message<'_>) -> Url {
    let mut url = account(url, auth);
    let mut query = url
        .query()
        .map_or_else(String::new, |query| format!("{query}&"));
    // Kannel has to be told: in coding 0 it writes `?` for what does not fit the GSM alphabet, and in
    // coding 2 it makes 70-character parts of what would have fitted.
    let coding = match sms_parts::count(message.text).encoding {
        Encoding::Gsm7 => "0",
        Encoding::Ucs2 => "2",
    };
    let mut pairs = vec![
        ("to", message.to),
        ("from", message.from),
        ("text", message.text),
        ("charset", "UTF-8"),
        ("coding", coding),
    ];
    let dlr_url = message
        .report_url
        .map(|report_url| dlr_url(report_url, message.reference));
    if let Some(dlr_url) = &dlr_url {
        pairs.push(("dlr-mask", DLR_MASK));
        pairs.push(("dlr-url", dlr_url));
    }
    for (index, (name, value)) in pairs.into_iter().enumerate() {
        if index > 0 {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        percent_encode(&mut query, value);
    }
    url.set_query(Some(&query));
    url
}

/// Kannel replaces `%d` by the type of the report and reads `%%` as a percent sign.
fn dlr_url(report_url: &str, reference: &str) -> String {
    let joint = if report_url.contains('?') { '&' } else { '?' };
    format!(
        "{}{joint}type=%d&ref={reference}",
        report_url.replace('%', "%%")
    )
}

/// What a line of Kannel's says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// `0: Accepted for delivery`, `3: Queued for later delivery`, or `Sent.` where the
    /// administrator chose `immediate-sendsms-reply`.
    Taken,
    /// `Not routable. Do not try again.`, or a number on a black-list.
    Never,
    /// Anything else.
    Other,
}

/// Reads the first line of an answer.
pub(super) fn decode(body: &[u8]) -> Line {
    let text = String::from_utf8_lossy(body);
    let line = text.trim_start();
    if line.starts_with("0: Accepted") || line.starts_with("3: Queued") || line.starts_with("Sent.")
    {
        Line::Taken
    } else if line.starts_with("Not routable") || line.contains("black-list") {
        Line::Never
    } else {
        Line::Other
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn encoded(text: &str, report_url: Option<&str>) -> HashMap<String, String> {
        let url = encode(
            Url::parse("http://127.0.0.1:13013/cgi-bin/sendsms?smsc=a").unwrap(),
            &Auth::Basic {
                user: "oslo".into(),
                password: "p&ss".into(),
            },
            &Message {
                to: "+4799999999",
                from: "OsloKommune",
                text,
                reference: "bs1a",
                report_url,
            },
        );
        url.query_pairs().into_owned().collect()
    }

    #[test]
    fn a_message_is_one_query_with_every_character_intact() {
        let query = encoded("Blåbær & 100 % æøå+", None);
        assert_eq!(query["text"], "Blåbær & 100 % æøå+");
        assert_eq!(query["to"], "+4799999999");
        assert_eq!(query["from"], "OsloKommune");
        assert_eq!(query["username"], "oslo");
        assert_eq!(query["password"], "p&ss");
        assert_eq!(query["smsc"], "a");
        assert_eq!((&*query["charset"], &*query["coding"]), ("UTF-8", "0"));
        assert!(!query.contains_key("dlr-url") && !query.contains_key("dlr-mask"));
    }

    #[test]
    fn what_does_not_fit_seven_bits_goes_as_ucs2() {
        let query = encoded("👍 čálit", None);
        assert_eq!((&*query["text"], &*query["coding"]), ("👍 čálit", "2"));
    }

    #[test]
    fn a_report_is_asked_for_with_our_reference_and_a_protected_token() {
        let query = encoded("hei", Some("https://b.example/v1/receipts/k?token=a%2Fb"));
        assert_eq!(query["dlr-mask"], "27");
        assert_eq!(
            query["dlr-url"],
            "https://b.example/v1/receipts/k?token=a%%2Fb&type=%d&ref=bs1a"
        );
    }
}
