//! What is read out of answers.

use std::time::Duration;

use budstikke::domain::contact::{Contact, Notifiable, Registration};
use budstikke::domain::kinds::{Channel, Language};
use budstikke::domain::person::PersonNumber;
use budstikke::domain::time::Timestamp;
use budstikke::ports::clock::Clock as _;
use budstikke::ports::register::{ContactRegister, RegisterError};
use budstikke::sandbox::krr::{CONTACT_FIELDS, KrrFault, Person, Profile, mobile_of};

use crate::support::{Book, Of, Setup, World, inquiry, some, told};

/// What both channels hold: nothing, a usable address, or a text that is none.
fn channels(contact: &Contact) -> (Option<bool>, Option<bool>) {
    (
        contact.mobile.as_ref().map(|one| one.address.is_ok()),
        contact.email.as_ref().map(|one| one.address.is_ok()),
    )
}

/// Whether each channel was changed or confirmed within 18 months, nearly.
fn fresh(contact: &Contact, now: Timestamp) -> (bool, bool) {
    let limit = Duration::from_hours(24 * 30 * 18);
    let is_fresh = |channel| {
        contact
            .freshest(channel)
            .is_some_and(|at| now.since(at) < limit)
    };
    (is_fresh(Channel::Sms), is_fresh(Channel::Email))
}

async fn profiles(register: &dyn ContactRegister) -> Vec<(Profile, Contact)> {
    let numbers: Vec<PersonNumber> = Profile::ALL.iter().map(|one| one.number()).collect();
    let contacts = register
        .lookup(&inquiry("oslo"), &numbers, &Book::default())
        .await;
    let contacts = contacts.whole().unwrap();
    assert_eq!(contacts.len(), numbers.len());
    let of = |profile: &Profile| {
        let number = profile.number();
        let mut found = contacts.iter().filter(|one| one.person == number);
        let contact = found.next().expect("an answer for everybody").clone();
        assert_eq!(found.next(), None);
        (*profile, contact)
    };
    Profile::ALL.iter().map(of).collect()
}

#[tokio::test]
async fn every_documented_profile_is_read_as_the_documentation_says() {
    use Notifiable::{No, Yes};
    use Registration::{Active, Deleted, NotRegistered, Other};
    let (usable, unusable, none) = (Some(true), Some(false), None);
    let mut found = Vec::new();
    for of in Of::BOTH {
        let world = World::of(of).await;
        found.extend(profiles(world.register.as_ref()).await);
        assert_eq!(world.krr.calls().count(), 1);
    }
    for (profile, contact) in found {
        let (registration, reserved, notifiable, both) = match profile {
            Profile::MobileEmailMailbox
            | Profile::MobileEmail
            | Profile::Reset
            | Profile::StaleMobile
            | Profile::StaleEmail
            | Profile::ConfirmedLately
            | Profile::Shared
            | Profile::Nynorsk
            | Profile::English
            | Profile::Sami
            | Profile::Abroad => (Active, false, Yes, (usable, usable)),
            Profile::MobileOnly => (Active, false, Yes, (usable, none)),
            Profile::EmailOnly => (Active, false, Yes, (none, usable)),
            Profile::Deleted => (Deleted, false, No, (none, none)),
            Profile::NotRegistered => (NotRegistered, false, No, (none, none)),
            Profile::Expired | Profile::NotNotifiable => (Active, false, No, (usable, usable)),
            Profile::Reserved => (Active, true, No, (usable, usable)),
            Profile::NoAddress => (Active, false, No, (none, none)),
            Profile::Blanks => (Active, false, Yes, (none, none)),
            Profile::UnknownCodes => (Other, true, No, (usable, usable)),
            Profile::Unusable => (Active, false, Yes, (unusable, unusable)),
        };
        let name = profile.as_str();
        assert_eq!(contact.registration, registration, "{name}");
        assert_eq!(contact.reserved, reserved, "{name}");
        assert_eq!(contact.notifiable, notifiable, "{name}");
        assert_eq!(channels(&contact), both, "{name}");
        let language = match profile {
            Profile::Nynorsk => Some(Language::Nn),
            Profile::English => Some(Language::En),
            Profile::Sami => Some(Language::Se),
            Profile::Deleted | Profile::NotRegistered | Profile::Blanks | Profile::UnknownCodes => {
                None
            }
            Profile::MobileEmailMailbox
            | Profile::MobileEmail
            | Profile::MobileOnly
            | Profile::EmailOnly
            | Profile::Expired
            | Profile::Reset
            | Profile::Reserved
            | Profile::StaleMobile
            | Profile::StaleEmail
            | Profile::ConfirmedLately
            | Profile::Shared
            | Profile::NoAddress
            | Profile::Abroad
            | Profile::Unusable
            | Profile::NotNotifiable => Some(Language::Nb),
        };
        assert_eq!(contact.language, language, "{name}");
        let shared = contact.mobile.as_ref().is_some_and(|one| one.shared);
        assert_eq!(shared, profile == Profile::Shared, "{name}");
    }
}

