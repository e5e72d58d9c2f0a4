//! Faults of the broker.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::chaos::world::{AGENCIES, World};

/// C-8: `kill -9` of the broker's node, and its start some seconds later.
pub(super) async fn kill(world: &mut World, end: Instant) -> anyhow::Result<()> {
    while Instant::now() < end {
        world.pause(500, 3_000).await;
        server("crash", "rabbitmq").await?;
        world.hit("kills of the broker");
        world.pause(200, 2_000).await;
        server("start", "rabbitmq").await?;
    }
    Ok(())
}

/// Kills or starts one of the servers below us.
pub(super) async fn server(what: &str, name: &str) -> anyhow::Result<()> {
    run(Command::new("scripts/servers").args([what, name])).await
}

async fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("{command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// C-10: memory and disk alarms by turns; publishers are blocked while one holds.
pub(super) async fn alarms(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let program = std::env::var("TEST_RABBITMQCTL").context("TEST_RABBITMQCTL")?;
    let turn = async |what: &str, value: &str| {
        let mut words = program.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or_default());
        run(command.args(words).args([what, value])).await
    };
    let (memory, disk) = ("set_vm_memory_high_watermark", "set_disk_free_limit");
    let mut thrown = async || -> anyhow::Result<()> {
        while Instant::now() < end {
            turn(memory, "0.0000001").await?;
            world.hit("memory alarms");
            world.pause(1_000, 3_000).await;
            turn(memory, "0.4").await?;
            world.pause(500, 1_500).await;
            turn(disk, "9999GB").await?;
            world.hit("disk alarms");
            world.pause(1_000, 3_000).await;
            turn(disk, "1MB").await?;
            world.pause(500, 1_500).await;
        }
        Ok(())
    };
    let done = thrown().await;
    // Whatever happened, the node is shared with the next case.
    turn(memory, "0.4").await?;
    turn(disk, "1MB").await?;
    done
}

/// C-14: the events of an agency have nowhere to go, and wait.
pub(super) async fn unroutable(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let vhost = world
        .fleet
        .broker
        .as_ref()
        .context("no broker")?
        .vhost
        .clone();
    while Instant::now() < end {
        for agency in AGENCIES {
            let queue = format!("budstikke.events.{agency}");
            let path = format!("queues/{vhost}/{queue}/bindings");
            let all = world.fleet.manage(Method::GET, &path, None).await?;
            // Every queue is bound to the default exchange as well, and stays so.
            let bindings: Vec<Value> = all
                .as_array()
                .into_iter()
                .flatten()
                .filter(|binding| binding["source"] != "")
                .cloned()
                .collect();
            ensure!(!bindings.is_empty(), "{queue} is bound to nothing");
            let at = |binding: &Value| {
                let exchange = binding["source"].as_str().unwrap_or_default();
                format!("bindings/{vhost}/e/{exchange}/q/{queue}")
            };
            for binding in &bindings {
                let properties = binding["properties_key"].as_str().unwrap_or("~");
                let path = format!("{}/{properties}", at(binding));
                world.fleet.manage(Method::DELETE, &path, None).await?;
            }
            world.hit("unbound queues");
            world.pause(1_000, 3_000).await;
            for binding in &bindings {
                let body = json!({"routing_key": binding["routing_key"],
                    "arguments": binding["arguments"]});
                world
                    .fleet
                    .manage(Method::POST, &at(binding), Some(&body))
                    .await?;
            }
        }
        world.pause(500, 1_500).await;
    }
    Ok(())
}
