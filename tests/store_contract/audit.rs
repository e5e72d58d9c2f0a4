//! The audit of look-ups: append only, chained, and erased by retention alone.

use std::time::Duration;

use budstikke::domain::audit::{AuditKeys, End, Found, Link, Lookup, PersonHash, Persons};
use budstikke::domain::secret_key::SecretKey;
use budstikke::domain::time::Timestamp;
use budstikke::pipeline::trail_check::{Verification, verify};
use budstikke::ports::store::AuditQuery;

use super::world::{World, agency, job_name};

fn keys() -> AuditKeys {
    AuditKeys::new(&SecretKey::of_text("a key for tests"))
}

fn lookup(agency: &str, job: &str) -> Lookup {
    let mut persons = Persons::default();
    persons.push(PersonHash([7; 16]), Found::Active);
    persons.push(PersonHash([8; 16]), Found::Reserved);
    Lookup {
        agency: agency.to_owned(),
        job: job.to_owned(),
        purpose: "Vedtak".to_owned(),
        persons,
    }
}

/// Appends a link of each job at once; answers where the strand ends.
async fn append(w: &World, end: &End, at: i64, jobs: &[(&str, &str)]) -> End {
    let mut links: Vec<Link> = Vec::new();
    for (agency, job) in jobs {
        let last = links.last().map_or(end, |link| &link.end);
        links.push(Link::after(
            last,
            Timestamp(at),
            lookup(agency, job),
            &keys(),
        ));
    }
    assert!(w.store.append_audit(end, &links).await.unwrap());
    links.last().unwrap().end
}

async fn strand(w: &World) -> End {
    End::of_new(w.store.start_strand(Timestamp(1)).await.unwrap())
}

async fn check(w: &World, kept_since: i64) -> Verification {
    verify(w.store.as_ref(), &keys(), Timestamp(kept_since))
        .await
        .unwrap()
}

async fn jobs(w: &World, query: &AuditQuery) -> Vec<String> {
    let links = w.store.find_links(query, None, 100).await.unwrap();
    links.into_iter().map(|link| link.lookup.job).collect()
}

pub async fn what_is_appended_is_found_and_verified(w: World) {
    let first = strand(&w).await;
    let end = append(&w, &first, 10, &[("oslo", "a"), ("oslo", "b")]).await;
    append(&w, &end, 20, &[("bergen", "c")]).await;
    let second = strand(&w).await;
    assert_eq!((first.strand, second.strand), (1, 2));
    append(&w, &second, 15, &[("oslo", "d")]).await;
    let all = AuditQuery::default();
    assert_eq!(jobs(&w, &all).await, ["c", "d", "b", "a"]);
    let newest = w.store.find_links(&all, None, 2).await.unwrap();
    assert_eq!(newest[1].lookup, lookup("oslo", "d"));
    let older = w.store.find_links(&all, Some(&newest[1].end), 9).await;
    assert_eq!(older.unwrap().len(), 2);
    let oslo = AuditQuery {
        agency: Some(agency("oslo", budstikke::domain::event::EventFilter::ALL).id),
        since: Timestamp(11),
        ..all.clone()
    };
    assert_eq!(jobs(&w, &oslo).await, ["d"]);
    let of_job = AuditQuery {
        job: Some(job_name("b")),
        ..all
    };
    assert_eq!(jobs(&w, &of_job).await, ["b"]);
    let found = check(&w, 0).await;
    assert_eq!((found.strands, found.links, found.persons), (2, 4, 8));
    assert_eq!(found.findings, [] as [String; 0]);
    assert!(w.store.append_audit(&first, &[]).await.unwrap());
}

pub async fn what_does_not_follow_on_the_end_is_not_appended(w: World) {
    let start = strand(&w).await;
    append(&w, &start, 10, &[("oslo", "a")]).await;
    let again = Link::after(&start, Timestamp(20), lookup("oslo", "b"), &keys());
    assert!(!w.store.append_audit(&start, &[again]).await.unwrap());
    assert_eq!(jobs(&w, &AuditQuery::default()).await, ["a"]);
    let nowhere = End::of_new(99);
    let link = Link::after(&nowhere, Timestamp(20), lookup("oslo", "b"), &keys());
    assert!(!w.store.append_audit(&nowhere, &[link]).await.unwrap());
}

