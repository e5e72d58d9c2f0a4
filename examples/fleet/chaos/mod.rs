//! `chaos`: faults thrown at a fleet of real processes, one kind after the other, while agencies go
//! on publishing; then everything is healed, and the books are compared.

mod between;
mod book;
mod case;
mod faults;
mod publishers;
mod tell;
mod verdict;
mod world;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};
use clap::Args;
use futures::FutureExt as _;

use crate::parts::env::Env;
use crate::parts::say::{load_average, note, say};
use case::Case;
use tell::Tally;
use verdict::Verdict;
use world::World;

/// How long faults are thrown in one case.
const SPAN: Duration = Duration::from_secs(20);
/// The same in a short run.
const SHORT_SPAN: Duration = Duration::from_secs(10);
/// A run up to so many minutes is short.
const SHORT: f64 = 10.0;
/// No case takes longer from its start to its verdict; one that does has failed.
const LIMIT: Duration = Duration::from_secs(480);

/// Throw faults at the fleet, heal, drain, and compare what was promised with what became of it.
#[derive(Debug, Args)]
pub(crate) struct Chaos {
    /// Go on with new seeds for so long; without it every case is played once.
    #[arg(long, value_name = "N")]
    minutes: Option<f64>,
    /// The same seed throws the same dice; without it one is made up and printed.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Only these cases, by name or number, for example kill or C-1.
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// Say which cases there are.
    #[arg(long)]
    list: bool,
}

impl Chaos {
    /// Prints the cases if that is all that was asked for.
    pub(crate) fn only_lists(&self) -> bool {
        if self.list {
            for case in Case::ALL {
                say(format!(
                    "{:13} {:10} {}",
                    case.name(),
                    case.number(),
                    case.about()
                ));
            }
        }
        self.list
    }

    /// Plays the cases; whether every promise was kept.
    ///
    /// # Errors
    /// A case has no such name.
    pub(crate) async fn run(&self, env: &Arc<Env>) -> anyhow::Result<bool> {
        let wanted = self.wanted()?;
        let seed = self.seed.unwrap_or_else(rand::random);
        note(format!("seed {seed}"));
        let started = Instant::now();
        let limit = self.minutes.map(|n| Duration::from_secs_f64(n * 60.0));
        let short = self.minutes.is_some_and(|n| n <= SHORT);
        let span = if short { SHORT_SPAN } else { SPAN };
        let mut tally = Tally::default();
        for round in 0_u64.. {
            let seed = seed.wrapping_add(round);
            for case in order(&wanted, seed, limit.is_some()) {
                // A case that cannot end in time is not begun, but one is always played.
                let over = limit.is_some_and(|limit| started.elapsed() + span * 3 > limit);
                if over && !tally.is_empty() {
                    return Ok(tally.show(started.elapsed()));
                }
                tally.add(case, play(env, case, seed, round, span).await);
            }
            if limit.is_none() {
                break;
            }
        }
        Ok(tally.show(started.elapsed()))
    }

    fn wanted(&self) -> anyhow::Result<Vec<Case>> {
        for word in &self.cases {
            ensure!(
                Case::ALL.iter().any(|case| case.is_called(word)),
                "there is no case {word}; --list shows them"
            );
        }
        let all = Case::ALL.into_iter();
        let is_wanted = |case: &Case| {
            self.cases.is_empty() || self.cases.iter().any(|word| case.is_called(word))
        };
        Ok(all.filter(is_wanted).collect())
    }
}

/// A run with an end plays them in an order of its own, so that short runs see different ones.
fn order(wanted: &[Case], seed: u64, mixed: bool) -> Vec<Case> {
    let mut cases = wanted.to_vec();
    if mixed {
        let mut state = seed;
        for last in (1..cases.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            cases.swap(last, (state >> 33) as usize % (last + 1));
        }
    }
    cases
}

/// Plays a case. Whatever happens in it, the next one finds the servers running and nothing of this
/// one; only the configurations and logs of a case with problems stay.
async fn play(
    env: &Arc<Env>,
    case: Case,
    seed: u64,
    round: u64,
    span: Duration,
) -> anyhow::Result<Verdict> {
    note(format!(
        "{} {}: {} (seed {seed}, load average {:.1})",
        case.number(),
        case.name(),
        case.about(),
        load_average()
    ));
    between::servers().await?;
    let plan = format!("chaos_{}_{round}", case.name().replace('-', "_"));
    let folder = env.folder(&plan)?;
    let played = AssertUnwindSafe(from_start_to_verdict(env, case, seed, &plan, span));
    let verdict = match tokio::time::timeout(LIMIT, played.catch_unwind()).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(_panic)) => Err(anyhow!("the harness panicked")),
        Err(_elapsed) => Err(anyhow!("no verdict after {} s", LIMIT.as_secs())),
    };
    if verdict.is_err() {
        // It may have been dropped in the middle.
        between::servers().await?;
        between::clear(env, &plan).await;
    }
    match &verdict {
        Ok(verdict) => {
            note(format!("   {}", verdict.line()));
            for problem in &verdict.problems {
                note(format!("   PROBLEM: {problem}"));
            }
        }
        Err(error) => note(format!("   PROBLEM: {error:#}")),
    }
    if verdict.as_ref().is_ok_and(|v| v.problems.is_empty()) {
        env.remove(&folder);
    } else {
        env.keep_what_is_there();
        note(format!(
            "   again: scripts/chaos --seed {seed} {}; logs: {}",
            case.name(),
            folder.display()
        ));
    }
    verdict
}

async fn from_start_to_verdict(
    env: &Arc<Env>,
    case: Case,
    seed: u64,
    plan: &str,
    span: Duration,
) -> anyhow::Result<Verdict> {
    let mut world = World::start(env, case, seed, plan).await?;
    let verdict = in_world(&mut world, case, span).await;
    if !verdict.as_ref().is_ok_and(|v| v.problems.is_empty()) {
        // Only for whoever wants to look closer.
        drop(world.fleet.dump());
    }
    let disk = world.end();
    // Some cases leave a server dead, and it must know that the database goes before its disk does.
    between::servers().await?;
    between::clear(env, plan).await;
    drop(disk);
    verdict
}

async fn in_world(world: &mut World, case: Case, span: Duration) -> anyhow::Result<Verdict> {
    let thrown = faults::throw(world, case, span).await;
    world.heal().await?;
    let mut verdict = verdict::reach(world, case).await?;
    if let Err(error) = thrown {
        verdict.problems.push(format!(
            "the faults were not thrown as they should: {error:#}"
        ));
    }
    Ok(verdict)
}
