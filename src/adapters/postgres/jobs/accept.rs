//! Jobs come in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sqlx::{PgConnection, Row};
use tokio::task::yield_now;

use super::{quota, view};
use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::{Fault, corrupt};
use crate::adapters::postgres::events::{Filters, tell};
use crate::adapters::postgres::history;
use crate::adapters::postgres::rows::{ChunkTexts, JobRow, chunks, short};
use crate::domain::chunk_text;
use crate::domain::event::{
    EventKind, NewEvent, Problem, Totals, job_accepted, job_ended, job_rejected,
};
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo, Position};
use crate::domain::kinds::Lane;
use crate::domain::state::State;
use crate::domain::status::Reason;
use crate::ports::BoxError;
use crate::ports::store::{Acceptance, NewDelivery, NewJob, StoreError};

/// In the order of agency and name, so that batches with the same jobs wait for each other in one
/// order; the numbers rise in the order of arrival (`$1`). A row that another transaction is just
/// inserting is waited for.
const JOBS: &str = "WITH n AS MATERIALIZED ( \
        SELECT array_agg(nextval('job_no')) AS nos FROM generate_series(1, cardinality($1::int[]))) \
    INSERT INTO job (no, agency, name, content_hash, lane, rules, recipients, open, accepted_at, \
        finished_at) \
    SELECT n.nos[j.place], j.agency, j.name, j.hash, j.lane, j.rules, j.recipients, j.open, j.at, \
        CASE WHEN j.open = 0 THEN j.at END \
    FROM n CROSS JOIN unnest($1::int[], $2::int[], $3::text[], $4::bytea[], $5::smallint[], \
        $6::text[], $7::int[], $8::int[], $9::bigint[]) \
        AS j (place, agency, name, hash, lane, rules, recipients, open, at) \
    ON CONFLICT (agency, name) DO NOTHING RETURNING no, agency, name";

const ROWS: &str = "WITH c AS ( \
        INSERT INTO chunk (job, no, message, refs, persons, contents) \
        SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::text[], $5::text[], \
            $6::text[])) \
    INSERT INTO delivery (id, agency, lane, state, reason, fixed, chosen, version, covered_by, \
        due, changed_at) \
    SELECT d.id, d.agency, d.lane, d.state, d.reason, d.fixed, d.fixed, d.version, d.covered_by, \
        d.due, d.changed_at \
    FROM unnest($7::bigint[], $8::int[], $9::smallint[], $10::smallint[], $11::smallint[], \
        $12::bool[], $13::int[], $14::smallint[], $15::bigint[], $16::bigint[]) \
        AS d (id, agency, lane, state, reason, fixed, version, covered_by, due, changed_at)";

/// A job of so many deliveries takes milliseconds to write down.
const MANY: usize = 500;

/// A job with its texts made ready, once for all attempts.
struct Ready {
    offered: NewJob,
    rules: String,
    chunks: Vec<ChunkTexts>,
    open: i32,
}

struct Batch {
    ready: Vec<Ready>,
    /// Of every name the first that offers it, by agency and name.
    first: BTreeMap<(AgencyNo, JobName), usize>,
    filters: Arc<Filters>,
    history: bool,
}

pub(super) async fn accept(
    store: &PostgresStore,
    jobs: Vec<NewJob>,
) -> Result<Vec<Acceptance>, StoreError> {
    let mut first = BTreeMap::new();
    let mut ready = Vec::with_capacity(jobs.len());
    for (index, offered) in jobs.into_iter().enumerate() {
        if offered.deliveries.len() >= MANY {
            // Others have slots to keep.
            yield_now().await;
        }
        let name = offered.job.name.clone();
        first.entry((offered.agency, name)).or_insert(index);
        ready.push(Ready {
            rules: chunk_text::encode_rules(&offered.job.rules),
            chunks: chunks(&offered.job),
            open: count(offered.deliveries.iter().filter(|d| settled(d).is_none())),
            offered,
        });
    }
    let batch = Arc::new(Batch {
        ready,
        first,
        filters: store.filters(),
        history: store.history.load(Ordering::Acquire),
    });
    store
        .transact_planned(move |connection| {
            let batch = Arc::clone(&batch);
            Box::pin(async move { batch.store(connection).await })
        })
        .await
}

