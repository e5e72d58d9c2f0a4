//! Writing events into the outbox, each only if its agency wants it.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::PgConnection;

use super::connect::PostgresStore;
use super::error::Fault;
use crate::domain::event::{EventFilter, EventKind, NewEvent};
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

const TELL: &str = "INSERT INTO outbox (agency, kind, subject, at, data) \
    SELECT * FROM unnest($1::int[], $2::smallint[], $3::text[], $4::bigint[], $5::text[])";

/// Writes the events that are wanted, in order; answers how many.
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
    sqlx::query(TELL)
        .bind(agencies)
        .bind(kinds)
        .bind(subjects)
        .bind(times)
        .bind(data)
        .execute(connection)
        .await?;
    Ok(wanted.len())
}
