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
use std::time::Instant;

use clap::Parser;
use world::aim::{CALLS, Fate};
use world::run::{Keep, run};
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
    /// What the seeds play in: storm, calm, slow-intent, late-answer, lost-claim, crowd.
    #[arg(long, default_value = "storm")]
    scene: Scene,
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
    let mut met: BTreeMap<_, u64> = BTreeMap::new();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut failed, mut steps, mut wires, mut played, mut lasted) = (Vec::new(), 0, 0, 0u64, 0);
    let mut digest = 0u64;
    for seed in seeds {
        let report = run(seed, keep, args.scene);
        for line in &report.trace {
            println!("{line}");
        }
        for (what, count) in &report.counts {
            *counts.entry(what).or_default() += count;
        }
        for (what, count) in &report.met {
            *met.entry(*what).or_default() += count;
        }
        steps += report.steps;
        wires += report.wires;
        lasted += report.lasted;
        played += 1;
        digest = digest.rotate_left(1) ^ report.digest;
        if !report.violations.is_empty() {
            for violation in &report.violations {
                println!("seed {seed}: {violation}");
            }
            failed.push(seed);
        }
    }
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
