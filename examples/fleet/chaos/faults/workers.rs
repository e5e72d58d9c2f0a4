//! Faults of worker processes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use budstikke::sandbox::mail::{Act, At, Rule, Script};
use budstikke::sandbox::sms::{Knobs, Span};
use rand::RngExt as _;
use rustix::process::Signal;
use tokio::sync::Notify;

use crate::chaos::world::World;
use crate::parts::oracle::Manners;
use crate::parts::steady::until;
use crate::parts::worker::read;

/// Longer than `recovery.worker_dead`.
const PAUSE: Duration = Duration::from_millis(5_500);

/// C-1: `kill -9` of some worker, every second or two; another one is started.
pub(super) async fn kill(world: &mut World, end: Instant) -> anyhow::Result<()> {
    while Instant::now() < end {
        world.pause(500, 2_000).await;
        kill_one(world);
        world.one_more().await?;
    }
    Ok(())
}

fn kill_one(world: &mut World) {
    let place = world.some_worker();
    world.fleet.kill(place);
    world.hit("kills");
}

/// C-3: two of the workers are killed at the moment at which a message has arrived and its answer
/// has not yet left.
pub(super) async fn kill_on_the_wire(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let (taken, arrived) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let manners = Manners::with(Knobs {
        latency: Span::millis(60, 150),
        ..Knobs::default()
    });
    let ring = Arc::clone(&arrived);
    world.fleet.oracle.behave(
        0,
        manners.fault(move |_message| {
            if taken.fetch_add(1, Ordering::Relaxed).is_multiple_of(40) {
                ring.notify_one();
            }
            None
        }),
    );
    if let Some(relay) = world.fleet.oracle.relay(0) {
        let slow = Rule::new(At::Dot, Act::Delay(Duration::from_millis(100)));
        relay.set_script(Script::default().with(slow));
    }
    while Instant::now() < end {
        // The latency begins when the message is taken, and the kill must come before its end.
        drop(tokio::time::timeout(Duration::from_secs(3), arrived.notified()).await);
        let wait = world.dice.random_range(0..50);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        kill_one(world);
        kill_one(world);
        world.one_more().await?;
        world.one_more().await?;
    }
    Ok(())
}

/// C-4: a worker stands still for longer than it takes to count as dead, and goes on.
pub(super) async fn pause(world: &mut World, end: Instant) -> anyhow::Result<()> {
    while Instant::now() < end {
        let place = world.some_worker();
        world.fleet.workers[place].signal(Signal::STOP)?;
        world.hit("pauses");
        tokio::time::sleep(PAUSE).await;
        world.fleet.workers[place].signal(Signal::CONT)?;
        world.pause(200, 1_000).await;
    }
    let dead = |world: &World| {
        let of = |log: &PathBuf| read(log).matches("this worker was taken for dead").count();
        world.fleet.logs().iter().map(of).sum::<usize>() as u64
    };
    // It learns it with its next heartbeat.
    until(Duration::from_secs(10), || dead(world) > 0).await;
    world
        .thrown
        .insert("workers that learned that they count as dead", dead(world));
    Ok(())
}

/// C-6: SIGTERM, and sometimes a second one at once.
pub(super) async fn signals(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let mut turn = 0_u64;
    while Instant::now() < end || turn < 2 {
        world.pause(300, 1_500).await;
        let place = world.some_worker();
        let twice = turn % 2 == 1;
        turn += 1;
        let mut worker = world.fleet.take(place);
        worker.signal(Signal::TERM)?;
        if twice {
            world.pause(0, 30).await;
            // It may have ended already.
            drop(worker.signal(Signal::TERM));
        }
        let status = worker.ended(Duration::from_secs(40)).await?;
        ensure!(status.success(), "a worker that was told to stop: {status}");
        world.hit(if twice { "double signals" } else { "signals" });
        world.one_more().await?;
    }
    Ok(())
}

/// C-37: between one worker and six, in order, so that nothing becomes unknown.
pub(super) async fn come_and_go(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let mut turn = 0;
    while Instant::now() < end || turn < 2 {
        let wanted = match turn {
            0 => 1,
            1 => 6,
            _ => world.dice.random_range(1..=6),
        };
        turn += 1;
        while world.fleet.workers.len() > wanted {
            let place = world.some_worker();
            world.fleet.stop(place).await?;
            world.hit("stops");
        }
        while world.fleet.workers.len() < wanted {
            world.one_more().await?;
            world.hit("starts");
        }
        world.pause(500, 1_500).await;
    }
    Ok(())
}
