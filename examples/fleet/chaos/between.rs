//! Between two cases: the servers run, and nothing of the last case is left, neither its processes
//! nor what it took of the disk.

use std::process::Stdio;
use std::sync::Arc;

use anyhow::ensure;
use reqwest::Method;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::process::Command;

use super::faults::disk::tablespace;
use super::world::AGENCIES;
use crate::parts::env::Env;
use crate::parts::fleet::name_of;
use crate::parts::say::note;

/// Starts what a case has left dead.
///
/// # Errors
/// A server does not start.
pub(super) async fn servers() -> anyhow::Result<()> {
    for name in ["postgres", "rabbitmq"] {
        let output = Command::new("scripts/servers")
            .args(["start", name])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        ensure!(
            output.status.success(),
            "{name} does not start: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// Gives back what the fleet of a plan had at the servers. What is not there is no matter.
pub(super) async fn clear(env: &Arc<Env>, plan: &str) {
    let name = name_of(plan);
    if let Err(error) = databases(env, &name).await {
        note(format!("   the database of the case stays: {error:#}"));
    }
    if let Some((_amqp, api)) = &env.broker {
        let users = AGENCIES.map(|agency| format!("users/{name}-{agency}"));
        for path in users.into_iter().chain([format!("vhosts/{name}")]) {
            let request = env
                .http
                .request(Method::DELETE, format!("{api}/api/{path}"));
            if let Err(error) = request.send().await {
                note(format!("   {path} of the broker stays: {error}"));
            }
        }
    }
}

async fn databases(env: &Env, name: &str) -> anyhow::Result<()> {
    let mut sql = PgConnection::connect(&env.postgres).await?;
    for statement in [
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        format!("DROP TABLESPACE IF EXISTS {}", tablespace(name)),
    ] {
        sql.execute(AssertSqlSafe(statement)).await?;
    }
    Ok(())
}
