//! The trail of look-ups on a store that fails: nothing is lost, and nothing is written twice.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use budstikke::domain::audit::{AuditKeys, End, Found, Link, Lookup, Persons};
use budstikke::domain::contact::Contact;
use budstikke::domain::ids::AgencyId;
use budstikke::domain::secret_key::SecretKey;
use budstikke::domain::time::Timestamp;
use budstikke::pipeline::trail::{ForWhat, Trail, TrailError};
use budstikke::pipeline::trail_check::verify;
use budstikke::ports::clock::{Clock, Monotonic};
use budstikke::ports::register::{Inquiry, LookedUp};

use super::make::person;
use super::world::{World, job_name};

/// When everything happens.
const NOW: Timestamp = Timestamp(50);

#[derive(Debug)]
struct StoppedClock;

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(50)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

fn keys() -> AuditKeys {
    AuditKeys::new(&SecretKey::of_text("a key for tests"))
}

fn trail(w: &World) -> Trail {
    Trail::new(Arc::clone(&w.store), Arc::new(StoppedClock), keys())
}

fn inquiry() -> Inquiry {
    Inquiry {
        agency: AgencyId::parse("oslo").unwrap(),
        purpose: "Vedtak".to_owned(),
    }
}

/// Person `n` alone, for job a.
async fn record(trail: &Trail, n: u16) -> Result<(), TrailError> {
    let what = ForWhat::Jobs(Arc::new(vec![(person(n), Arc::new(job_name("a")))]));
    let told = LookedUp {
        contacts: vec![Contact::not_registered(person(n))],
        ..LookedUp::default()
    };
    trail.record(&inquiry(), &what, &told).await
}

/// Whom the audit holds, strand by strand: the job, who of the first few, and what was found.
async fn written(w: &World) -> Vec<(String, u16, &'static str)> {
    let found = verify(w.store.as_ref(), &keys(), Timestamp(0)).await;
    assert_eq!(found.unwrap().findings, [] as [String; 0]);
    let who = |hash| (0..9).find(|n| keys().person(&person(*n)) == hash).unwrap();
    let mut rows = Vec::new();
    for strand in w.store.strands().await.unwrap() {
        for link in w.store.links(strand.end.strand, 0, 99).await.unwrap() {
            let Lookup { job, persons, .. } = link.lookup;
            rows.extend(
                persons
                    .iter()
                    .map(|(hash, found)| (job.clone(), who(hash), found.as_str())),
            );
        }
    }
    rows
}

fn rows(expected: &[u16]) -> Vec<(String, u16, &'static str)> {
    let row = |n: &u16| ("a".to_owned(), *n, "not_registered");
    expected.iter().map(row).collect()
}

/// The store does not take an audit.
async fn fail(w: &World) {
    let away = w.backend.execute("ALTER TABLE audit RENAME TO audit_away");
    away.await.unwrap();
}

/// It does again.
async fn mend(w: &World) {
    let back = w.backend.execute("ALTER TABLE audit_away RENAME TO audit");
    back.await.unwrap();
}

pub async fn a_call_without_an_answer_is_written_down_for_each_job_that_asked(w: World) {
    let asked = [(1, "a"), (1, "b"), (2, "b")];
    let mut asked: Vec<_> = asked
        .map(|(n, job)| (person(n), Arc::new(job_name(job))))
        .to_vec();
    asked.sort_unstable();
    let told = LookedUp {
        contacts: vec![Contact::not_registered(person(2))],
        besides: vec![(person(1), Found::NoAnswer), (person(1), Found::NoAnswer)],
        failed: None,
    };
    let what = ForWhat::Jobs(Arc::new(asked));
    let trail = trail(&w);
    trail.record(&inquiry(), &what, &told).await.unwrap();
    trail
        .record(&inquiry(), &ForWhat::NoJob, &told)
        .await
        .unwrap();
    let no_answer = |job: &str| (job.to_owned(), 1, "no_answer");
    let answer = |job: &str| (job.to_owned(), 2, "not_registered");
    assert_eq!(
        written(&w).await,
        [
            no_answer("a"),
            no_answer("a"),
            answer("b"),
            no_answer("b"),
            no_answer("b"),
            answer("-"),
            no_answer("-"),
            no_answer("-"),
        ]
    );
}

pub async fn what_could_not_be_written_is_written_once_when_it_can_be(w: World) {
    let trail = trail(&w);
    record(&trail, 0).await.unwrap();
    fail(&w).await;
    record(&trail, 1).await.unwrap_err();
    trail.catch_up().await.unwrap_err();
    record(&trail, 2).await.unwrap_err();
    mend(&w).await;
    trail.catch_up().await.unwrap();
    assert_eq!(written(&w).await, rows(&[0, 1, 2]));
    trail.catch_up().await.unwrap();
    record(&trail, 3).await.unwrap();
    assert_eq!(written(&w).await, rows(&[0, 1, 2, 3]));
    assert_eq!(w.store.strands().await.unwrap().len(), 1);
}

pub async fn of_a_commit_whose_answer_was_lost_nothing_is_written_twice(w: World) {
    let trail = trail(&w);
    record(&trail, 0).await.unwrap();
    let end = w.store.strands().await.unwrap()[0].end;
    fail(&w).await;
    record(&trail, 1).await.unwrap_err();
    mend(&w).await;
    // It came through after all.
    let link = after(&end, 1);
    assert!(w.store.append_audit(&end, &[link]).await.unwrap());
    record(&trail, 2).await.unwrap();
    assert_eq!(written(&w).await, rows(&[0, 1, 2]));
}

pub async fn a_strand_that_somebody_else_wrote_to_is_left_and_nothing_is_lost(w: World) {
    let trail = trail(&w);
    record(&trail, 0).await.unwrap();
    let end = w.store.strands().await.unwrap()[0].end;
    let link = after(&end, 7);
    assert!(w.store.append_audit(&end, &[link]).await.unwrap());
    let refused = record(&trail, 1).await;
    assert!(matches!(refused, Err(TrailError::Changed)), "{refused:?}");
    record(&trail, 2).await.unwrap();
    assert_eq!(written(&w).await, rows(&[0, 7, 1, 2]));
    assert_eq!(w.store.strands().await.unwrap().len(), 2);
}

/// The link about person `n` that the trail would write after `end`.
fn after(end: &End, n: u16) -> Link {
    let mut persons = Persons::default();
    persons.push(keys().person(&person(n)), Found::NotRegistered);
    let lookup = Lookup {
        agency: "oslo".to_owned(),
        job: "a".to_owned(),
        purpose: "Vedtak".to_owned(),
        persons,
    };
    Link::after(end, NOW, lookup, &keys())
}
