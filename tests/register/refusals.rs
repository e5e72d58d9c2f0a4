//! A register that says no: to us, to an agency, or to a batch.

use std::time::Duration;

use budstikke::domain::person::PersonNumber;
use budstikke::ports::register::{ContactRegister, RegisterError};
use budstikke::sandbox::krr::KrrFault;

use crate::support::{DELEGATED, OSLO, Of, Setup, World, agencies, some, told};

/// What the pipeline does with a batch that is refused: it halves it.
async fn bisect(
    world: &World,
    persons: &[PersonNumber],
) -> Result<Vec<PersonNumber>, RegisterError> {
    let (mut poisoned, mut todo) = (Vec::new(), vec![persons]);
    while let Some(batch) = todo.pop() {
        match world.look_up(batch).await {
            Ok(_) => {}
            Err(RegisterError::Refused) if batch.len() == 1 => poisoned.extend_from_slice(batch),
            Err(RegisterError::Refused) => {
                let (left, right) = batch.split_at(batch.len() / 2);
                todo.extend([right, left]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(poisoned)
}

#[tokio::test]
async fn of_a_batch_that_is_called_wrong_the_poisoned_number_alone_is_refused() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        let persons = some(1_000);
        let poison = [persons[3].clone(), persons[700].clone()];
        world.ordinary(&persons).await;
        world.krr.turn(|knobs| {
            knobs.poisoned.extend(poison.clone());
        });
        let error = world.look_up(&persons).await.unwrap_err();
        assert!(matches!(error, RegisterError::Refused), "{error:?}");
        let found = bisect(&world, &persons).await.unwrap();
        assert_eq!(found, poison);
        assert!(world.krr.calls().count() < 50);
    }
}

#[tokio::test]
async fn a_register_that_calls_everything_wrong_refuses_nobody() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        world
            .krr
            .turn(|knobs| knobs.always = Some(KrrFault::BadRequest400));
        let error = bisect(&world, &some(1_000)).await.unwrap_err();
        assert!(
            told(&error).contains("every request wrong"),
            "{}",
            told(&error)
        );
        assert!(world.krr.calls().count() < 20);
    }
}

#[tokio::test]
async fn a_number_refused_alone_is_believed_once_the_register_takes_another() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        let persons = some(2);
        world.krr.turn(|knobs| {
            knobs.poisoned.insert(persons[1].clone());
        });
        let error = world.look_up(&persons[1..]).await.unwrap_err();
        assert!(matches!(error, RegisterError::Refused), "{error:?}");
        assert_eq!(world.krr.calls().count(), 2);
    }
}

#[tokio::test]
async fn a_403_stops_everything_for_that_organisation_and_nothing_for_others() {
    for of in Of::BOTH {
        let world = World::with(Setup {
            consumer: agencies(),
            scope: DELEGATED,
            of,
            ..Setup::default()
        })
        .await;
        world.krr.turn(|knobs| {
            knobs.shut_out.insert(OSLO.to_owned());
        });
        for _ in 0..3 {
            let error = world.ask().await.unwrap_err();
            assert!(matches!(&error, RegisterError::Forbidden(_)), "{error:?}");
            assert!(told(&error).contains("delegated"), "{error}");
        }
        assert_eq!(world.krr.calls().count(), 1);
        world.krr.turn(|knobs| knobs.shut_out.clear());
        world.clock.pass(Duration::from_secs(80));
        world.ask().await.unwrap();
    }
}

#[tokio::test]
async fn an_address_that_is_wrong_is_told_as_such() {
    for of in Of::BOTH {
        for (fault, part) in [
            (KrrFault::NotFound404, "register.krr.url"),
            (KrrFault::Moved302, "new address"),
            (KrrFault::Forbidden403, "terms of use"),
        ] {
            let world = World::of(of).await;
            world.krr.turn(|knobs| knobs.always = Some(fault));
            let error = world.ask().await.unwrap_err();
            assert!(matches!(&error, RegisterError::Forbidden(_)), "{error:?}");
            assert!(told(&error).contains(part), "{error}");
        }
    }
}

#[tokio::test]
async fn the_probe_asks_about_somebody_who_does_not_exist() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        world.register.probe().await.unwrap();
        assert_eq!(world.krr.calls().all()[0].persons, 1);
        world
            .krr
            .turn(|knobs| knobs.always = Some(KrrFault::BadRequest400));
        world.register.probe().await.unwrap();
        world
            .krr
            .turn(|knobs| knobs.always = Some(KrrFault::Error500));
        let error = world.register.probe().await.unwrap_err();
        assert!(told(&error).contains("HTTP 500"), "{}", told(&error));
    }
}

#[tokio::test]
async fn no_error_repeats_a_number_or_a_token() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        let persons = some(2);
        for fault in [
            KrrFault::Forbidden403,
            KrrFault::CutShort,
            KrrFault::Page200,
            KrrFault::Error500,
        ] {
            world.krr.turn(|knobs| knobs.next.push_back(fault));
            let error = world.look_up(&persons).await.unwrap_err();
            let text = format!("{} {error:?}", told(&error));
            for person in &persons {
                assert!(!text.contains(person.expose()), "{text}");
            }
            assert!(!text.contains("Bearer"), "{text}");
            world.clock.pass(Duration::from_secs(120));
        }
    }
}