impl Batch {
    async fn store(&self, connection: &mut PgConnection) -> Result<Vec<Acceptance>, Fault> {
        let numbers = self.insert_jobs(connection).await?;
        let fresh: Vec<(JobNo, &Ready)> = self
            .ready
            .iter()
            .enumerate()
            .filter_map(|(index, ready)| Some((*numbers.get(&index)?, ready)))
            .collect();
        let jobs: Vec<_> = fresh.iter().map(|(no, r)| (*no, &r.offered)).collect();
        let over = quota::take(connection, &jobs).await?;
        if !fresh.is_empty() {
            insert_rows(connection, &fresh, &over).await?;
            if self.history {
                history::note(connection, jobs.into_iter()).await?;
            }
        }
        let present = if numbers.len() == self.ready.len() {
            HashMap::new()
        } else {
            self.present(connection, &numbers).await?
        };
        let mut answers = Vec::with_capacity(self.ready.len());
        let mut events = Vec::with_capacity(self.ready.len());
        for (index, ready) in self.ready.iter().enumerate() {
            let offered = &ready.offered;
            let (agency, job, at) = (offered.agency, &*offered.job, offered.accepted_at);
            if let Some(number) = numbers.get(&index) {
                events.extend_from_slice(&offered.events);
                events.extend(finished(ready));
                let first = over
                    .get(number)
                    .map_or(usize::MAX, |first| usize::from(*first));
                answers.push(Acceptance::Accepted {
                    job: *number,
                    urgent_over_quota: job.recipients.len().saturating_sub(first) as u64,
                });
                continue;
            }
            let known = present.get(&(agency, &job.name)).ok_or_else(|| {
                corrupt("job", &job.name, BoxError::from("it was erased meanwhile"))
            })?;
            if known.content_hash == job.content_hash {
                let (recipients, totals) = (known.view.recipients, &known.view.totals);
                events.push(job_accepted(
                    agency, &job.name, at, recipients, true, totals,
                ));
                answers.push(Acceptance::Repeated(known.view.clone()));
            } else {
                let problem = Problem {
                    pointer: "/job".to_owned(),
                    problem: "is the id of a job with other content; choose another id".to_owned(),
                };
                let (name, reason) = (Some(&job.name), Reason::Conflict);
                events.push(job_rejected(agency, name, at, reason, &[problem]));
                answers.push(Acceptance::Conflict);
            }
        }
        tell(connection, &self.filters, &events).await?;
        Ok(answers)
    }

