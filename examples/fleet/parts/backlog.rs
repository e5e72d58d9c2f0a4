//! Great backlogs in little time: one job is enqueued over HTTP while nothing may leave, and copied
//! in the database.

use anyhow::Context as _;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::api::Api;
use super::fleet::Fleet;

/// Enqueues `job` and copies it `copies` times under names of its own. The agency should be stopped
/// meanwhile, or what has left of the first job is copied, too.
///
/// # Errors
/// The job is refused, or the database.
pub(crate) async fn copies(
    fleet: &Fleet,
    api: &Api,
    job: &Value,
    copies: usize,
) -> anyhow::Result<()> {
    api.submit(job).await?;
    let name = job["job"].as_str().context("a job without a name")?;
    let mut sql = fleet.sql().await?;
    let (no,): (i64,) = sqlx::query_as("SELECT no FROM job WHERE name = $1")
        .bind(name)
        .fetch_one(&mut sql)
        .await?;
    let first: i64 = sqlx::query_scalar(
        "SELECT min(n) FROM (SELECT nextval('job_no') AS n FROM generate_series(1, $1)) AS s",
    )
    .bind(i64::try_from(copies)?)
    .fetch_one(&mut sql)
    .await?;
    // The id of a delivery begins with its job's number.
    for (table, own) in [
        ("job", &[("no", "$2 + k"), ("name", "name || '-' || k")][..]),
        ("chunk", &[("job", "$2 + k")]),
        ("delivery", &[("id", "(($2 + k) << 18) | (id & 262143)")]),
    ] {
        let columns = columns(&mut sql, table).await?;
        let values: Vec<&str> = columns
            .iter()
            .map(|column| {
                let other = own.iter().find(|(name, _)| name == column);
                other.map_or(column.as_str(), |(_, value)| *value)
            })
            .collect();
        let which = match table {
            "job" => "no = $1",
            "chunk" => "job = $1",
            _ => "id >> 18 = $1",
        };
        let text = format!(
            "INSERT INTO {table} ({}) SELECT {} FROM {table}, \
             generate_series(0, $3::bigint - 1) AS k WHERE {which}",
            columns.join(", "),
            values.join(", "),
        );
        sqlx::query(AssertSqlSafe(text))
            .bind(no)
            .bind(first)
            .bind(i64::try_from(copies)?)
            .execute(&mut sql)
            .await
            .with_context(|| format!("copying {table}"))?;
    }
    sqlx::query("ANALYZE delivery").execute(&mut sql).await?;
    Ok(())
}

async fn columns(sql: &mut PgConnection, table: &str) -> anyhow::Result<Vec<String>> {
    let rows = sqlx::query(
        "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1 \
         AND table_schema = 'public' AND is_identity = 'NO' AND is_generated = 'NEVER' \
         ORDER BY ordinal_position",
    )
    .bind(table)
    .fetch_all(sql)
    .await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?)
}
