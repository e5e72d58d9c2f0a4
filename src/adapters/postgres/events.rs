//! Writing events into their agencies' streams, each only if its agency wants it.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::PgConnection;

use super::connect::PostgresStore;
use super::error::Fault;
use crate::domain::event::{EventFilter, EventKind, NewEvent, Numbering};
use crate::domain::ids::AgencyNo;

/// What the agencies want to be told.
#[derive(Debug, Default)]
pub(super) struct Filters(pub(super) HashMap<AgencyNo, EventFilter>);

impl Filters {
    /// Whether an agency wants events of a kind. One that the configuration does not know (any
    /// more, or yet) is kept its events.
    pub(super) fn wants(&self, agency: AgencyNo, kind: EventKind) -> bool {
        self.0.get(&agency).is_none_or(|filter| filter.wants(kind))
    }
}

impl PostgresStore {
    /// The filters as they are now.
    pub(super) fn filters(&self) -> Arc<Filters> {
        Arc::clone(&self.filters.read())
    }
}

/// The streams are raised in the order of the agencies, so that two transactions wait for each other
/// in one order.
const TELL: &str = "WITH raised AS ( \
        INSERT INTO stream AS s (agency, last) \
        SELECT g.agency, g.grows FROM unnest($7::int[], $8::bigint[]) AS g (agency, grows) \
        ON CONFLICT (agency) DO UPDATE SET last = s.last + excluded.last \
        RETURNING agency, last) \
    INSERT INTO event (agency, sequence, kind, subject, at, data) \
    SELECT e.agency, r.last - e.after, e.kind, e.subject, e.at, e.data \
    FROM unnest($1::int[], $2::bigint[], $3::smallint[], $4::text[], $5::bigint[], $6::text[]) \
        AS e (agency, after, kind, subject, at, data) JOIN raised r USING (agency)";

/// Writes the events that are wanted, in order, into their agencies' streams; answers how many. Last
/// in its transaction: whoever tells these agencies anything waits for its end.
pub(super) async fn tell(
    connection: &mut PgConnection,
    filters: &Filters,
    events: &[NewEvent],
) -> Result<usize, Fault> {
    let wanted: Vec<&NewEvent> = events
        .iter()
        .filter(|event| filters.wants(event.agency, event.kind))
        .collect();
    if wanted.is_empty() {
        return Ok(0);
    }
    let agencies: Vec<i32> = wanted.iter().map(|event| event.agency.0).collect();
    let kinds: Vec<i16> = wanted.iter().map(|event| event.kind.code()).collect();
    let subjects: Vec<Option<&str>> = wanted
        .iter()
        .map(|event| event.subject.as_ref().map(|name| name.as_str()))
        .collect();
    let times: Vec<i64> = wanted.iter().map(|event| event.at.0).collect();
    let data: Vec<&str> = wanted.iter().map(|event| event.data.as_str()).collect();
    let numbering = Numbering::of(wanted.iter().map(|event| event.agency));
    let (growing, grows): (Vec<i32>, Vec<i64>) = numbering
        .grows
        .into_iter()
        .map(|(agency, count)| (agency.0, count))
        .unzip();
    sqlx::query(TELL)
        .bind(agencies)
        .bind(numbering.after)
        .bind(kinds)
        .bind(subjects)
        .bind(times)
        .bind(data)
        .bind(growing)
        .bind(grows)
        .execute(connection)
        .await?;
    Ok(wanted.len())
}
