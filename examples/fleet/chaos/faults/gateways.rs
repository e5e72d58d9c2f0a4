//! Faults of the SMS gateway and the relay.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use budstikke::sandbox::mail::{Act, At, Rule, Script};
use budstikke::sandbox::proxy::{Direction, Trouble};
use budstikke::sandbox::sms::{Fault, Knobs, Reports, Span};
use serde_json::json;

use crate::chaos::world::World;
use crate::parts::oracle::Manners;

/// C-27: messages are taken, and the answers are lost: by the gateway, or on the way.
pub(super) async fn swallow(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let thrown = faulty(world, Knobs::default(), 15);
    while Instant::now() < end {
        world.pause(500, 2_000).await;
        world.gateway.set(Trouble::Swallow(Direction::Reply));
        world.hit("swallowed replies");
        world.pause(300, 1_000).await;
        world.gateway.set(Trouble::Refuse);
        world.pause(50, 100).await;
        world.gateway.set(Trouble::None);
    }
    ensure!(thrown.load(Ordering::Relaxed) > 0, "no answer was withheld");
    world
        .thrown
        .insert("withheld answers", thrown.load(Ordering::Relaxed));
    Ok(())
}

/// One message in `every` is taken and not answered, by turns in three ways.
fn faulty(world: &World, knobs: Knobs, every: u64) -> Arc<AtomicU64> {
    let (taken, thrown) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
    let count = Arc::clone(&thrown);
    let manners = Manners::with(knobs);
    world.fleet.oracle.behave(
        0,
        manners.fault(move |_message| {
            let number = taken.fetch_add(1, Ordering::Relaxed);
            number.is_multiple_of(every).then(|| {
                let turn = count.fetch_add(1, Ordering::Relaxed);
                [Fault::Hang, Fault::Reset, Fault::BadGateway502][(turn % 3) as usize]
            })
        }),
    );
    thrown
}

/// C-28: nobody answers at the gateway's address for most of the time.
pub(super) async fn down(world: &mut World, end: Instant) -> anyhow::Result<()> {
    world.gateway.set(Trouble::Refuse);
    world.hit("outages");
    let left = end.saturating_duration_since(Instant::now());
    tokio::time::sleep(left * 3 / 4).await;
    world.gateway.set(Trouble::None);
    tokio::time::sleep(left / 4).await;
    Ok(())
}

/// C-30: the relay misbehaves at every stage, in every way.
pub(super) async fn smtp(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let stages = [
        At::Banner,
        At::Ehlo,
        At::MailFrom,
        At::RcptTo,
        At::Data,
        At::Dot,
    ];
    let relay = world.fleet.oracle.relay(0).context("no relay")?;
    let mut script = Script::default();
    for at in stages {
        for act in [
            Act::Say("421 4.3.2 closing".to_owned()),
            Act::Say("451 4.3.0 later".to_owned()),
            Act::Garbage,
            Act::Half,
            Act::Close,
            Act::Stall,
            Act::Delay(Duration::from_millis(300)),
        ] {
            script = script.with(Rule::new(at, act).chance(0.01));
        }
    }
    for act in [Act::Close, Act::Half, Act::Stall, Act::Garbage] {
        script = script.with(Rule::new(At::Dot, act).chance(0.02).but_taken());
    }
    relay.set_script(script);
    tokio::time::sleep(end.saturating_duration_since(Instant::now())).await;
    let mut all = 0;
    for at in stages {
        let thrown = relay.thrown(at);
        all += thrown;
    }
    ensure!(
        relay.thrown(At::Dot) > 0,
        "nothing went wrong at the final dot"
    );
    world.thrown.insert("SMTP faults", all);
    Ok(())
}

/// C-31: receipts in every order, while some answers are lost, and receipts of nobody's messages.
pub(super) async fn receipts(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let place = world.fleet.spawn("api")?;
    world.fleet.ready(place).await?;
    let url = world.fleet.workers[place].url.clone().context("no API")?;
    let url = format!("{url}/v1/receipts/primary");
    let reports = Reports {
        after: Span::millis(0, 1_500),
        failed: 0.05,
        expired: 0.05,
        silent: 0.1,
        twice: 0.3,
        reversed: 0.3,
        early: 0.3,
        ..Reports::to(url.clone())
    };
    let knobs = Knobs {
        reports: Some(reports),
        ..Knobs::default()
    };
    let thrown = faulty(world, knobs, 20);
    let http = reqwest::Client::builder().no_proxy().build()?;
    while Instant::now() < end {
        for body in [
            json!({"id": "nobody", "status": "delivered"}),
            json!({"reference": "bs0", "status": "delivered"}),
            json!({"reference": "bsffffffffff", "status": "failed"}),
            json!({"status": 7}),
            json!([]),
        ] {
            let answer = http.post(&url).json(&body).send().await?;
            ensure!(
                !answer.status().is_server_error(),
                "a stranger's receipt: {}",
                answer.status()
            );
            world.hit("strangers' receipts");
        }
        world.pause(100, 400).await;
    }
    world
        .thrown
        .insert("withheld answers", thrown.load(Ordering::Relaxed));
    Ok(())
}
