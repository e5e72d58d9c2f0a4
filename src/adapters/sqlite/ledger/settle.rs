//! What became of a delivery: outcome, next state, fallback, counters and events at once.
//!
//! Rows are read once, settlements are applied to them in memory in their order, and what changed
//! is written back in one statement per table.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use sqlx::SqliteConnection;

use super::super::error::{Work, corrupt};
use super::super::jobs::{Ended, finish};
use super::super::rows::{self, Filters, execute_all, json, narrow, put_events};
use super::super::write::Verdict;
use crate::domain::event::NewEvent;
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo};
use crate::domain::state::State;
use crate::domain::status::Reason;
use crate::domain::time::Timestamp;
use crate::ports::store::{Guard, Next, SettleReport, Settlement, StoreError};

const READ: &str = "SELECT delivery.id, agency, lane, state, reason, slot, tries, version, chosen,
        duplicate, silent, covered_by, due, claim, changed_at,
        EXISTS (SELECT 1 FROM job WHERE job.no = delivery.id >> 18 AND job.cancelled_at IS NOT NULL)
            OR (delivery.id & 14 <> 0 AND EXISTS (SELECT 1 FROM opened o
                WHERE o.job = delivery.id >> 18 AND o.position = (delivery.id >> 4) & 16383))
    FROM json_each(?1) wanted JOIN delivery ON delivery.id = wanted.value";

const READ_TRIES: &str = "SELECT t.delivery, t.slot, t.no, t.claim, t.outcome
    FROM json_each(?1) wanted
    JOIN try t ON t.delivery = wanted.value ->> 0 AND t.slot = wanted.value ->> 1
        AND t.freed = 0 AND t.no = wanted.value ->> 2";

const WRITE: &str = "UPDATE delivery SET state = e.value ->> 1, reason = e.value ->> 2,
        slot = e.value ->> 3, tries = e.value ->> 4, version = e.value ->> 5,
        chosen = e.value ->> 6, duplicate = e.value ->> 7, silent = e.value ->> 8,
        covered_by = e.value ->> 9, due = e.value ->> 10, claim = e.value ->> 11,
        changed_at = e.value ->> 12
    FROM json_each(?1) e WHERE delivery.id = e.value ->> 0";

const WRITE_TRIES: &str = "UPDATE try SET outcome = e.value ->> 3, outcome_at = e.value ->> 4,
        provider_ref = CASE delivery & 1 WHEN 0 THEN coalesce(e.value ->> 5, provider_ref) END,
        queue_id = CASE delivery & 1 WHEN 1 THEN coalesce(e.value ->> 5, queue_id) END
    FROM json_each(?1) e
    WHERE try.delivery = e.value ->> 0 AND try.slot = e.value ->> 1
        AND try.freed = 0 AND try.no = e.value ->> 2";

const FALL_BACK: &str =
    "INSERT INTO delivery (id, agency, lane, state, fixed, chosen, due, changed_at)
    SELECT value ->> 0, value ->> 1, value ->> 2, 5, 1, 1, value ->> 3, value ->> 4
    FROM json_each(?1) WHERE TRUE
    ON CONFLICT DO NOTHING
    RETURNING id";

const COUNT: &str = "UPDATE job SET open = open + e.value ->> 1
    FROM json_each(?1) e WHERE job.no = e.value ->> 0
    RETURNING no, agency, name, open = 0 AND finished_at IS NULL";

/// A delivery's row, as far as settling reads or writes it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are columns")]
struct Row {
    agency: i32,
    lane: i64,
    state: State,
    reason: Option<i16>,
    slot: u8,
    tries: u32,
    version: i32,
    chosen: bool,
    duplicate: bool,
    silent: bool,
    covered_by: Option<u16>,
    due: i64,
    claim: Option<i64>,
    changed_at: i64,
    /// Its job was cancelled or its letter opened: it waits for nothing but the plan's word.
    revoked: bool,
}

type Columns = (
    i64,
    i32,
    i64,
    i64,
    Option<i64>,
    i64,
    i64,
    i64,
    bool,
    bool,
    bool,
    Option<i64>,
    i64,
    Option<i64>,
    i64,
    bool,
);

