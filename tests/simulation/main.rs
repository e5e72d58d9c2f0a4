//! Simulation: the whole fleet in one thread, hundreds of seeds. See `world/mod.rs`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unreachable_pub, reason = "its modules share what they have")]

mod world;

mod simulation {
    use std::collections::BTreeMap;

    use super::world::run::{Keep, Report, run};

    /// What must have happened in every hundred seeds, or they show nothing (I-17).
    const SOMETIMES: &[&str] = &[
        "acknowledgement lost",
        "batch refused by the register",
        "confirm lost after publishing",
        "dead worker found",
        "event not published: the broker is away",
        "fallback",
        "fenced write",
        "intents abandoned",
        "job cancelled",
        "message delivered again",
        "no answer from a gateway",
        "open try of a dead worker",
        "receipt parked",
        "receipt refused for now",
        "register away",
        "register entry changed",
        "repeated job",
        "second slot",
        "slot given up",
        "store call lost before its effect",
        "store call with its answer lost",
        "traffic stopped",
        "wall clock jumped",
        "worker killed",
        "worker killed before it knew of its commit",
        "worker paused",
        "worker stopped",
        "worker taken for dead",
    ];

    fn replay(seed: u64) -> String {
        format!("replay: cargo run --release --example simulate -- --trace --seed {seed}")
    }

    fn campaign(seeds: std::ops::Range<u64>) {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for seed in seeds {
            let Report {
                violations,
                counts: of_seed,
                ..
            } = run(seed, Keep::Digest, false);
            assert!(
                violations.is_empty(),
                "seed {seed}: {violations:#?}\n{}",
                replay(seed)
            );
            for (what, count) in of_seed {
                *counts.entry(what).or_default() += count;
            }
        }
        let never: Vec<_> = SOMETIMES
            .iter()
            .filter(|what| !counts.contains_key(**what))
            .collect();
        assert!(never.is_empty(), "never happened: {never:?}\n{counts:#?}");
    }

    #[test]
    fn a_quiet_world_ends_well() {
        let report = run(1, Keep::Trace, true);
        let trace = report.trace.join("\n");
        assert!(
            report.violations.is_empty(),
            "{trace}\n{:#?}",
            report.violations
        );
        assert!(report.wires > 0 && report.steps > 0 && report.lasted > 0);
    }

    #[test]
    fn a_seed_gives_the_same_run_byte_for_byte() {
        for seed in 10_000..10_008 {
            let (one, two) = (run(seed, Keep::Trace, false), run(seed, Keep::Trace, false));
            let differs = one
                .trace
                .iter()
                .zip(&two.trace)
                .find(|(one, two)| one != two);
            assert_eq!(differs, None, "{}", replay(seed));
            assert_eq!(one.digest, two.digest, "{}", replay(seed));
        }
    }

    #[test]
    fn the_invariants_hold_in_the_first_quarter_of_the_seeds() {
        campaign(0..125);
    }

    #[test]
    fn the_invariants_hold_in_the_second_quarter_of_the_seeds() {
        campaign(125..250);
    }

    #[test]
    fn the_invariants_hold_in_the_third_quarter_of_the_seeds() {
        campaign(250..375);
    }

    #[test]
    fn the_invariants_hold_in_the_fourth_quarter_of_the_seeds() {
        campaign(375..500);
    }
}
