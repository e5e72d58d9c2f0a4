//! A register that is down: never anything about a person, and it is left in peace.

use std::time::Duration;

use budstikke::ports::register::RegisterError;
use budstikke::sandbox::krr::KrrFault;
use futures::future::join_all;

use crate::support::{Of, Setup, World, patience, pause_of, some, told};

#[tokio::test]
async fn no_fault_of_the_register_says_anything_of_a_person() {
    for of in Of::BOTH {
        let seven = Some(Duration::from_secs(7));
        for fault in [
            KrrFault::TooMany429(None),
            KrrFault::TooMany429(seven),
            KrrFault::Error500,
            KrrFault::BadGateway502,
            KrrFault::Unavailable503(seven),
            KrrFault::GatewayTimeout504,
            KrrFault::Page200,
            KrrFault::CutShort,
            KrrFault::Nobody,
            KrrFault::Hang,
            KrrFault::Reset,
        ] {
            let world = World::with(Setup {
                timeout: patience(&fault),
                of,
                ..Setup::default()
            })
            .await;
            world.krr.turn(|knobs| knobs.next.push_back(fault.clone()));
            let error = world.look_up(&some(3)).await.unwrap_err();
            let RegisterError::Unavailable { .. } = &error else {
                panic!("{fault:?}: {error:?}");
            };
            if matches!(
                fault,
                KrrFault::TooMany429(Some(_)) | KrrFault::Unavailable503(_)
            ) {
                assert!(pause_of(&error) >= Duration::from_secs(6), "{fault:?}");
            }
            world.clock.pass(Duration::from_secs(10));
            assert_eq!(world.look_up(&some(3)).await.unwrap().len(), 3, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_register_that_failed_is_left_in_peace_then_tried_by_one() {
    for of in Of::BOTH {
        let world = World::with(Setup {
            concurrency: 16,
            of,
            ..Setup::default()
        })
        .await;
        world
            .krr
            .turn(|knobs| knobs.always = Some(KrrFault::Unavailable503(None)));
        let mut pauses = Vec::new();
        for calls in 1..=8 {
            let error = world.ask().await.unwrap_err();
            pauses.push(pause_of(&error));
            // Whoever asks meanwhile is told so without a call.
            for answer in join_all((0..5).map(|_| world.ask())).await {
                assert!(told(&answer.unwrap_err()).contains("left in peace"));
            }
            assert_eq!(world.krr.calls().count(), calls);
            world
                .clock
                .pass(pause_of(&error) + Duration::from_millis(1));
        }
        assert!(pauses[0] <= Duration::from_millis(500), "{pauses:?}");
        assert!(pauses[7] >= Duration::from_secs(30), "{pauses:?}");
        assert!(
            pauses.iter().all(|one| *one <= Duration::from_secs(60)),
            "{pauses:?}"
        );

        // It is back: the first who asks finds out, the others are let through after that.
        world.krr.turn(|knobs| {
            knobs.always = None;
            knobs.latency = Duration::from_millis(100);
        });
        let answers = join_all((0..10).map(|_| world.ask())).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let answers = join_all((0..10).map(|_| world.ask())).await;
        assert!(answers.iter().all(Result::is_ok));
    }
}

#[tokio::test]
async fn an_hour_is_the_most_that_the_register_can_ask_for() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        let day = Some(Duration::from_hours(24));
        world
            .krr
            .turn(|knobs| knobs.next.push_back(KrrFault::TooMany429(day)));
        let pause = pause_of(&world.ask().await.unwrap_err());
        assert_eq!(pause, Duration::from_hours(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_flight_and_calls_a_second_are_bounded() {
    for of in Of::BOTH {
        let world = World::with(Setup {
            concurrency: 3,
            of,
            ..Setup::default()
        })
        .await;
        world
            .krr
            .turn(|knobs| knobs.latency = Duration::from_millis(20));
        let answers = join_all((0..30).map(|_| world.ask())).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(world.krr.calls().most_in_flight(), 3);

        let world = World::with(Setup {
            concurrency: 16,
            rate: 50.0,
            of,
            ..Setup::default()
        })
        .await;
        let started = std::time::Instant::now();
        join_all((0..11).map(|_| world.ask())).await;
        assert!(started.elapsed() >= Duration::from_millis(200));
    }
}

#[tokio::test]
async fn a_lookup_that_nobody_waits_for_any_more_leaves_nothing_locked() {
    for of in Of::BOTH {
        let world = World::with(Setup {
            concurrency: 1,
            of,
            ..Setup::default()
        })
        .await;
        world.krr.turn(|knobs| knobs.next.push_back(KrrFault::Hang));
        let given_up = tokio::time::timeout(Duration::from_millis(200), world.ask()).await;
        assert!(given_up.is_err());
        world.ask().await.unwrap();
    }
}
