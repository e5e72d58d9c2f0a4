//! Who sent a message, and whether it may be read at all (contract section 3; R-1, C-15).
//!
//! The broker checks `user_id` against the log-in, but only when the property is there; a routing
//! key is checked against the topic permission, but keys in the headers `CC` and `BCC` are not. A
//! `BCC` header is taken away before delivery: such a copy is recognised because its user does not
//! own the queue that it arrived in.

use std::collections::HashMap;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::names;
use super::topology::AgencyRoute;
use crate::domain::ids::AgencyId;
use crate::domain::status::Reason;
use crate::ports::job_source::{MessageKind, Refusal};

/// What of a message decides; nothing of its body.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Envelope<'a> {
    pub(super) user_id: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    pub(super) content_type: Option<&'a str>,
    pub(super) headers: Option<&'a FieldTable>,
    pub(super) body_bytes: usize,
}

/// Which broker user is which agency.
#[derive(Debug)]
pub(super) struct Directory {
    users: HashMap<String, AgencyId>,
    /// Our own log-in, unless an agency uses it too: then it proves nothing.
    own_user: Option<String>,
}

impl Directory {
    pub(super) fn new(agencies: &[AgencyRoute], own_user: &str) -> Self {
        let users: HashMap<_, _> = agencies
            .iter()
            .map(|route| (route.broker_user.clone(), route.agency.clone()))
            .collect();
        let own_user = (!users.contains_key(own_user)).then(|| own_user.to_owned());
        Self { users, own_user }
    }

    /// The agency and the kind of a message that arrived in a queue of `owner`.
    pub(super) fn judge(
        &self,
        owner: &AgencyId,
        envelope: Envelope<'_>,
    ) -> Result<(AgencyId, MessageKind), Refusal> {
        let agency = self.agency_of(envelope)?;
        let because = |code: Reason, reason: String| {
            Err(Refusal {
                reason,
                tell: Some(agency.clone()),
                code,
            })
        };
        let foreign = |reason: String| because(Reason::Unauthenticated, reason);
        let refuse = |reason: String| because(Reason::Invalid, reason);
        if agency != owner {
            return foreign("the user_id does not own the queue the message came from".to_owned());
        }
        if let Some(header) = ["CC", "BCC"].iter().find(|name| envelope.has(name)) {
            return foreign(format!("the header {header} is not allowed"));
        }
        if envelope.has(names::HEADER_TOO_DEEP) {
            return refuse("the headers nest too deep".to_owned());
        }
        if envelope.body_bytes > names::MAX_BODY {
            return refuse(format!(
                "the body has {} bytes, at most {} are read",
                envelope.body_bytes,
                names::MAX_BODY
            ));
        }
        if !envelope.content_type.is_none_or(is_json) {
            return refuse("the content_type is not application/json".to_owned());
        }
        let kind = match envelope.kind {
            None | Some("job") => MessageKind::Job,
            Some("cancel") => MessageKind::Cancel,
            Some("opened") => MessageKind::Opened,
            Some(_) => return refuse("the type is none of job, cancel and opened".to_owned()),
        };
        Ok((agency.clone(), kind))
    }

    fn agency_of(&self, envelope: Envelope<'_>) -> Result<&AgencyId, Refusal> {
        let unknown = |reason: &str| Refusal {
            reason: reason.to_owned(),
            tell: None,
            code: Reason::Unauthenticated,
        };
        let user = envelope
            .user_id
            .ok_or_else(|| unknown("the property user_id is missing"))?;
        if envelope.has(names::HEADER_REPLAYED_USER) && self.own_user.as_deref() != Some(user) {
            return Err(Refusal {
                reason: format!("the header {} is reserved", names::HEADER_REPLAYED_USER),
                tell: self.users.get(user).cloned(),
                code: Reason::Unauthenticated,
            });
        }
        self.users
            .get(self.user_of(envelope).unwrap_or(user))
            .ok_or_else(|| unknown("the user_id is no agency's broker user"))
    }

    /// The broker user that sent it: of a replay by ourselves, the original's.
    pub(super) fn user_of<'a>(&self, envelope: Envelope<'a>) -> Option<&'a str> {
        user_of(self.own_user.as_deref(), envelope)
    }
}

/// The broker user that sent a message, where `own_user` may say that it was another.
pub(super) fn user_of<'a>(own_user: Option<&str>, envelope: Envelope<'a>) -> Option<&'a str> {
    let replayed = envelope
        .header(names::HEADER_REPLAYED_USER)
        .and_then(as_text);
    match (envelope.user_id, replayed) {
        (Some(user), Some(original)) if own_user == Some(user) => Some(original),
        (user, Some(_) | None) => user,
    }
}

