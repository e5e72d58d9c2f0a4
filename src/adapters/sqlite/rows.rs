//! What several tables' files share: batches as JSON, codes, references, totals, events.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use sqlx::SqliteConnection;

use super::error::{Work, corrupt};
use crate::domain::chunk_text;
use crate::domain::event::{EventFilter, EventKind, NewEvent, Numbering, Totals};
use crate::domain::ids::{AgencyNo, DeliveryId, JobNo, Position, Reference};
use crate::domain::state::State;
use crate::domain::status::Reason;
use crate::ports::store::{CHUNK_SIZE, StoreError};

/// So many rows go into one statement; more of them go into several.
const STATEMENT_ROWS: usize = 10_000;

/// A batch as one JSON text: an array, tuples as arrays, for `json_each`.
pub(super) fn json<T: Serialize>(rows: &[T]) -> String {
    // Numbers, texts and tuples always serialise; an empty text would be refused as malformed.
    serde_json::to_string(rows).unwrap_or_default()
}

/// Runs a statement with one `json_each(?1)` over all rows, in statements of bearable size.
pub(super) async fn execute_all<T: Serialize + Sync>(
    connection: &mut SqliteConnection,
    sql: &'static str,
    rows: &[T],
) -> Work<u64> {
    let mut affected = 0;
    for part in rows.chunks(STATEMENT_ROWS) {
        affected += sqlx::query(sql)
            .bind(json(part))
            .execute(&mut *connection)
            .await?
            .rows_affected();
    }
    Ok(affected)
}

/// Which events each agency wants.
#[derive(Debug, Clone, Default)]
pub(super) struct Filters(Arc<HashMap<i32, EventFilter>>);

impl Filters {
    /// With these agencies' wishes added or changed.
    pub(super) fn with(&self, wishes: impl Iterator<Item = (AgencyNo, EventFilter)>) -> Self {
        let mut all = (*self.0).clone();
        all.extend(wishes.map(|(agency, filter)| (agency.0, filter)));
        Self(Arc::new(all))
    }

    /// An agency that no configuration names any more still gets everything in its feed.
    pub(super) fn wants(&self, agency: AgencyNo, kind: EventKind) -> bool {
        self.0
            .get(&agency.0)
            .is_none_or(|filter| filter.wants(kind))
    }
}

const RAISE_STREAMS: &str = "INSERT INTO stream (agency, last)
    SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE TRUE
    ON CONFLICT (agency) DO UPDATE SET last = last + excluded.last";

const PUT_EVENTS: &str = "INSERT INTO event (agency, sequence, kind, subject, at, data)
    SELECT s.agency, s.last - (e.value ->> 1), e.value ->> 2, e.value ->> 3, e.value ->> 4, e.value ->> 5
    FROM json_each(?1) e CROSS JOIN stream s ON s.agency = e.value ->> 0 ORDER BY e.key";

/// Writes those events that are wanted into their agencies' streams, in order; answers how many.
pub(super) async fn put_events(
    connection: &mut SqliteConnection,
    filters: &Filters,
    events: &[NewEvent],
) -> Work<usize> {
    let wanted: Vec<&NewEvent> = events
        .iter()
        .filter(|event| filters.wants(event.agency, event.kind))
        .collect();
    let numbering = Numbering::of(wanted.iter().map(|event| event.agency));
    let grows: Vec<_> = numbering.grows.iter().map(|(no, by)| (no.0, by)).collect();
    let rows: Vec<_> = wanted
        .iter()
        .zip(&numbering.after)
        .map(|(event, after)| {
            let subject = event.subject.as_ref().map(|name| name.as_str());
            let kind = event.kind.code();
            (
                event.agency.0,
                after,
                kind,
                subject,
                event.at.0,
                &event.data,
            )
        })
        .collect();
    execute_all(connection, RAISE_STREAMS, &grows).await?;
    execute_all(connection, PUT_EVENTS, &rows).await?;
    Ok(rows.len())
}

/// A stored code of a delivery's state.
pub(super) fn state(delivery: i64, code: i64) -> Result<State, StoreError> {
    i16::try_from(code)
        .ok()
        .and_then(State::from_code)
        .ok_or_else(|| corrupt("delivery", delivery, format!("no state has code {code}")))
}

/// A stored code of a reason.
pub(super) fn reason(delivery: i64, code: Option<i64>) -> Result<Option<Reason>, StoreError> {
    code.map(|code| {
        i16::try_from(code)
            .ok()
            .and_then(Reason::from_code)
            .ok_or_else(|| corrupt("delivery", delivery, format!("no reason has code {code}")))
    })
    .transpose()
}

/// A stored number of a smaller type.
pub(super) fn narrow<T: TryFrom<i64>>(
    table: &'static str,
    id: i64,
    value: i64,
) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_out_of_range| {
        corrupt(table, id, format!("{value} is out of its column's range"))
    })
}

/// The references of some recipients of a job.
#[derive(Debug, Default)]
pub(super) struct References(BTreeMap<u16, Vec<Reference>>);

const REFERENCES: &str = "SELECT no, refs FROM chunk WHERE job = ?1 AND no BETWEEN ?2 AND ?3";

impl References {
    /// Of the positions from `first` to `last`.
    pub(super) async fn load(
        connection: &mut SqliteConnection,
        job: JobNo,
        first: Position,
        last: Position,
    ) -> Work<Self> {
        let rows: Vec<(i64, String)> = sqlx::query_as(REFERENCES)
            .bind(job.0)
            .bind(first / CHUNK_SIZE)
            .bind(last / CHUNK_SIZE)
            .fetch_all(connection)
            .await?;
        let mut chunks = BTreeMap::new();
        for (no, refs) in rows {
            let decoded = chunk_text::decode_refs(&refs)
                .map_err(|source| corrupt("chunk", format!("{job}/{no}"), source))?;
            chunks.insert(narrow("chunk", job.0, no)?, decoded);
        }
        Ok(Self(chunks))
    }

    /// Of one position.
    pub(super) fn get(&self, job: JobNo, position: Position) -> Result<&Reference, StoreError> {
        self.0
            .get(&(position / CHUNK_SIZE))
            .and_then(|chunk| chunk.get(usize::from(position % CHUNK_SIZE)))
            .ok_or_else(|| corrupt("chunk", job, format!("position {position} is missing")))
    }
}

const TOTALS: &str = "SELECT state, open_try, count(*) FROM (
        SELECT max(d.state) AS state,
               max(d.state = 6 AND EXISTS (SELECT 1 FROM try t
                   WHERE t.delivery = d.id AND t.freed = 0
                       AND t.outcome IS NULL)) AS open_try
        FROM delivery d
        WHERE d.id BETWEEN ?1 AND ?2 AND d.silent = 0
        GROUP BY d.id >> 1)
    GROUP BY state, open_try";

/// Notifications of a job by status: the better of several deliveries counts. One that failed
/// silently before a fallback is not told to anybody and does not count.
pub(super) async fn totals(connection: &mut SqliteConnection, job: JobNo) -> Work<Totals> {
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(TOTALS)
        .bind(DeliveryId::first_of(job).0)
        .bind(DeliveryId::last_of(job).0)
        .fetch_all(connection)
        .await?;
    let mut totals = Totals::default();
    for (code, open_try, count) in rows {
        let status = state(DeliveryId::first_of(job).0, code)?.status(open_try != 0);
        *totals.0.entry(status).or_default() += narrow::<u64>("delivery", job.0, count)?;
    }
    Ok(totals)
}