#[tokio::test]
async fn each_channel_carries_its_own_dates_in_either_shape() {
    for of in Of::BOTH {
        each_channel_of(of).await;
    }
}

async fn each_channel_of(of: Of) {
    let world = World::of(of).await;
    let now = world.clock.now();
    for (profile, contact) in profiles(world.register.as_ref()).await {
        let expected = [
            (Profile::Expired, (false, false)),
            (Profile::StaleMobile, (false, true)),
            (Profile::StaleEmail, (true, false)),
            (Profile::ConfirmedLately, (true, true)),
            (Profile::MobileEmail, (true, true)),
            (Profile::Reserved, (true, true)),
        ];
        let Some((_, expected)) = expected.iter().find(|(one, _)| *one == profile) else {
            continue;
        };
        assert_eq!(fresh(&contact, now), *expected, "{}", profile.as_str());
        let mobile = contact.mobile.unwrap();
        assert!(mobile.updated.is_some() && mobile.verified.is_some());
    }
    // Both shapes are among ordinary people, and nobody lacks a date.
    world.ordinary(&some(50)).await;
    for contact in world.look_up(&some(50)).await.unwrap() {
        assert_eq!(fresh(&contact, now), (true, true));
    }
}

#[tokio::test]
async fn answers_are_matched_by_number_whatever_their_order() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        let persons = some(1_000);
        world.ordinary(&persons).await;
        let contacts = world.look_up(&persons).await.unwrap();
        assert_eq!(contacts.len(), 1_000);
        for contact in &contacts {
            let mobile = contact.mobile.as_ref().unwrap().address.as_ref().unwrap();
            assert_eq!(mobile.expose(), mobile_of(&contact.person));
        }
        assert_eq!(world.krr.calls().count(), 1);
    }
}

#[tokio::test]
async fn whom_nobody_registered_is_not_registered() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        world.ordinary(&[]).await;
        let nobody = [Profile::NotRegistered.number()];
        let contacts = world.look_up(&nobody).await.unwrap();
        assert_eq!(contacts, [Contact::not_registered(nobody[0].clone())]);
    }
}

#[tokio::test]
async fn calls_are_no_larger_than_configured() {
    for of in Of::BOTH {
        let world = World::with(Setup {
            batch: 10,
            of,
            ..Setup::default()
        })
        .await;
        assert_eq!(world.look_up(&some(25)).await.unwrap().len(), 25);
        let sizes: Vec<usize> = world
            .krr
            .calls()
            .all()
            .iter()
            .map(|one| one.persons)
            .collect();
        assert_eq!(sizes, [10, 10, 5]);
    }
}

#[tokio::test]
async fn who_is_left_out_of_an_answer_is_asked_about_once_more_before_they_count_as_unknown() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        world.ordinary(&some(10)).await;
        world
            .krr
            .turn(|knobs| knobs.next.push_back(KrrFault::HalfLeftOut));
        let contacts = world.look_up(&some(10)).await.unwrap();
        assert_eq!(contacts.len(), 10);
        assert!(
            contacts
                .iter()
                .all(|one| one.registration == Registration::Active)
        );
        assert_eq!(world.krr.calls().count(), 2);

        let silent = some(3).remove(2);
        world.krr.turn(|knobs| {
            knobs.left_out.insert(silent.clone());
        });
        let contacts = world.look_up(&some(3)).await.unwrap();
        for contact in contacts {
            let expected = if contact.person == silent {
                Registration::NotRegistered
            } else {
                Registration::Active
            };
            assert_eq!(contact.registration, expected);
        }
    }
}

