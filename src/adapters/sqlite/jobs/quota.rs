//! The urgent quota is taken while jobs come in.

use std::collections::{BTreeMap, HashMap};

use sqlx::SqliteConnection;

use super::super::error::{Work, corrupt};
use super::super::rows::{execute_all, json};
use crate::domain::ids::{AgencyNo, JobNo, Position};
use crate::domain::kinds::Lane;
use crate::domain::time::Timestamp;
use crate::domain::urgent_quota::UrgentUse;
use crate::ports::store::NewJob;

const USED: &str = "SELECT agency, minutes FROM urgent_use
    WHERE agency IN (SELECT value FROM json_each(?1))";
const KEEP: &str = "INSERT INTO urgent_use (agency, minutes)
    SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE TRUE
    ON CONFLICT (agency) DO UPDATE SET minutes = excluded.minutes";
const MARK: &str = "UPDATE job SET over_quota = o.value ->> 1, lane = o.value ->> 2
    FROM json_each(?1) o WHERE job.no = o.value ->> 0";

/// From which position on the recipients of a job are over the quota.
pub(super) type Over = HashMap<JobNo, Position>;

/// Takes the quota of new jobs, which must be in the order of the batch, and marks those that are
/// over it.
pub(super) async fn take(
    connection: &mut SqliteConnection,
    jobs: impl Iterator<Item = (JobNo, &NewJob)>,
    now: Timestamp,
) -> Work<Over> {
    let asks: Vec<_> = jobs
        .filter_map(|(no, job)| Some((no, job, job.urgent.as_ref()?)))
        .collect();
    if asks.is_empty() {
        return Ok(Over::new());
    }
    let mut used: BTreeMap<i32, UrgentUse> = asks
        .iter()
        .map(|(_, job, _)| (job.agency.0, UrgentUse::default()))
        .collect();
    let agencies: Vec<i32> = used.keys().copied().collect();
    let stored: Vec<(i32, String)> = sqlx::query_as(USED)
        .bind(json(&agencies))
        .fetch_all(&mut *connection)
        .await?;
    for (agency, minutes) in stored {
        let minutes = UrgentUse::decode(&minutes)
            .map_err(|error| corrupt("urgent_use", AgencyNo(agency), error))?;
        used.insert(agency, minutes);
    }
    let mut over = Over::new();
    let mut marks = Vec::new();
    for (no, job, ask) in asks {
        let used = used.entry(job.agency.0).or_default();
        let kept = used.take(now, ask.per_hour, &ask.costs);
        if kept < ask.costs.len() {
            over.insert(no, Position::try_from(kept).unwrap_or(Position::MAX));
            let lane = if kept == 0 { Lane::Normal } else { job.lane };
            marks.push((no.0, ask.costs.len() - kept, lane.code()));
        }
    }
    let used: Vec<_> = used
        .iter()
        .map(|(agency, used)| (agency, used.encode()))
        .collect();
    execute_all(connection, KEEP, &used).await?;
    execute_all(connection, MARK, &marks).await?;
    Ok(over)
}