    /// The numbers of the jobs that are new, by index.
    async fn insert_jobs(
        &self,
        connection: &mut PgConnection,
    ) -> Result<HashMap<usize, JobNo>, Fault> {
        let firsts = || self.first.values().map(|index| &self.ready[*index]);
        let mut places: Vec<usize> = self.first.values().copied().collect();
        places.sort_unstable();
        let places: Vec<i32> = self
            .first
            .values()
            .map(|index| count(0..places.partition_point(|place| place <= index)))
            .collect();
        let rows = sqlx::query(JOBS)
            .bind(places)
            .bind(firsts().map(|r| r.offered.agency.0).collect::<Vec<_>>())
            .bind(
                firsts()
                    .map(|r| r.offered.job.name.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(
                firsts()
                    .map(|r| &r.offered.job.content_hash[..])
                    .collect::<Vec<_>>(),
            )
            .bind(firsts().map(|r| r.offered.lane.code()).collect::<Vec<_>>())
            .bind(firsts().map(|r| r.rules.as_str()).collect::<Vec<_>>())
            .bind(
                firsts()
                    .map(|r| count(&r.offered.job.recipients))
                    .collect::<Vec<_>>(),
            )
            .bind(firsts().map(|r| r.open).collect::<Vec<_>>())
            .bind(
                firsts()
                    .map(|r| r.offered.accepted_at.0)
                    .collect::<Vec<_>>(),
            )
            .fetch_all(connection)
            .await?;
        let by_name: HashMap<(AgencyNo, &str), usize> = self
            .first
            .iter()
            .map(|((agency, name), index)| ((*agency, name.as_str()), *index))
            .collect();
        let mut numbers = HashMap::with_capacity(rows.len());
        for row in &rows {
            let (agency, name): (i32, &str) = (row.try_get(1)?, row.try_get(2)?);
            if let Some(index) = by_name.get(&(AgencyNo(agency), name)) {
                numbers.insert(*index, JobNo(row.try_get(0)?));
            }
        }
        Ok(numbers)
    }

    /// The jobs that are there under the names of those that are not new, with their totals.
    async fn present(
        &self,
        connection: &mut PgConnection,
        numbers: &HashMap<usize, JobNo>,
    ) -> Result<HashMap<(AgencyNo, &JobName), JobRow>, Fault> {
        let wanted: Vec<(AgencyNo, &JobName)> = self
            .ready
            .iter()
            .enumerate()
            .filter(|(index, _)| !numbers.contains_key(index))
            .map(|(_, ready)| (ready.offered.agency, &ready.offered.job.name))
            .collect();
        let rows = view::by_name(connection, &wanted).await?;
        let found = rows
            .into_iter()
            .filter_map(|row| {
                let key = (row.agency, row.view.name.clone());
                let ((agency, name), _) = self.first.get_key_value(&key)?;
                Some(((*agency, name), row))
            })
            .collect();
        Ok(found)
    }
}

async fn insert_rows(
    connection: &mut PgConnection,
    fresh: &[(JobNo, &Ready)],
    over: &quota::Over,
) -> Result<(), Fault> {
    let chunks: Vec<(JobNo, i16, &ChunkTexts)> = fresh
        .iter()
        .flat_map(|(no, ready)| {
            (0i16..)
                .zip(&ready.chunks)
                .map(|(place, chunk)| (*no, place, chunk))
        })
        .collect();
    let mut columns = Columns::default();
    for (no, ready) in fresh {
        columns.push(*no, &ready.offered, over.get(no).copied());
    }
    sqlx::query(ROWS)
        .bind(chunks.iter().map(|(job, _, _)| job.0).collect::<Vec<_>>())
        .bind(chunks.iter().map(|(_, no, _)| *no).collect::<Vec<_>>())
        .bind(
            chunks
                .iter()
                .map(|(_, _, c)| c.message.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind(
            chunks
                .iter()
                .map(|(_, _, c)| c.refs.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            chunks
                .iter()
                .map(|(_, _, c)| c.persons.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            chunks
                .iter()
                .map(|(_, _, c)| c.contents.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(columns.ids)
        .bind(columns.agencies)
        .bind(columns.lanes)
        .bind(columns.states)
        .bind(columns.reasons)
        .bind(columns.fixed)
        .bind(columns.versions)
        .bind(columns.covered)
        .bind(columns.due)
        .bind(columns.at)
        .execute(connection)
        .await?;
    Ok(())
}

/// `job.finished` of a job that intake settled whole, unless it is among the events given.
fn finished(ready: &Ready) -> Option<NewEvent> {
    let offered = &ready.offered;
    let told = |event: &NewEvent| event.kind == EventKind::JobFinished;
    if ready.open > 0 || offered.events.iter().any(told) {
        return None;
    }
    let mut best = BTreeMap::new();
    for delivery in &offered.deliveries {
        let (state, _, _) = settled(delivery)?;
        let entry = best.entry((delivery.position, delivery.occasion));
        let best = entry.or_insert(state);
        *best = state.max(*best);
    }
    let mut totals = Totals::default();
    for state in best.into_values() {
        *totals.0.entry(state.status(false)).or_default() += 1;
    }
    let (name, at) = (&offered.job.name, offered.accepted_at);
    let kind = EventKind::JobFinished;
    Some(job_ended(kind, offered.agency, name, at, &totals))
}

/// What intake decided already; a status that settles nothing decides nothing.
fn settled(delivery: &NewDelivery) -> Option<(State, Reason, Option<Position>)> {
    let (status, reason, covered_by) = delivery.settled?;
    Some((State::of_settled(status)?, reason, covered_by))
}

#[derive(Default)]
struct Columns {
    ids: Vec<i64>,
    agencies: Vec<i32>,
    lanes: Vec<i16>,
    states: Vec<i16>,
    reasons: Vec<Option<i16>>,
    fixed: Vec<bool>,
    versions: Vec<i32>,
    covered: Vec<Option<i16>>,
    due: Vec<i64>,
    at: Vec<i64>,
}

impl Columns {
    /// `over`: the first position that is over the urgent quota.
    fn push(&mut self, job: JobNo, offered: &NewJob, over: Option<Position>) {
        for delivery in &offered.deliveries {
            let lane = match over {
                Some(first) if delivery.position >= first => Lane::Normal,
                Some(_) | None => offered.lane,
            };
            let id = DeliveryId::of(job, delivery.position, delivery.occasion, delivery.channel);
            let (state, reason, by) = match settled(delivery) {
                Some((state, reason, by)) => (state, Some(reason), by),
                None => (State::Fresh, None, None),
            };
            self.ids.push(id.0);
            self.agencies.push(offered.agency.0);
            self.lanes.push(lane.code());
            self.states.push(state.code());
            self.reasons.push(reason.map(Reason::code));
            self.fixed.push(delivery.fixed);
            self.versions.push(i32::from(state.is_settled()));
            self.covered.push(by.map(short));
            self.due.push(delivery.due.0);
            self.at.push(offered.accepted_at.0);
        }
    }
}

fn count<I: IntoIterator>(items: I) -> i32 {
    i32::try_from(items.into_iter().count()).unwrap_or(i32::MAX)
}
