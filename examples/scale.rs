//! A fleet of a given size meets a load: second by second, where does it stand in line?
//!
//! The model behind `docs/scale.md`. Stages are queues with a capacity per second; what a stage
//! cannot take waits before it. CPU costs were measured by `scripts/bench` on one machine of two
//! cores and are given per notification; a core gives a million microseconds a second, of which a
//! part is used at most.
//!
//! ```sh
//! cargo run --release --example scale                              # the country in ten minutes
//! cargo run --release --example scale -- --people 100000 --databases 1 --worker-cores 2 --gateways 2
//! ```

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use clap::Parser;

/// What a notification costs in microseconds of one core, in jobs of 1,000 and in jobs of one.
const COSTS: [(&str, f64, f64); 3] = [
    ("worker", 68.0, 107.0),
    ("database", 76.0, 106.0),
    ("broker", 53.0, 59.0),
];

/// A fleet meets a load.
#[derive(Debug, Parser)]
struct Args {
    /// Notifications, all there at once.
    #[arg(long, default_value_t = 5_500_000.0)]
    people: f64,
    /// The jobs have one recipient each; otherwise 1,000.
    #[arg(long)]
    single: bool,
    /// Databases; agencies are spread over them.
    #[arg(long, default_value_t = 2.0)]
    databases: f64,
    /// Cores of each database.
    #[arg(long, default_value_t = 2.0)]
    database_cores: f64,
    /// Cores of all workers together.
    #[arg(long, default_value_t = 4.0)]
    worker_cores: f64,
    /// Cores of all nodes of the broker together.
    #[arg(long, default_value_t = 6.0)]
    broker_cores: f64,
    /// What is written to a quorum queue is written on so many nodes.
    #[arg(long, default_value_t = 3.0)]
    copies: f64,
    /// SMS gateways.
    #[arg(long, default_value_t = 10.0)]
    gateways: f64,
    /// Parts that one gateway takes in a second, by contract.
    #[arg(long, default_value_t = 1_000.0)]
    gateway_rate: f64,
    /// Parts of an SMS, on the average.
    #[arg(long, default_value_t = 1.2)]
    parts: f64,
    /// Mails that all relays take in a second.
    #[arg(long, default_value_t = 3_000.0)]
    relay_rate: f64,
    /// The part of the people who get an SMS; the others get e-mail.
    #[arg(long, default_value_t = 0.77)]
    sms: f64,
    /// Calls to the register at once, and seconds that one about 1,000 persons takes.
    #[arg(long, default_value_t = 32.0)]
    register_calls: f64,
    /// See `register_calls`.
    #[arg(long, default_value_t = 1.0)]
    register_seconds: f64,
    /// No core is used more than this.
    #[arg(long, default_value_t = 0.6)]
    utilisation: f64,
}

/// A queue and what it can take in a second.
struct Stage {
    name: &'static str,
    per_second: f64,
    waiting: f64,
    busy: f64,
}

fn stages(args: &Args) -> Vec<Stage> {
    let cores = [
        args.worker_cores,
        args.databases * args.database_cores,
        args.broker_cores / args.copies,
    ];
    let mut stages: Vec<Stage> = COSTS
        .iter()
        .zip(cores)
        .map(|((name, many, one), cores)| {
            let cost = if args.single { one } else { many };
            stage(name, cores * 1e6 * args.utilisation / cost)
        })
        .collect();
    stages.push(stage(
        "register",
        args.register_calls * 1_000.0 / args.register_seconds,
    ));
    let gateways = args.gateways * args.gateway_rate / args.parts / args.sms.max(1e-9);
    stages.push(stage("SMS gateways", gateways));
    stages.push(stage(
        "relays",
        args.relay_rate / (1.0 - args.sms).max(1e-9),
    ));
    stages
}

const fn stage(name: &'static str, per_second: f64) -> Stage {
    Stage {
        name,
        per_second,
        waiting: 0.0,
        busy: 0.0,
    }
}

fn main() {
    let args = Args::parse();
    let mut stages = stages(&args);
    if let Some(first) = stages.first_mut() {
        first.waiting = args.people;
    }
    let (mut done, mut seconds) = (0.0, 0_u32);
    while done < args.people - 0.5 && seconds < 86_400 {
        let mut coming = 0.0;
        for stage in &mut stages {
            stage.waiting += coming;
            coming = stage.waiting.min(stage.per_second);
            stage.waiting -= coming;
            stage.busy += coming / stage.per_second;
        }
        done += coming;
        seconds += 1;
    }
    println!("{:<14} {:>12} {:>8}", "stage", "per second", "busy");
    for stage in &stages {
        let busy = 100.0 * stage.busy / f64::from(seconds.max(1));
        println!(
            "{:<14} {:>12.0} {busy:>6.0} %",
            stage.name, stage.per_second
        );
    }
    println!(
        "{done:.0} of {:.0} out after {} min {:02} s",
        args.people,
        seconds / 60,
        seconds % 60
    );
}