impl Row {
    fn of(row: Columns) -> Result<(i64, Self), StoreError> {
        let (id, agency, lane, state, reason, slot, tries, version, chosen, ..) = row;
        let (.., duplicate, silent, covered_by, due, claim, changed_at, revoked) = row;
        let covered_by = covered_by.map(|position| narrow("delivery", id, position));
        let row = Self {
            agency,
            lane,
            state: rows::state(id, state)?,
            reason: rows::reason(id, reason)?.map(Reason::code),
            slot: narrow("delivery", id, slot)?,
            tries: narrow("delivery", id, tries)?,
            version: narrow("delivery", id, version)?,
            chosen,
            duplicate,
            silent,
            covered_by: covered_by.transpose()?,
            due,
            claim,
            changed_at,
            revoked,
        };
        Ok((id, row))
    }

    fn holds(&self, guard: Guard) -> bool {
        match guard {
            Guard::Claim(claim) => self.state == State::Claimed && self.claim == Some(claim.0),
            Guard::Unclaimed {
                state,
                version,
                due,
            } => {
                self.state != State::Claimed
                    && self.state == state
                    && self.version == version
                    && self.due == due.0
            }
        }
    }

    /// Applies what becomes of it.
    fn apply(&mut self, settlement: &Settlement) -> Work<()> {
        let (delivery, at) = (settlement.delivery, settlement.at);
        self.claim = None;
        self.duplicate |= settlement.is_second();
        self.changed_at = at.0;
        match &settlement.next {
            Next::Settled {
                status,
                reason,
                channel_chosen,
                covered_by,
                ..
            } => {
                self.state = State::of_settled(*status).ok_or_else(|| {
                    corrupt("delivery", delivery, format!("{status} settles nothing"))
                })?;
                self.reason = reason.map(Reason::code);
                self.version += 1;
                self.chosen = *channel_chosen;
                self.silent = false;
                self.covered_by = covered_by.as_ref().map(|(position, _)| *position);
            }
            Next::Wait { due, slot, tries } => {
                self.state = State::Waiting;
                self.reason = None;
                self.due = if self.revoked { at.0 } else { due.0 };
                self.slot = *slot;
                self.tries = *tries;
            }
            Next::AwaitReceipt { until } => {
                self.state = State::Unknown;
                self.reason = None;
                self.due = until.0;
            }
            Next::Fallback { reason, .. } => {
                self.state = State::Failed;
                self.reason = Some(reason.code());
                self.silent = true;
            }
        }
        Ok(())
    }

    fn written(&self, id: i64) -> impl Serialize + Sync + use<> {
        (
            id,
            self.state.code(),
            self.reason,
            self.slot,
            self.tries,
            self.version,
            self.chosen,
            self.duplicate,
            self.silent,
            self.covered_by,
            self.due,
            self.claim,
            self.changed_at,
        )
    }
}

/// A try's key and, once settled, its outcome.
type TryKey = (i64, u8, u32);

/// Everything that a batch of settlements changes.
#[derive(Default)]
struct Changes {
    rows: BTreeMap<i64, Row>,
    touched: std::collections::BTreeSet<i64>,
    tries: HashMap<TryKey, (i64, Option<i64>)>,
    outcomes: Vec<(i64, u8, u32, i16, i64, Option<String>)>,
    fallbacks: Vec<(i64, i32, i64, i64, i64)>,
    open: BTreeMap<i64, i64>,
    ended_at: BTreeMap<i64, i64>,
    events: Vec<NewEvent>,
}

impl Changes {
    async fn read(connection: &mut SqliteConnection, settlements: &[Settlement]) -> Work<Self> {
        let ids: std::collections::BTreeSet<i64> =
            settlements.iter().map(|s| s.delivery.0).collect();
        let ids: Vec<i64> = ids.into_iter().collect();
        let keys: Vec<TryKey> = settlements
            .iter()
            .filter_map(|s| s.tried.as_ref().map(|t| (s.delivery.0, t.slot, t.attempt)))
            .collect();
        let mut changes = Self::default();
        let rows: Vec<Columns> = sqlx::query_as(READ)
            .bind(json(&ids))
            .fetch_all(&mut *connection)
            .await?;
        for row in rows {
            let (id, row) = Row::of(row)?;
            changes.rows.insert(id, row);
        }
        if !keys.is_empty() {
            let tries: Vec<(i64, u8, u32, i64, Option<i64>)> = sqlx::query_as(READ_TRIES)
                .bind(json(&keys))
                .fetch_all(connection)
                .await?;
            let tries = tries
                .into_iter()
                .map(|(delivery, slot, no, claim, outcome)| {
                    ((delivery, slot, no), (claim, outcome))
                });
            changes.tries.extend(tries);
        }
        Ok(changes)
    }

