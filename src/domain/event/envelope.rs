//! The envelope of an event, and how JSON is written of many of them a second.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Event;
use crate::domain::ids::{AgencyId, JobName};
use crate::domain::time::Timestamp;

impl Event {
    /// The CloudEvents 1.0 envelope in structured JSON, as AMQP, feed and webhook carry it.
    pub fn to_cloudevent(&self, agency: &AgencyId) -> String {
        let head = Envelope {
            specversion: "1.0",
            id: Text(format_args!("{agency}-{}", self.sequence)),
            source: Text(format_args!("/budstikke/{agency}")),
            kind: Text(format_args!("no.budstikke.{}", self.kind)),
            subject: self.subject.as_ref(),
            time: Text(self.at),
            datacontenttype: "application/json",
            sequence: Text(self.sequence),
        };
        let mut text = to_text(&head, 320 + self.data.len());
        text.pop();
        text.push_str(",\"data\":");
        text.push_str(&self.data);
        text.push('}');
        text
    }
}

/// The envelope but for its `data`.
#[derive(Serialize)]
struct Envelope<'a, I: fmt::Display, S: fmt::Display, K: fmt::Display> {
    specversion: &'a str,
    id: Text<I>,
    source: Text<S>,
    #[serde(rename = "type")]
    kind: Text<K>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a JobName>,
    time: Text<Timestamp>,
    datacontenttype: &'a str,
    sequence: Text<i64>,
}

/// Written as a JSON string, without one in between.
pub(super) struct Text<T>(pub(super) T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// `value` in about so many bytes. Nothing here can fail to be written: no map, and no number that
/// JSON does not have.
#[expect(
    clippy::expect_used,
    reason = "only a map or a failing writer could fail, and here is neither"
)]
pub(super) fn to_text(value: &impl Serialize, about: usize) -> String {
    let mut bytes = Vec::with_capacity(about);
    serde_json::to_writer(&mut bytes, value).expect("it can be written as JSON");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::event::EventKind;
    use crate::domain::ids::AgencyNo;

    #[test]
    fn the_envelope_is_a_cloud_event_with_its_data_as_it_stands() {
        let agency = AgencyId::parse("oslo").unwrap();
        let mut event = Event {
            agency: AgencyNo(1),
            sequence: 17,
            kind: EventKind::NotificationSent,
            subject: Some(JobName::parse("varsel-1").unwrap()),
            at: Timestamp(1_800_000_000_123_456),
            data: r#"{"ref":"1"}"#.to_owned(),
        };
        let text = event.to_cloudevent(&agency);
        let read: Value = serde_json::from_str(&text).unwrap();
        let expected = json!({
            "specversion": "1.0",
            "id": "oslo-17",
            "source": "/budstikke/oslo",
            "type": "no.budstikke.notification.sent",
            "subject": "varsel-1",
            "time": "2027-01-15T08:00:00.123Z",
            "datacontenttype": "application/json",
            "sequence": "17",
            "data": {"ref": "1"},
        });
        assert_eq!(read, expected);
        assert_eq!(text, expected.to_string(), "in this order");
        event.subject = None;
        assert!(!event.to_cloudevent(&agency).contains("subject"));
    }
}
