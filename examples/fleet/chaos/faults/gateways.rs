//! Faults of the SMS gateway and the relay.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use budstikke::sandbox::mail::{Act, At, Rule, Script};
use budstikke::sandbox::proxy::{Direction, Trouble};
use budstikke::sandbox::sms::{Fault, Knobs, Reports, Span};
use rand::seq::SliceRandom as _;
use serde_json::json;

use crate::chaos::world::World;
use crate::parts::oracle::Manners;

/// A fault that is certain has been thrown so long after the others at the latest, or never is.
const CERTAIN: Duration = Duration::from_secs(60);

/// C-27: messages are taken, and the answers are lost: by the gateway, or on the way.
pub(super) async fn swallow(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let withheld = withhold(world, Knobs::default(), 15);
    let most = end + CERTAIN;
    while Instant::now() < end || !withheld.all() && Instant::now() < most {
        world.pause(500, 2_000).await;
        world.gateway.set(Trouble::Swallow(Direction::Reply));
        world.hit("swallowed replies");
        world.pause(300, 1_000).await;
        world.gateway.set(Trouble::Refuse);
        world.pause(50, 100).await;
        world.gateway.set(Trouble::None);
    }
    withheld.told(world);
    Ok(())
}

/// The ways in which the gateway takes a message and withholds its answer.
const WITHHELD: [(&str, Fault); 3] = [
    ("hangs", Fault::Hang),
    ("resets", Fault::Reset),
    ("502s", Fault::BadGateway502),
];

/// How many answers were withheld.
#[derive(Debug, Clone, Default)]
struct Withheld(Arc<AtomicU64>);

impl Withheld {
    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Each way was taken.
    fn all(&self) -> bool {
        self.count() >= WITHHELD.len() as u64
    }

    fn told(&self, world: &mut World) {
        for (place, (what, _)) in (0_u64..).zip(WITHHELD) {
            let others = WITHHELD.len() as u64 - 1 - place;
            let count = (self.count() + others) / WITHHELD.len() as u64;
            world.thrown.insert(what, count);
        }
    }
}

/// One message in `every` is taken and not answered, by turns in three ways.
fn withhold(world: &World, knobs: Knobs, every: u64) -> Withheld {
    let (taken, withheld) = (AtomicU64::new(0), Withheld::default());
    let count = withheld.clone();
    let manners = Manners::with(knobs);
    world.fleet.oracle.behave(
        0,
        manners.fault(move |_message| {
            let number = taken.fetch_add(1, Ordering::Relaxed);
            number.is_multiple_of(every).then(|| {
                let turn = count.0.fetch_add(1, Ordering::Relaxed) as usize;
                WITHHELD[turn % WITHHELD.len()].1
            })
        }),
    );
    withheld
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

/// Where the relay misbehaves.
const STAGES: [At; 6] = [
    At::Banner,
    At::Ehlo,
    At::MailFrom,
    At::RcptTo,
    At::Data,
    At::Dot,
];

/// C-30: the relay misbehaves at every stage, in every way, and at the final dot also after it has
/// taken the message. One way at all stages at once: where it hangs up, somebody comes back to its
/// banner.
pub(super) async fn smtp(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let mut ways = [
        Act::Say("421 4.3.2 closing".to_owned()),
        Act::Say("451 4.3.0 later".to_owned()),
        Act::Garbage,
        Act::Half,
        Act::Close,
        Act::Stall,
        Act::Delay(Duration::from_millis(300)),
    ];
    ways.shuffle(&mut world.dice);
    let mut missing = Vec::new();
    let thrown = |world: &World| {
        let relay = world.fleet.oracle.relay(0);
        STAGES.map(|at| relay.map_or(0, |relay| relay.thrown(at)))
    };
    for act in ways {
        let before = thrown(world);
        let relay = world.fleet.oracle.relay(0).context("no relay")?;
        let mut script = Script::default();
        for at in STAGES {
            script = script.with(Rule::new(at, act.clone()).times(1));
        }
        // Neither a refusal nor a delay can be a lie about what was taken.
        let lies = !matches!(act, Act::Say(_) | Act::Delay(_));
        if lies {
            script = script.with(Rule::new(At::Dot, act.clone()).times(1).but_taken());
        }
        relay.set_script(script);
        let mut asked = Instant::now();
        // Once the circuit is open only a probe comes every ten seconds, and each meets one fault.
        let (mut last, mut seen) = (asked, before);
        loop {
            let now = thrown(world);
            if now != seen {
                (last, seen) = (Instant::now(), now);
            }
            let left: Vec<At> = (0..STAGES.len())
                .filter(|place| {
                    let wanted = if lies && STAGES[*place] == At::Dot {
                        2
                    } else {
                        1
                    };
                    now[*place] < before[*place] + wanted
                })
                .map(|place| STAGES[place])
                .collect();
            if left.is_empty() {
                break;
            }
            if last.elapsed() > CERTAIN {
                missing.push(format!("{act:?} at {left:?}"));
                break;
            }
            // Only a new connection sees the banner.
            if asked.elapsed() > Duration::from_secs(1) && left.contains(&At::Banner) {
                asked = Instant::now();
                relay.hang_up();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let count = thrown(world);
    world.thrown.insert("SMTP faults", count.iter().sum());
    world
        .thrown
        .insert("of them at the final dot", count[STAGES.len() - 1]);
    ensure!(missing.is_empty(), "the relay was never asked: {missing:?}");
    tokio::time::sleep(end.saturating_duration_since(Instant::now())).await;
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
    let withheld = withhold(world, knobs, 20);
    let http = reqwest::Client::builder().no_proxy().build()?;
    let most = end + CERTAIN;
    while Instant::now() < end || !withheld.all() && Instant::now() < most {
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
    withheld.told(world);
    for (what, kind) in [
        ("told delivered", "notification.delivered"),
        ("told failed", "notification.failed"),
    ] {
        let count = world.feeds.iter().map(|feed| feed.of_type(kind).len());
        world.thrown.insert(what, count.sum::<usize>() as u64);
    }
    Ok(())
}
