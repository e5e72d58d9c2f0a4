//! Tokens: how many are asked for, and what refusals tell.

use std::time::Duration;

use budstikke::adapters::jose::wire::RsaAlgorithm;
use budstikke::ports::register::{ContactRegister, RegisterError};
use budstikke::sandbox::krr::KrrFault;
use budstikke::sandbox::maskinporten::TokenFault;
use futures::future::join_all;

use crate::support::{BERGEN, DELEGATED, OSLO, Of, Setup, World, agencies, inquiry, some, told};

#[tokio::test(flavor = "multi_thread")]
async fn one_token_is_fetched_for_many_waiters() {
    let world = World::with(Setup {
        concurrency: 64,
        ..Setup::default()
    })
    .await;
    world
        .maskinporten
        .turn(|knobs| knobs.latency = Duration::from_millis(50));
    let answers = join_all((0..100).map(|_| world.ask())).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.maskinporten.requests(), 1);
    assert_eq!(world.krr.calls().count(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_to_all_who_waited_for_it() {
    let world = World::new().await;
    world.maskinporten.turn(|knobs| {
        knobs.latency = Duration::from_millis(50);
        knobs.next.push_back(TokenFault::Error500);
    });
    let answers = join_all((0..20).map(|_| world.ask())).await;
    for answer in answers {
        let error = answer.unwrap_err();
        assert!(told(&error).contains("HTTP 500"), "{}", told(&error));
    }
    assert_eq!(world.maskinporten.requests(), 1);
    world.clock.pass(Duration::from_secs(2));
    world.ask().await.unwrap();
}

#[tokio::test]
async fn every_digest_and_both_ways_to_name_the_key_are_taken() {
    for algorithm in [
        RsaAlgorithm::Rs256,
        RsaAlgorithm::Rs384,
        RsaAlgorithm::Rs512,
    ] {
        for by_certificate in [false, true] {
            let world = World::with(Setup {
                algorithm,
                by_certificate,
                ..Setup::default()
            })
            .await;
            world.ask().await.unwrap();
        }
    }
}

#[tokio::test]
async fn whoever_sends_for_an_agency_asks_in_its_name_and_needs_its_delegation() {
    for of in Of::BOTH {
        let world = World::with(Setup {
            consumer: agencies(),
            scope: DELEGATED,
            of,
            ..Setup::default()
        })
        .await;
        world.ask().await.unwrap();
        world.ask().await.unwrap();
        let calls = world.krr.calls().all();
        assert!(
            calls
                .iter()
                .all(|call| call.consumer.as_deref() == Some(OSLO))
        );
        assert_eq!(world.maskinporten.granted(), 1);

        // Bergen has delegated nothing, which is not Oslo's concern.
        let ask = async |agency| {
            let (register, book) = (&world.register, &world.book);
            register.lookup(&inquiry(agency), &some(1), book).await
        };
        let refused = ask("bergen").await;
        let error = refused.whole().unwrap_err();
        assert!(told(&error).contains("MP-251"), "{error}");
        assert!(told(&error).contains("delegated"), "{error}");
        world.ask().await.unwrap();

        let unknown = ask("stavanger").await;
        assert!(told(&unknown.whole().unwrap_err()).contains("stavanger"));
        assert_ne!(OSLO, BERGEN);
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_the_old_one_serves_if_that_fails() {
    let world = World::new().await;
    world.ask().await.unwrap();
    world.clock.pass(Duration::from_secs(300));
    world.ask().await.unwrap();
    assert_eq!(world.maskinporten.requests(), 1);

    // 96 % of its life: renewal is due, the token is good.
    world.clock.pass(Duration::from_secs(275));
    world
        .maskinporten
        .turn(|knobs| knobs.next.push_back(TokenFault::Error500));
    world.ask().await.unwrap();
    world.ask().await.unwrap();
    assert_eq!(world.maskinporten.requests(), 2);
    assert_eq!(world.maskinporten.granted(), 1);

    world.clock.pass(Duration::from_secs(10));
    world.ask().await.unwrap();
    assert_eq!(world.maskinporten.granted(), 2);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        world.ask().await.unwrap();
        world.maskinporten.tokens().withdraw_all();
        world.ask().await.unwrap();
        assert_eq!(world.maskinporten.granted(), 2);
        let statuses: Vec<u16> = world
            .krr
            .calls()
            .all()
            .iter()
            .map(|call| call.status)
            .collect();
        assert_eq!(statuses, [200, 401, 200]);
    }
}

#[tokio::test]
async fn a_register_that_takes_no_token_at_all_is_not_asked_again_for_a_minute() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        world
            .krr
            .turn(|knobs| knobs.always = Some(KrrFault::Unauthorized401));
        let error = world.ask().await.unwrap_err();
        assert!(matches!(&error, RegisterError::Forbidden(_)), "{error:?}");
        assert!(told(&error).contains("environment"), "{error}");
        assert!(world.ask().await.is_err());
        assert_eq!(world.krr.calls().count(), 2);
        assert_eq!(world.maskinporten.granted(), 2);

        world.krr.turn(|knobs| knobs.always = None);
        world.clock.pass(Duration::from_secs(80));
        world.ask().await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_maskinportens_own() {
    for ahead in [300, -300] {
        let world = World::new().await;
        world.maskinporten.turn(|knobs| knobs.clock_ahead = ahead);
        world.ask().await.unwrap();
        assert_eq!(world.maskinporten.requests(), 2, "{ahead}");
        // It is known from now on.
        world.maskinporten.tokens().withdraw_all();
        world.ask().await.unwrap();
        assert_eq!(world.maskinporten.requests(), 3, "{ahead}");
    }
}

#[tokio::test]
async fn a_refusal_tells_the_operator_what_to_do_and_is_not_repeated_at_once() {
    let world = World::new().await;
    world
        .maskinporten
        .turn(|knobs| knobs.next.push_back(TokenFault::Refused("MP-250".into())));
    for _ in 0..5 {
        let error = world.ask().await.unwrap_err();
        assert!(matches!(&error, RegisterError::Forbidden(_)), "{error:?}");
        assert!(told(&error).contains("apply to Digdir"), "{error}");
    }
    assert_eq!(world.maskinporten.requests(), 1);
    assert_eq!(world.krr.calls().count(), 0);
    world.clock.pass(Duration::from_secs(31));
    world.ask().await.unwrap();
}

#[tokio::test]
async fn no_fault_of_maskinporten_says_anything_of_a_person() {
    for fault in [
        TokenFault::Error500,
        TokenFault::Unavailable503(Some(Duration::from_secs(7))),
        TokenFault::TooMany429(Some(Duration::from_secs(7))),
        TokenFault::Page200,
        TokenFault::Hang,
        TokenFault::Reset,
    ] {
        let world = World::with(Setup {
            timeout: Duration::from_millis(300),
            ..Setup::default()
        })
        .await;
        world
            .maskinporten
            .turn(|knobs| knobs.next.push_back(fault.clone()));
        let error = world.ask().await.unwrap_err();
        let RegisterError::Unavailable { retry_after, .. } = &error else {
            panic!("{fault:?}: {error:?}");
        };
        let asks = matches!(
            fault,
            TokenFault::Unavailable503(_) | TokenFault::TooMany429(_)
        );
        let asked = asks.then(|| Duration::from_secs(7));
        assert_eq!(*retry_after, asked, "{fault:?}");
        world.clock.pass(Duration::from_secs(8));
        world.ask().await.unwrap();
    }
}
