//! Who lives where, and who of them has been reached.

use std::time::Duration;

use budstikke::domain::ids::JobNo;
use budstikke::domain::job::{Side, StreetAudience, To};
use budstikke::domain::reach::Standing;
use budstikke::domain::status::{Reason, Status};
use budstikke::domain::street::{Home, Resident};
use budstikke::domain::time::Timestamp;
use budstikke::ports::population::StreetQuery;
use budstikke::ports::store::{Homes, Next, TryOutcome};

use super::make;
use super::world::{World, ids, job_name};

fn resident(n: u16, number: u32) -> Resident {
    Resident {
        person: make::person(n),
        municipality: "0301".to_owned(),
        street: "Øvre Storgate".to_owned(),
        number,
        letter: String::new(),
        household: "H1".to_owned(),
        birth_year: 1980,
    }
}

fn stretch(from: u32, to: u32, side: Side) -> StreetAudience {
    StreetAudience {
        municipality: "0301".to_owned(),
        street: " øvre  STORGATE".to_owned(),
        from,
        to,
        side,
        per_household: true,
    }
}

async fn numbers(w: &World, street: &StreetAudience, youngest: i16, limit: u32) -> Vec<u32> {
    let query = StreetQuery {
        street,
        youngest_birth_year: youngest,
        limit,
    };
    let found = w.store.residents(query).await.unwrap();
    let mut numbers: Vec<u32> = found.iter().map(|one| one.number).collect();
    numbers.sort_unstable();
    numbers
}

pub async fn residents_are_found_by_stretch_side_and_age(w: World) {
    let mut residents: Vec<Resident> = (1..=10).map(|n| resident(n, u32::from(n))).collect();
    residents[8].birth_year = 2015;
    residents.push(Resident {
        municipality: "4601".to_owned(),
        ..resident(11, 5)
    });
    residents.push(Resident {
        street: "Nedre Storgate".to_owned(),
        ..resident(12, 5)
    });
    w.store
        .put_residents(&residents, Timestamp(1))
        .await
        .unwrap();
    for (street, expected) in [
        (stretch(1, 99, Side::Both), vec![1, 2, 3, 4, 5, 6, 7, 8, 10]),
        (stretch(3, 7, Side::Odd), vec![3, 5, 7]),
        (stretch(3, 7, Side::Even), vec![4, 6]),
        (stretch(50, 60, Side::Both), vec![]),
    ] {
        assert_eq!(numbers(&w, &street, 2010, 100).await, expected);
    }
    let all = stretch(1, 99, Side::Both);
    assert_eq!(numbers(&w, &all, 2015, 100).await.len(), 10);
    assert_eq!(numbers(&w, &all, 2015, 4).await.len(), 4);
    assert!(w.store.is_street("0301", "øvre storgate").await.unwrap());
    assert!(!w.store.is_street("0301", "Lillegata").await.unwrap());
    assert!(!w.store.is_street("1103", "Øvre Storgate").await.unwrap());
}

pub async fn a_resident_put_in_again_has_moved_and_who_is_not_in_again_can_be_dropped(w: World) {
    let all = stretch(1, 99, Side::Both);
    let first = [resident(1, 1), resident(2, 2), resident(3, 3)];
    w.store.put_residents(&first, Timestamp(10)).await.unwrap();
    let again = [resident(2, 20), resident(3, 3), resident(3, 30)];
    w.store.put_residents(&again, Timestamp(20)).await.unwrap();
    assert_eq!(numbers(&w, &all, 2010, 100).await, [1, 20, 30]);
    let drop = |municipality: &str| {
        let (store, places) = (w.store.clone(), [municipality.to_owned()]);
        async move { store.drop_residents(&places, Timestamp(20)).await.unwrap() }
    };
    assert_eq!(drop("4601").await, 0);
    assert_eq!(drop("0301").await, 1);
    assert_eq!(numbers(&w, &all, 2010, 100).await, [20, 30]);
}

fn home(n: u16) -> Home {
    Home {
        number: u32::from(n) + 1,
        letter: if n == 1 {
            "B".to_owned()
        } else {
            String::new()
        },
        household: n,
        after: (n > 0).then(|| n - 1),
    }
}

