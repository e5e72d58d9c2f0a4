//! A message's properties as bytes, judged: the way in for hostile senders of tests.

use lapin::types::parsing::parse_field_table;

use super::sender::{Directory, Envelope};
use super::sieve::sifted;
use super::topology::AgencyRoute;
use crate::domain::ids::AgencyId;
use crate::ports::job_source::{MessageKind, Refusal};

/// What of a message decides, its headers as AMQP writes a table.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawProperties<'a> {
    /// `user_id`.
    pub user_id: Option<&'a str>,
    /// `type`.
    pub kind: Option<&'a str>,
    /// `content_type`.
    pub content_type: Option<&'a str>,
    /// `headers`: the length in four bytes, then names and values.
    pub headers: &'a [u8],
    /// The length of the body.
    pub body_bytes: usize,
}

/// Judges a message that arrived in a queue of `owner` as the consumer does; `None` if its headers
/// are no table, which is the end of the connection.
pub fn judge(
    agencies: &[AgencyRoute],
    own_user: &str,
    owner: &AgencyId,
    raw: &RawProperties<'_>,
) -> Option<Result<(AgencyId, MessageKind), Refusal>> {
    let table = sifted(raw.headers);
    let (_rest, headers) = parse_field_table(table.as_slice()).ok()?;
    let envelope = Envelope {
        user_id: raw.user_id,
        kind: raw.kind,
        content_type: raw.content_type,
        headers: Some(&headers),
        body_bytes: raw.body_bytes,
    };
    Some(Directory::new(agencies, own_user).judge(owner, envelope))
}
