//! Plays seeds of the simulation: `cargo run --release --example simulate -- --seeds 100000`.
//! One seed with everything that happens in it: `-- --seed N --trace`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a tool for developers"
)]
#![expect(unreachable_pub, reason = "its modules share what they have")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use world::aim::{CALLS, Fate};
use world::processor;
use world::run::{Keep, Report, run};
use world::scene::Scene;

#[path = "../tests/simulation/world/mod.rs"]
mod world;

/// Plays seeds of the simulation.
#[derive(Debug, Parser)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// This seed alone.
    #[arg(long)]
    seed: Option<u64>,
    /// Print what happens.
    #[arg(long)]
    trace: bool,
    /// What the seeds play in: storm, calm, slow-intent, late-answer, lost-claim, own-clock, crowd,
    /// full-queue.
    #[arg(long, default_value = "storm")]
    scene: Scene,
}

/// What the seeds showed together, in whatever order they ended.
#[derive(Default)]
struct Sum {
    counts: BTreeMap<&'static str, u64>,
    met: BTreeMap<(&'static str, Fate), u64>,
    failed: Vec<u64>,
    steps: u64,
    wires: usize,
    played: u64,
    /// Simulated microseconds.
    lasted: u64,
    /// The same for the same seeds.
    digest: u64,
}

impl Sum {
    fn add(&mut self, seed: u64, report: Report) {
        for line in &report.trace {
            println!("{line}");
        }
        for (what, count) in report.counts {
            *self.counts.entry(what).or_default() += count;
        }
        for (what, count) in report.met {
            *self.met.entry(what).or_default() += count;
        }
        self.steps += report.steps;
        self.wires += report.wires;
        self.lasted += report.lasted;
        self.played += 1;
        self.digest ^= report.digest.rotate_left((seed % 64) as u32);
        if !report.violations.is_empty() {
            for violation in &report.violations {
                println!("seed {seed}: {violation}");
            }
            self.failed.push(seed);
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let seeds = match args.seed {
        Some(seed) => seed..seed + 1,
        None => args.from..args.from + args.seeds,
    };
    let keep = if args.trace {
        Keep::Trace
    } else {
        Keep::Digest
    };
    let started = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let all = Mutex::new(Sum::default());
    let places = if seeds.end - seeds.start == 1 {
        1
    } else {
        std::thread::available_parallelism().map_or(1, usize::from)
    };
    std::thread::scope(|threads| {
        for place in 0..places {
            let (next, all, until) = (&next, &all, seeds.end);
            threads.spawn(move || {
                processor::stay_on_one(place);
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= until {
                        break;
                    }
                    let report = run(seed, keep, args.scene);
                    all.lock().unwrap().add(seed, report);
                }
            });
        }
    });
    let Sum {
        counts,
        met,
        mut failed,
        steps,
        wires,
        played,
        lasted,
        digest,
    } = all.into_inner().unwrap();
    failed.sort_unstable();
    for (what, count) in &counts {
        println!("{count:>9}  {what}");
    }
    for call in CALLS {
        let of = |fate| met.get(&(call, fate)).copied().unwrap_or(0);
        println!(
            "{:>9} lost, {:>5} done but not answered, {:>5} slow  {call}",
            of(Fate::Before),
            of(Fate::After),
            of(Fate::Slow)
        );
    }
    let took = started.elapsed().as_secs_f64();
    println!(
        "{played} seeds in {took:.1} s ({:.1}/s), {steps} steps, {wires} requests to gateways, {} s simulated, digest {digest:016x}, {} failed",
        played as f64 / took,
        lasted / 1_000_000,
        failed.len(),
    );
    if !failed.is_empty() {
        println!(
            "replay: cargo run --release --example simulate -- --trace --seed {}",
            failed[0]
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
