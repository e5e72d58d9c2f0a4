//! Signed answers.

use std::time::Duration;

use budstikke::sandbox::krr::{KrrFault, Others};

use crate::support::{Of, Setup, World, some, told};

async fn world(of: Of) -> World {
    let world = World::with(Setup {
        signed: true,
        of,
        ..Setup::default()
    })
    .await;
    world.krr.turn(|knobs| knobs.others = Others::Ordinary);
    world
}

#[tokio::test]
async fn a_signed_answer_is_read_like_any_other() {
    let world = world(Of::Fake).await;
    assert_eq!(world.look_up(&some(1_000)).await.unwrap().len(), 1_000);
    assert_eq!(world.krr.calls().all()[0].accept, "application/jose");

    let world = World::with(Setup {
        signed: true,
        of: Of::Table,
        ..Setup::default()
    })
    .await;
    assert_eq!(world.look_up(&some(1_000)).await.unwrap().len(), 1_000);
}

#[tokio::test]
async fn forged_and_unsigned_answers_are_not_believed() {
    for of in Of::BOTH {
        for (fault, part) in [
            (KrrFault::ForgedSignature, "signature that does not fit"),
            (KrrFault::Unsigned, "unsigned"),
            (KrrFault::Page200, "unsigned"),
        ] {
            let world = world(of).await;
            world.krr.turn(|knobs| knobs.next.push_back(fault));
            let error = world.ask().await.unwrap_err();
            assert!(told(&error).contains(part), "{}", told(&error));
        }
    }
}

#[tokio::test]
async fn a_new_key_of_the_register_is_found_but_not_sought_more_than_once_a_minute() {
    let world = world(Of::Fake).await;
    world.ask().await.unwrap();
    world.krr.rotate_keys().unwrap();
    let error = world.ask().await.unwrap_err();
    assert!(
        told(&error).contains("not in the key set"),
        "{}",
        told(&error)
    );
    world.clock.pass(Duration::from_secs(61));
    world.ask().await.unwrap();
    world.krr.rotate_keys().unwrap();
    world.clock.pass(Duration::from_secs(61));
    world.ask().await.unwrap();
}
