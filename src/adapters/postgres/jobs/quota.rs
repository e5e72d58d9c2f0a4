//! The urgent quota is taken while jobs come in.

use std::collections::{BTreeMap, HashMap};

use sqlx::{PgConnection, Row};

use crate::adapters::postgres::error::{Fault, corrupt};
use crate::adapters::postgres::now;
use crate::domain::ids::{AgencyNo, JobNo, Position};
use crate::domain::kinds::Lane;
use crate::domain::time::Timestamp;
use crate::domain::urgent_quota::UrgentUse;
use crate::ports::store::NewJob;

/// Holds what the agencies used, in the order of their numbers, and reads the clock with each row:
/// the latest reading is from after the last wait.
const HOLD: &str = concat!(
    "WITH u AS MATERIALIZED ( \
        SELECT agency, minutes FROM urgent_use WHERE agency = ANY($1) ORDER BY agency FOR UPDATE) \
     SELECT agency, minutes, ",
    now!(),
    " FROM u"
);
const NEW: &str = "INSERT INTO urgent_use (agency) SELECT unnest($1::int[]) ON CONFLICT DO NOTHING";
const KEEP: &str = "UPDATE urgent_use u SET minutes = k.minutes \
    FROM unnest($1::int[], $2::text[]) AS k (agency, minutes) WHERE u.agency = k.agency";
const MARK: &str = "UPDATE job j SET over_quota = o.over, lane = o.lane \
    FROM unnest($1::bigint[], $2::int[], $3::smallint[]) AS o (no, over, lane) WHERE j.no = o.no";

/// From which position on the recipients of a job are over the quota.
pub(super) type Over = HashMap<JobNo, Position>;

/// Takes the quota of new jobs, which must be in the order of the batch, and marks those that are
/// over it.
pub(super) async fn take(
    connection: &mut PgConnection,
    jobs: &[(JobNo, &NewJob)],
) -> Result<Over, Fault> {
    let asks = || {
        jobs.iter()
            .filter_map(|(no, job)| Some((*no, *job, job.urgent.as_ref()?)))
    };
    let mut agencies: Vec<i32> = asks().map(|(_, job, _)| job.agency.0).collect();
    if agencies.is_empty() {
        return Ok(Over::new());
    }
    agencies.sort_unstable();
    agencies.dedup();
    let (mut used, now) = hold(connection, &agencies).await?;
    let mut over = Over::new();
    let (mut nos, mut counts, mut lanes) = (Vec::new(), Vec::new(), Vec::new());
    for (no, job, ask) in asks() {
        let Some(used) = used.get_mut(&job.agency) else {
            continue;
        };
        let kept = used.take(now, ask.per_hour, &ask.costs);
        if kept < ask.costs.len() {
            over.insert(no, Position::try_from(kept).unwrap_or(Position::MAX));
            nos.push(no.0);
            counts.push(i32::try_from(ask.costs.len() - kept).unwrap_or(i32::MAX));
            let lane = if kept == 0 { Lane::Normal } else { job.lane };
            lanes.push(lane.code());
        }
    }
    sqlx::query(KEEP)
        .bind(used.keys().map(|agency| agency.0).collect::<Vec<_>>())
        .bind(used.values().map(UrgentUse::encode).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    if !nos.is_empty() {
        sqlx::query(MARK)
            .bind(nos)
            .bind(counts)
            .bind(lanes)
            .execute(connection)
            .await?;
    }
    Ok(over)
}

/// What the agencies used, theirs alone until the transaction ends, and the time.
async fn hold(
    connection: &mut PgConnection,
    agencies: &[i32],
) -> Result<(BTreeMap<AgencyNo, UrgentUse>, Timestamp), Fault> {
    loop {
        let rows = sqlx::query(HOLD)
            .bind(agencies)
            .fetch_all(&mut *connection)
            .await?;
        if rows.len() < agencies.len() {
            // The first urgent jobs ever.
            sqlx::query(NEW)
                .bind(agencies)
                .execute(&mut *connection)
                .await?;
            continue;
        }
        let mut used = BTreeMap::new();
        let mut now = Timestamp(0);
        for row in &rows {
            let agency: i32 = row.try_get(0)?;
            let minutes = UrgentUse::decode(row.try_get(1)?)
                .map_err(|error| corrupt("urgent_use", agency, error))?;
            used.insert(AgencyNo(agency), minutes);
            now = now.max(Timestamp(row.try_get(2)?));
        }
        return Ok((used, now));
    }
}
