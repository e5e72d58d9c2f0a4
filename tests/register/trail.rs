//! What the client tells of calls that left us and brought nothing: the audit's share.

use budstikke::domain::audit::Found;
use budstikke::domain::person::PersonNumber;
use budstikke::ports::register::{ContactRegister, LookedUp, RegisterError};
use budstikke::sandbox::krr::{CONTACT_FIELDS, KrrFault, Profile};
use budstikke::sandbox::maskinporten::TokenFault;

use crate::support::{Book, Of, Setup, World, inquiry, patience, some};

/// How often calls carried each of `persons` in vain; the same for all of them.
fn in_vain(told: &LookedUp, persons: &[PersonNumber]) -> usize {
    let times = |person: &PersonNumber| {
        let row = (person.clone(), Found::NoAnswer);
        told.besides.iter().filter(|one| **one == row).count()
    };
    let counts: Vec<usize> = persons.iter().map(times).collect();
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    assert_eq!(told.besides.len(), counts[0] * persons.len());
    counts[0]
}

#[tokio::test]
async fn a_call_that_brought_no_answer_is_told_once_and_one_that_was_not_made_is_not() {
    for of in Of::BOTH {
        let persons = some(3);
        for fault in [
            KrrFault::Forbidden403,
            KrrFault::BadRequest400,
            KrrFault::TooMany429(None),
            KrrFault::Error500,
            KrrFault::BadGateway502,
            KrrFault::Unavailable503(None),
            KrrFault::GatewayTimeout504,
            KrrFault::Moved302,
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
            let told = world.tell(&persons).await;
            assert!(told.failed.is_some() && told.contacts.is_empty());
            assert_eq!(in_vain(&told, &persons), 1, "{fault:?}");
            assert_eq!(world.book.calls()[0], persons, "{fault:?}");
            let written = world.book.calls().len();
            if matches!(fault, KrrFault::BadRequest400 | KrrFault::Nobody) {
                continue;
            }
            // The register is left in peace now: nothing leaves us.
            let calls = world.krr.calls().count();
            let told = world.tell(&persons).await;
            assert!(told.failed.is_some(), "{fault:?}");
            assert_eq!(told.besides, [], "{fault:?}");
            assert_eq!(world.krr.calls().count(), calls, "{fault:?}");
            assert_eq!(world.book.calls().len(), written, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_call_with_a_token_that_was_refused_counts_like_any_other() {
    for of in Of::BOTH {
        let persons = some(3);
        let world = World::of(of).await;
        world
            .krr
            .turn(|knobs| knobs.next.push_back(KrrFault::Unauthorized401));
        let told = world.tell(&persons).await;
        assert_eq!((told.contacts.len(), in_vain(&told, &persons)), (3, 1));

        world
            .krr
            .turn(|knobs| knobs.always = Some(KrrFault::Unauthorized401));
        let told = world.tell(&persons).await;
        assert_eq!((told.contacts.len(), in_vain(&told, &persons)), (0, 2));
        let every_call = vec![persons; world.krr.calls().count()];
        assert_eq!(world.book.calls(), every_call);
    }
}

#[tokio::test]
async fn without_a_token_or_a_connection_nothing_leaves_us() {
    for of in Of::BOTH {
        let persons = some(3);
        let world = World::of(of).await;
        world
            .maskinporten
            .turn(|knobs| knobs.next.push_back(TokenFault::Error500));
        let told = world.tell(&persons).await;
        assert!(told.failed.is_some());
        assert_eq!(told.besides, []);
        assert!(world.book.calls().is_empty());

        let world = World::of(of).await;
        let World {
            register,
            krr,
            maskinporten: _living,
            ..
        } = world;
        krr.stop().await;
        let (inquiry, book) = (inquiry("oslo"), Book::default());
        let told = register.lookup(&inquiry, &persons, &book).await;
        assert!(told.failed.is_some());
        assert_eq!(told.besides, []);
    }
}

#[tokio::test]
async fn whoever_is_left_out_of_an_answer_is_told_of_that_call_too() {
    for of in Of::BOTH {
        let persons = some(4);
        let world = World::of(of).await;
        world.ordinary(&persons).await;
        world
            .krr
            .turn(|knobs| knobs.next.push_back(KrrFault::HalfLeftOut));
        let told = world.tell(&persons).await;
        assert_eq!(told.contacts.len(), 4);
        assert_eq!(told.besides.len(), 2);
        assert!(
            told.besides
                .iter()
                .all(|(_, found)| *found == Found::NoAnswer)
        );
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_written_down_is_not_made() {
    for of in Of::BOTH {
        let persons = some(4);
        let world = World::with(Setup {
            batch: 2,
            of,
            ..Setup::default()
        })
        .await;
        world.ordinary(&persons).await;
        let (inquiry, book) = (inquiry("oslo"), Book::of_calls(1));
        let told = world.register.lookup(&inquiry, &persons, &book).await;
        assert!(matches!(told.failed, Some(RegisterError::Unwritten(_))));
        assert_eq!((told.contacts.len(), told.besides), (2, vec![]));
        assert_eq!(world.krr.calls().count(), 1);
        assert_eq!(book.calls(), [&persons[..2]]);
        // It says nothing of the register, which is asked again as soon as it can be written down.
        assert_eq!(world.look_up(&persons).await.unwrap().len(), 4);
        assert_eq!(world.book.calls(), [&persons[..2], &persons[2..]]);
    }
}

#[tokio::test]
async fn what_was_answered_before_a_call_failed_is_kept() {
    for of in Of::BOTH {
        let persons = some(4);
        let world = World::with(Setup {
            batch: 2,
            of,
            ..Setup::default()
        })
        .await;
        world.krr.turn(|knobs| {
            knobs.poisoned.insert(persons[3].clone());
        });
        let told = world.tell(&persons).await;
        assert!(matches!(told.failed, Some(RegisterError::Refused)));
        assert_eq!(told.contacts.len(), 2);
        assert_eq!(in_vain(&told, &persons[2..]), 1);
    }
}

#[tokio::test]
async fn what_may_not_be_used_is_told_all_the_same() {
    for of in Of::BOTH {
        let persons = [PersonNumber::synthetic(1), Profile::NotRegistered.number()];
        let world = World::of(of).await;
        world.ordinary(&persons[..1]).await;
        world
            .krr
            .turn(|knobs| knobs.next.push_back(KrrFault::Without(&CONTACT_FIELDS)));
        let told = world.tell(&persons).await;
        assert!(matches!(told.failed, Some(RegisterError::Forbidden(_))));
        assert!(told.contacts.is_empty());
        let mut said = told.besides;
        said.sort_unstable_by_key(|(_, found)| found.as_str());
        assert_eq!(
            said,
            [
                (persons[0].clone(), Found::Active),
                (persons[1].clone(), Found::NotRegistered)
            ]
        );
    }
}

#[tokio::test]
async fn a_number_refused_alone_is_an_answer_unless_everything_is_refused() {
    for of in Of::BOTH {
        let person = [PersonNumber::synthetic(1)];
        let world = World::of(of).await;
        world.krr.turn(|knobs| {
            knobs.poisoned.insert(person[0].clone());
        });
        let told = world.tell(&person).await;
        assert!(matches!(told.failed, Some(RegisterError::Refused)));
        assert_eq!(told.besides, []);

        let world = World::of(of).await;
        world
            .krr
            .turn(|knobs| knobs.always = Some(KrrFault::BadRequest400));
        let told = world.tell(&person).await;
        assert!(matches!(
            told.failed,
            Some(RegisterError::Unavailable { .. })
        ));
        assert_eq!(in_vain(&told, &person), 1);
    }
}