#[tokio::test]
async fn an_answer_that_holds_nobody_is_no_answer() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        world
            .krr
            .turn(|knobs| knobs.always = Some(KrrFault::Nobody));
        let error = world.look_up(&some(5)).await.unwrap_err();
        assert!(
            told(&error).contains("none of those asked about"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn strangers_in_an_answer_are_not_passed_on_and_contradictions_fail_closed() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        world.ordinary(&some(3)).await;
        world.krr.turn(|knobs| {
            knobs
                .next
                .extend([KrrFault::Stranger, KrrFault::Contradiction]);
        });
        let persons = some(3);
        let contacts = world.look_up(&persons).await.unwrap();
        assert_eq!(contacts.len(), 3);
        assert!(contacts.iter().all(|one| persons.contains(&one.person)));
        for contact in world.look_up(&persons).await.unwrap() {
            assert!(contact.reserved && contact.mobile.is_none());
            assert_eq!(contact.registration, Registration::Other);
        }
    }
}

#[tokio::test]
async fn a_blank_reservation_or_status_fails_closed() {
    let world = World::new().await;
    let numbers = some(3);
    let ordinary = |at: usize| Person::ordinary(numbers[at].clone());
    world.krr.add(ordinary(0).with("reservasjon", ""));
    world.krr.add(ordinary(1).with("status", " "));
    world.krr.add(ordinary(2).with("varslingsstatus", ""));
    for contact in world.look_up(&numbers).await.unwrap() {
        match numbers.iter().position(|number| *number == contact.person) {
            Some(0) => assert!(contact.reserved),
            Some(1) => assert_eq!(contact.registration, Registration::Other),
            _ => assert_eq!(contact.notifiable, Notifiable::No),
        }
    }
}

#[tokio::test]
async fn an_answer_without_reservation_status_or_verdict_fails_closed() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        world.ordinary(&some(3)).await;
        world.krr.turn(|knobs| {
            knobs.next.extend([
                KrrFault::Without(&["reservasjon"]),
                KrrFault::Without(&["status"]),
                KrrFault::Without(&["varslingsstatus"]),
            ]);
        });
        let contacts = world.look_up(&some(3)).await.unwrap();
        assert!(contacts.iter().all(|one| one.reserved));
        let contacts = world.look_up(&some(3)).await.unwrap();
        let unknown = |one: &Contact| one.registration == Registration::Other;
        assert!(contacts.iter().all(unknown));
        let contacts = world.look_up(&some(3)).await.unwrap();
        assert!(contacts.iter().all(|one| one.notifiable == Notifiable::No));
    }
}

#[tokio::test]
async fn addresses_missing_for_lack_of_scope_are_told_from_people_without_addresses() {
    for of in Of::BOTH {
        without_scope(of).await;
    }
}

async fn without_scope(of: Of) {
    // The token says the right scope, the register gives nothing for it.
    let world = World::of(of).await;
    world.maskinporten.turn(|knobs| {
        knobs.grants = Some(vec!["krr:global/kontaktinformasjon.read".to_owned()]);
    });
    let lonely = vec![Profile::NoAddress.number()];
    let contacts = world.look_up(&lonely).await.unwrap();
    assert_eq!(channels(&contacts[0]), (None, None));

    let world = World::of(of).await;
    let grants = [
        "krr:global/kontaktinfo.read.not",
        "krr:global/digitalpost.read",
    ];
    world.maskinporten.turn(|knobs| {
        knobs.grants = Some(grants.map(str::to_owned).to_vec());
    });
    let error = world.look_up(&lonely).await.unwrap_err();
    assert!(matches!(&error, RegisterError::Forbidden(_)), "{error:?}");
    assert!(told(&error).contains("maskinporten.scope"), "{error}");
    assert_eq!(world.krr.calls().count(), 0);
}

#[tokio::test]
async fn a_register_that_leaves_out_everybodys_addresses_is_refusing_us() {
    for of in Of::BOTH {
        let world = World::of(of).await;
        world.ordinary(&some(3)).await;
        world
            .krr
            .turn(|knobs| knobs.next.push_back(KrrFault::Without(&CONTACT_FIELDS)));
        let error = world.look_up(&some(3)).await.unwrap_err();
        assert!(matches!(&error, RegisterError::Forbidden(_)), "{error:?}");
        assert!(told(&error).contains("scope"), "{error}");
    }
}
