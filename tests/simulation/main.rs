//! Simulation: the whole fleet in one thread, hundreds of seeds. See `world/mod.rs`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unreachable_pub, reason = "its modules share what they have")]

mod world;

mod simulation {
    use std::collections::{BTreeMap, BTreeSet};

    use super::world::aim::{CALLS, Fate};
    use super::world::processor;
    use super::world::run::{Keep, Report, run};
    use super::world::scene::Scene;

    /// What must have happened in every hundred seeds, or they show nothing (I-17).
    const SOMETIMES: &[&str] = &[
        "acknowledgement lost",
        "batch refused by the register",
        "cancel that overtook its job",
        "confirm lost after publishing",
        "dead worker found",
        "event not published: the broker is away",
        "event refused by a full queue",
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
        "store's clock set back",
        "store's clock set forward",
        "traffic stopped",
        "wall clock jumped",
        "worker killed",
        "worker killed before it knew of its commit",
        "worker paused",
        "worker stopped",
        "worker taken for dead",
    ];

    /// Calls that are made so seldom that a quarter of the seeds need not meet each of their fates.
    const RARE: &[&str] = &["mark_opened", "tell"];

    /// What was aimed at never came.
    const MISSED: &str = "aim that met nothing";

    fn replay(seed: u64) -> String {
        format!("replay: cargo run --release --example simulate -- --trace --seed {seed}")
    }

    /// Each of the tests that run at the same time on a processor of its own. Only nextest tells
    /// which they are.
    fn spread() {
        let slot = std::env::var("NEXTEST_TEST_GLOBAL_SLOT").ok();
        if let Some(slot) = slot.and_then(|slot| slot.parse().ok()) {
            processor::stay_on_one(slot);
        }
    }

    fn campaign(seeds: std::ops::Range<u64>) {
        spread();
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        let mut all: BTreeSet<(&str, Fate)> = BTreeSet::new();
        for seed in seeds {
            let Report {
                violations,
                counts: of_seed,
                met,
                ..
            } = run(seed, Keep::Digest, Scene::Storm);
            all.extend(met.into_keys());
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
        let each = CALLS
            .iter()
            .flat_map(|call| Fate::ALL.map(|fate| (*call, fate)));
        let unmet: Vec<_> = each
            .filter(|one| !all.contains(one) && !RARE.contains(&one.0))
            .collect();
        assert!(unmet.is_empty(), "no call to the store met: {unmet:?}");
    }

    /// Plays seeds of a scene that shows one thing.
    fn shows(scene: Scene, seeds: std::ops::Range<u64>, sometimes: &[&str]) {
        spread();
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for seed in seeds {
            let report = run(seed, Keep::Trace, scene);
            let trace = report.trace.join("\n");
            assert!(
                report.violations.is_empty(),
                "{trace}\n{scene:?}, seed {seed}: {:#?}",
                report.violations
            );
            assert!(report.wires > 0, "{trace}\nnothing was sent");
            assert!(!report.counts.contains_key(MISSED), "{trace}");
            for (what, count) in report.counts {
                *counts.entry(what).or_default() += count;
            }
        }
        for what in sometimes {
            assert!(
                counts.contains_key(what),
                "never happened: {what}\n{counts:#?}"
            );
        }
    }

    #[test]
    fn an_answer_of_the_register_that_grows_too_old_during_a_slow_commit_is_not_sent_on() {
        shows(Scene::SlowIntent, 0..6, &[]);
    }

    #[test]
    fn an_answer_about_slots_that_came_too_late_does_not_delay_the_next() {
        shows(Scene::LateAnswer, 0..6, &[]);
    }

    #[test]
    fn what_a_claim_took_whose_answer_was_lost_is_found_while_its_worker_lives() {
        shows(Scene::LostClaim, 0..6, &["stray claims found"]);
    }

    #[test]
    fn a_worker_whose_own_clock_is_off_goes_by_the_stores_from_its_first_job_on() {
        for seed in 0..6 {
            let report = run(seed, Keep::Trace, Scene::OwnClock);
            let trace = report.trace.join("\n");
            assert!(report.violations.is_empty(), "{trace}");
            assert!(report.wires > 8, "{trace}\nthe job was not sent");
        }
    }

    #[test]
    fn two_agencies_with_a_backlog_share_every_minute_while_workers_die() {
        shows(Scene::Crowd, 0..4, &["worker killed"]);
    }

    #[test]
    fn an_agency_that_does_not_read_its_events_is_offered_few_and_gets_all_of_them_later() {
        for seed in 0..6 {
            let report = run(seed, Keep::Trace, Scene::FullQueue);
            let trace = report.trace.join("\n");
            assert!(report.violations.is_empty(), "{trace}");
            let refused = report.counts.get("event refused by a full queue");
            // Its 42 once at most, and then a few every time that it is asked, some eight times.
            let is_few = refused.is_some_and(|refused| (16..=42 + 10 * 16).contains(refused));
            assert!(is_few, "{trace}\n{refused:?} events were refused");
        }
    }

    #[test]
    fn a_quiet_world_ends_well() {
        let report = run(1, Keep::Trace, Scene::Calm);
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
        spread();
        for seed in 10_000..10_008 {
            let (one, two) = (
                run(seed, Keep::Trace, Scene::Storm),
                run(seed, Keep::Trace, Scene::Storm),
            );
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