impl<'a> Envelope<'a> {
    pub(super) fn of(properties: &'a BasicProperties, body_bytes: usize) -> Self {
        Self {
            user_id: properties.user_id().as_ref().map(ShortString::as_str),
            kind: properties.kind().as_ref().map(ShortString::as_str),
            content_type: properties.content_type().as_ref().map(ShortString::as_str),
            headers: properties.headers().as_ref(),
            body_bytes,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&'a AMQPValue> {
        self.headers.and_then(|headers| headers.inner().get(name))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.header(name).is_some()
    }
}

/// A header's text, whichever of the two string types carries it.
pub(super) fn as_text(value: &AMQPValue) -> Option<&str> {
    if let Some(text) = value.as_short_string() {
        return Some(text.as_str());
    }
    value
        .as_long_string()
        .and_then(|text| std::str::from_utf8(text.as_bytes()).ok())
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(names::JSON)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oslo() -> AgencyId {
        AgencyId::parse("oslo").unwrap()
    }

    fn nav() -> AgencyId {
        AgencyId::parse("nav").unwrap()
    }

    fn directory() -> Directory {
        let route = |agency, user: &str| AgencyRoute {
            agency,
            broker_user: user.to_owned(),
        };
        let routes = [route(oslo(), "oslo-mq"), route(nav(), "nav-mq")];
        Directory::new(&routes, "budstikke")
    }

    fn headers(name: &str, value: &str) -> FieldTable {
        let mut table = FieldTable::default();
        table.insert(name.into(), AMQPValue::LongString(value.into()));
        table
    }

    fn from_oslo() -> Envelope<'static> {
        Envelope {
            user_id: Some("oslo-mq"),
            ..Envelope::default()
        }
    }

    /// Who is told of the refusal in Oslo's queue.
    fn told(envelope: Envelope<'_>) -> Option<AgencyId> {
        directory().judge(&oslo(), envelope).unwrap_err().tell
    }

    #[test]
    fn the_user_id_alone_says_which_agency() {
        let judged = directory().judge(&oslo(), from_oslo());
        assert_eq!(judged, Ok((oslo(), MessageKind::Job)));
    }

    #[test]
    fn a_missing_or_unknown_user_is_refused_and_nobody_is_told() {
        for user_id in [None, Some("oslo"), Some(""), Some("budstikke")] {
            let envelope = Envelope {
                user_id,
                ..Envelope::default()
            };
            assert_eq!(told(envelope), None, "{user_id:?}");
        }
    }

    #[test]
    fn a_user_in_anothers_queue_is_refused_and_told() {
        let envelope = Envelope {
            user_id: Some("nav-mq"),
            ..Envelope::default()
        };
        assert_eq!(told(envelope), Some(nav()));
    }

    #[test]
    fn copies_by_header_and_headers_that_could_not_be_read_are_refused() {
        for name in ["CC", "BCC", names::HEADER_TOO_DEEP] {
            let headers = headers(name, "nav.normal");
            let envelope = Envelope {
                headers: Some(&headers),
                ..from_oslo()
            };
            assert_eq!(told(envelope), Some(oslo()), "{name}");
        }
    }

    #[test]
    fn only_json_of_a_known_type_and_bearable_size_is_read() {
        let kind = |word| {
            directory()
                .judge(
                    &oslo(),
                    Envelope {
                        kind: Some(word),
                        content_type: Some("Application/JSON; charset=utf-8"),
                        body_bytes: names::MAX_BODY,
                        ..from_oslo()
                    },
                )
                .map(|(_, kind)| kind)
        };
        assert_eq!(kind("job"), Ok(MessageKind::Job));
        assert_eq!(kind("cancel"), Ok(MessageKind::Cancel));
        assert_eq!(kind("opened"), Ok(MessageKind::Opened));
        assert!(kind("Job").is_err());
        assert_eq!(
            told(Envelope {
                content_type: Some("text/plain"),
                ..from_oslo()
            }),
            Some(oslo())
        );
        assert_eq!(
            told(Envelope {
                body_bytes: names::MAX_BODY + 1,
                ..from_oslo()
            }),
            Some(oslo())
        );
    }

    #[test]
    fn a_replay_is_believed_of_ourselves_only() {
        let headers = headers(names::HEADER_REPLAYED_USER, "oslo-mq");
        let replay = |user_id| Envelope {
            user_id: Some(user_id),
            headers: Some(&headers),
            ..Envelope::default()
        };
        let judged = directory().judge(&oslo(), replay("budstikke"));
        assert_eq!(judged, Ok((oslo(), MessageKind::Job)));
        assert_eq!(told(replay("nav-mq")), Some(nav()));
        assert_eq!(told(replay("oslo-mq")), Some(oslo()));
        assert_eq!(told(replay("stranger")), None);
        assert!(directory().judge(&nav(), replay("budstikke")).is_err());
    }

    #[test]
    fn an_agency_that_shares_our_log_in_cannot_replay() {
        let routes = [AgencyRoute {
            agency: nav(),
            broker_user: "guest".to_owned(),
        }];
        let shared = Directory::new(&routes, "guest");
        let headers = headers(names::HEADER_REPLAYED_USER, "oslo-mq");
        let envelope = Envelope {
            user_id: Some("guest"),
            headers: Some(&headers),
            ..Envelope::default()
        };
        assert!(shared.judge(&nav(), envelope).is_err());
    }
}