    /// Applies one settlement whole, or nothing of it: `false` if it is fenced.
    fn apply(&mut self, settlement: &Settlement) -> Work<bool> {
        let id = settlement.delivery.0;
        let Some(row) = self.rows.get_mut(&id) else {
            return Ok(false);
        };
        if !row.holds(settlement.guard) {
            return Ok(false);
        }
        let at = settlement.at;
        if let Some(tried) = &settlement.tried {
            let known = self.tries.get_mut(&(id, tried.slot, tried.attempt));
            let Some((claim, outcome)) = known else {
                return Ok(false);
            };
            let open = match settlement.guard {
                Guard::Claim(holder) => *claim == holder.0 && outcome.is_none(),
                // A late truth about an unknown try.
                Guard::Unclaimed { .. } => outcome.is_none_or(|code| code == 3),
            };
            if !open {
                return Ok(false);
            }
            *outcome = Some(i64::from(tried.outcome.code()));
            self.outcomes.push((
                id,
                tried.slot,
                tried.attempt,
                tried.outcome.code(),
                at.0,
                tried.provider_reference.clone(),
            ));
        }
        let was_open = !row.state.is_settled();
        row.apply(settlement)?;
        let is_open = !row.state.is_settled();
        let job = settlement.delivery.job().0;
        *self.open.entry(job).or_default() += i64::from(is_open) - i64::from(was_open);
        let ended_at = self.ended_at.entry(job).or_insert(at.0);
        *ended_at = at.0.max(*ended_at);
        if let Next::Fallback { due, .. } = settlement.next {
            let other = settlement
                .delivery
                .on(settlement.delivery.channel().other());
            self.fallbacks
                .push((other.0, row.agency, row.lane, due.0, at.0));
        }
        self.events
            .extend(settlement.event(row.version, row.duplicate));
        self.touched.insert(id);
        Ok(true)
    }

    async fn write(mut self, connection: &mut SqliteConnection, filters: &Filters) -> Work<usize> {
        let rows: Vec<_> = self
            .rows
            .iter()
            .filter(|(id, _)| self.touched.contains(id))
            .map(|(id, row)| row.written(*id))
            .collect();
        execute_all(connection, WRITE, &rows).await?;
        execute_all(connection, WRITE_TRIES, &self.outcomes).await?;
        if !self.fallbacks.is_empty() {
            let begun: Vec<i64> = sqlx::query_scalar(FALL_BACK)
                .bind(json(&self.fallbacks))
                .fetch_all(&mut *connection)
                .await?;
            for id in begun {
                *self.open.entry(DeliveryId(id).job().0).or_default() += 1;
            }
        }
        self.events.extend(self.count(connection).await?);
        put_events(connection, filters, &self.events).await
    }

    /// Counts what was closed in its jobs; answers the `job.finished` of those that ended.
    async fn count(&self, connection: &mut SqliteConnection) -> Work<Vec<NewEvent>> {
        let deltas: Vec<(i64, i64)> = self
            .open
            .iter()
            .filter(|(_, delta)| **delta != 0)
            .map(|(job, delta)| (*job, *delta))
            .collect();
        if deltas.is_empty() {
            return Ok(Vec::new());
        }
        let jobs: Vec<(i64, i32, String, bool)> = sqlx::query_as(COUNT)
            .bind(json(&deltas))
            .fetch_all(&mut *connection)
            .await?;
        let mut finished = Vec::new();
        for (no, agency, name, _) in jobs.into_iter().filter(|(.., ended)| *ended) {
            let ended = Ended {
                job: JobNo(no),
                agency: AgencyNo(agency),
                name: JobName::parse(&name).map_err(|source| corrupt("job", no, source))?,
                at: Timestamp(self.ended_at.get(&no).copied().unwrap_or_default()),
            };
            finished.push(finish(connection, ended).await?);
        }
        Ok(finished)
    }
}

pub(super) async fn settle(
    connection: &mut SqliteConnection,
    filters: Filters,
    settlements: Vec<Settlement>,
) -> Work<Verdict<SettleReport>> {
    let mut changes = Changes::read(connection, &settlements).await?;
    let mut report = SettleReport::default();
    for (index, settlement) in settlements.iter().enumerate() {
        if !changes.apply(settlement)? {
            report.fenced.push(index);
        }
    }
    if changes.touched.is_empty() {
        return Ok(Verdict::NothingToDo(report));
    }
    report.events = changes.write(connection, &filters).await?;
    Ok(Verdict::Commit(report))
}
