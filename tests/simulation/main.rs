//! Simulation: the whole fleet in one thread, many seeds. See `world/mod.rs`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unreachable_pub, reason = "its modules share what they have")]

mod world;

mod simulation {
    use super::world::run::{Keep, run};

    #[test]
    fn a_quiet_world_ends_well() {
        let report = run(1, Keep::Trace, true);
        assert!(report.violations.is_empty(), "{}\n{:#?}", report.trace.join("\n"), report.violations);
        assert!(report.wires > 0);
    }

    #[test]
    fn a_seed_gives_the_same_run_byte_for_byte() {
        for seed in 0..5 {
            let (one, two) = (run(seed, Keep::Trace, false), run(seed, Keep::Trace, false));
            assert_eq!(one.trace, two.trace, "seed {seed}");
        }
    }
}