pub async fn strands_that_begin_at_once_have_numbers_of_their_own(w: World) {
    let begin = (0..8).map(|_| w.store.start_strand(Timestamp(1)));
    let mut numbers: Vec<i32> = futures::future::try_join_all(begin).await.unwrap();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
}

pub async fn the_database_refuses_to_change_the_audit_or_to_forget_it(w: World) {
    let start = strand(&w).await;
    append(&w, &start, 10, &[("oslo", "a")]).await;
    for statement in [
        "UPDATE audit SET purpose = 'other'",
        "UPDATE audit SET at = 5",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE at < 100",
    ] {
        let refused = w.backend.execute(statement).await.unwrap_err();
        assert!(refused.contains("append only"), "{refused}");
    }
    assert_eq!(check(&w, 0).await.links, 1);
}

pub async fn whoever_gets_around_that_is_found_out(w: World) {
    const UNGUARD: [&str; 2] = [
        "DROP TRIGGER audit_row_is_kept ON audit",
        "DROP TRIGGER audit_row_is_kept",
    ];
    const UNGUARD_MORE: &str = "DROP TRIGGER IF EXISTS audit_row_is_as_it_was";
    let start = strand(&w).await;
    let mut end = start;
    for at in 10..20 {
        end = append(&w, &end, at, &[("oslo", "a")]).await;
    }
    let other = strand(&w).await;
    append(&w, &other, 30, &[("oslo", "b")]).await;
    assert_eq!(check(&w, 0).await.findings, [] as [String; 0]);
    // One of the two is the database's way of saying it.
    let mut dropped = 0;
    for statement in UNGUARD {
        dropped += usize::from(w.backend.execute(statement).await.is_ok());
    }
    assert_eq!(dropped, 1);
    drop(w.backend.execute(UNGUARD_MORE).await);
    for (statement, told) in [
        (
            "UPDATE audit SET purpose = 'x' WHERE strand = 1 AND no = 3",
            "link 3, of 1970",
        ),
        (
            "UPDATE audit SET no = 99 WHERE strand = 1 AND no = 5",
            "does not follow on link 4",
        ),
        (
            "DELETE FROM audit WHERE strand = 1 AND no > 8",
            "its end is gone",
        ),
        (
            "DELETE FROM audit WHERE strand = 1 AND no < 3",
            "is gone before its time",
        ),
        (
            "DELETE FROM audit WHERE strand = 1",
            "strand 1: its end is gone",
        ),
        ("DELETE FROM audit_strand WHERE no = 1", "strand 1 is gone"),
    ] {
        w.backend.execute(statement).await.unwrap();
        let findings = check(&w, 0).await.findings;
        assert!(
            findings.iter().any(|finding| finding.contains(told)),
            "{statement}: {findings:?}"
        );
    }
}

pub async fn what_is_old_is_erased_and_the_rest_still_verifies(w: World) {
    let mut end = strand(&w).await;
    for at in [10, 20, 30, 40] {
        end = append(&w, &end, at, &[("oslo", "a")]).await;
    }
    assert_eq!(w.store.erase_audit(Timestamp(5), 10).await.unwrap(), 0);
    assert_eq!(w.store.erase_audit(Timestamp(35), 2).await.unwrap(), 2);
    assert_eq!(w.store.erase_audit(Timestamp(35), 10).await.unwrap(), 1);
    let found = check(&w, 35).await;
    assert_eq!((found.links, found.findings), (1, Vec::new()));
    append(&w, &end, 50, &[("oslo", "b")]).await;
    assert_eq!(w.store.erase_audit(Timestamp(100), 10).await.unwrap(), 2);
    assert_eq!(check(&w, 100).await.findings, [] as [String; 0]);
    // Retention is over: nobody else may delete now.
    let end = w.store.strands().await.unwrap()[0].end;
    append(&w, &end, 60, &[("oslo", "c")]).await;
    w.backend.execute("DELETE FROM audit").await.unwrap_err();
    w.pass(Duration::from_millis(1)).await;
}

pub async fn a_key_of_the_store_is_made_once(w: World) {
    assert_eq!(w.store.secret("audit", [1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(w.store.secret("audit", [2; 32]).await.unwrap(), [1; 32]);
    assert_eq!(w.store.secret("other", [3; 32]).await.unwrap(), [3; 32]);
}