fn at_a_street(
    w: &World,
    now: Timestamp,
    name: &str,
    count: u16,
) -> budstikke::ports::store::NewJob {
    let recipients = (0..count)
        .map(|n| {
            let mut recipient = make::recipient(n, To::Person(make::person(n)));
            recipient.home = Some(home(n));
            recipient
        })
        .collect();
    let mut new = make::job(name).recipients(recipients).by(w.oslo, now);
    let mut job = (*new.job).clone();
    job.rules.audience = Some(stretch(1, 99, Side::Both));
    new.job = std::sync::Arc::new(job);
    new
}

pub async fn where_recipients_live_is_kept_until_their_identity_is_erased(w: World) {
    let now = w.now().await;
    let homes = |name: &'static str| {
        let (store, oslo) = (w.store.clone(), w.oslo);
        async move { store.homes(oslo, &job_name(name)).await.unwrap() }
    };
    w.accept(make::job("plain").by(w.oslo, now)).await;
    // More than one row of personal data.
    let new = at_a_street(&w, now, "street", 600);
    w.accept(new).await;
    assert_eq!(homes("none").await, None);
    assert_eq!(homes("plain").await, Some(Homes::NoStreet));
    let expected: Vec<Home> = (0..600).map(home).collect();
    assert_eq!(homes("street").await, Some(Homes::At(expected)));

    w.store
        .cancel(w.oslo, &job_name("street"), now)
        .await
        .unwrap();
    let later = w.now().await.plus(Duration::from_secs(1));
    let never = Timestamp(0);
    w.store
        .erase(later, later, never, never, 100)
        .await
        .unwrap();
    assert_eq!(homes("street").await, Some(Homes::Erased));
}

pub async fn a_claimed_recipient_of_a_street_knows_whose_turn_comes_before(w: World) {
    let now = w.now().await;
    let new = at_a_street(&w, now, "street", 3);
    w.accept(new).await;
    w.accept(make::job("plain").by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 10).await;
    let jobs: std::collections::BTreeSet<JobNo> = ids(&claim).iter().map(|id| id.job()).collect();
    let chunks: Vec<(JobNo, u16)> = jobs.iter().map(|job| (*job, 0)).collect();
    let (_, mut chunks) = w.store.load(&[], &chunks).await.unwrap();
    chunks.sort_by_key(|chunk| chunk.persons.len());
    let street = chunks.iter().find(|chunk| !chunk.homes.is_empty()).unwrap();
    assert_eq!(street.homes, [Some(home(0)), Some(home(1)), Some(home(2))]);
    assert_eq!(street.persons[2], Some(make::person(2)));
    assert!(chunks.iter().any(|chunk| chunk.homes.is_empty()));
}

pub async fn how_it_stands_with_recipients_is_told_by_their_best_delivery(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 4).await;
    let (now, all) = (w.now().await, ids(&claim));
    let covered = Next::Settled {
        status: Status::NotSent,
        reason: Some(Reason::Covered),
        channel_chosen: true,
        possible_duplicate: false,
        covered_by: Some((0, std::sync::Arc::new(make::reference(0)))),
    };
    let outcome =
        |n: usize, how, next| make::outcome(w.oslo, "a", all[n], claim.id, how, next, now);
    w.settle(vec![
        outcome(0, TryOutcome::Accepted, make::settled(Status::Sent)),
        outcome(1, TryOutcome::NotSent, make::settled(Status::Failed)),
        outcome(2, TryOutcome::NotSent, covered),
    ])
    .await;
    let job = all[0].job();
    let who: Vec<_> = (0..5).map(|position| (job, position)).collect();
    let mut found = w.store.standings(&who).await.unwrap();
    found.sort_by_key(|(_, position, _)| *position);
    let standings: Vec<Standing> = found.into_iter().map(|(_, _, one)| one).collect();
    assert_eq!(
        standings,
        [
            Standing::Told,
            Standing::NotTold,
            Standing::Covered(0),
            Standing::Open
        ]
    );
    assert_eq!(w.store.standings(&[]).await.unwrap(), []);
}
