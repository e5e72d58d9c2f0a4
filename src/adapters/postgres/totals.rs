//! How many notifications of a job have each status.

use std::collections::HashMap;

use sqlx::{PgConnection, Row};

use super::error::Fault;
use super::rows::state;
use crate::domain::event::Totals;
use crate::domain::ids::JobNo;

/// Of several deliveries of one notification the one with the larger state counts; one that failed
/// silently before a fallback does not.
const TOTALS: &str = "SELECT j.no, n.state, n.open, count(*) \
    FROM unnest($1::bigint[]) AS j (no) CROSS JOIN LATERAL ( \
        SELECT max(d.state) AS state, \
            bool_or(d.state = 6 AND ( \
                SELECT TRUE FROM try t WHERE t.delivery = d.id AND t.freed = 0 \
                    AND t.outcome IS NULL LIMIT 1) \
                IS TRUE) AS open \
        FROM delivery d \
        WHERE d.id >= (j.no << 18) AND d.id < ((j.no + 1) << 18) AND NOT d.silent \
        GROUP BY d.id >> 1) n \
    GROUP BY j.no, n.state, n.open";

/// The totals of jobs; one without deliveries is left out.
pub(super) async fn totals(
    connection: &mut PgConnection,
    jobs: &[JobNo],
) -> Result<HashMap<JobNo, Totals>, Fault> {
    let numbers: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    let rows = sqlx::query(TOTALS)
        .bind(numbers)
        .fetch_all(connection)
        .await?;
    let mut totals: HashMap<JobNo, Totals> = HashMap::with_capacity(jobs.len());
    for row in rows {
        let job = JobNo(row.try_get(0)?);
        let status = state(row.try_get(1)?, job)?.status(row.try_get(2)?);
        let count = u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or(0);
        *totals.entry(job).or_default().0.entry(status).or_default() += count;
    }
    Ok(totals)
}
