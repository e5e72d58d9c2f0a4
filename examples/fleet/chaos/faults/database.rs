//! Faults of the database.

use std::time::Instant;

use super::broker::server;
use crate::chaos::world::World;

/// C-17: `kill -9` of the database server, and its start.
pub(super) async fn kill(world: &mut World, end: Instant) -> anyhow::Result<()> {
    while Instant::now() < end {
        world.pause(1_000, 4_000).await;
        server("crash", "postgres").await?;
        world.hit("kills of the database");
        world.pause(100, 2_000).await;
        server("start", "postgres").await?;
    }
    Ok(())
}

/// C-19: a forgotten transaction; nothing can be vacuumed meanwhile.
pub(super) async fn snapshot(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let mut sql = world.fleet.sql().await?;
    for statement in [
        "BEGIN ISOLATION LEVEL REPEATABLE READ",
        "SELECT count(*) FROM delivery",
    ] {
        sqlx::query(statement).execute(&mut sql).await?;
    }
    world.hit("held snapshots");
    while Instant::now() < end {
        world.pause(500, 500).await;
    }
    Ok(())
}
