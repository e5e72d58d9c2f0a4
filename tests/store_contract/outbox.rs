//! Events: numbered without gaps, published in order, kept in the feed.

use std::time::Duration;

use budstikke::domain::event::{EventKind, NewEvent};
use budstikke::domain::ids::AgencyNo;

use super::make;
use super::world::{World, job_name};

async fn tell(w: &World, agency: AgencyNo, numbers: std::ops::Range<u32>) {
    let at = w.now().await;
    let event = |n: u32| NewEvent {
        agency,
        kind: EventKind::JobAccepted,
        subject: Some(job_name("a")),
        at,
        data: format!(r#"{{"n":{n}}}"#),
    };
    w.store.tell(numbers.map(event).collect()).await.unwrap();
}

pub async fn events_are_numbered_per_agency_from_1_in_their_order(w: World) {
    tell(&w, w.oslo, 0..3).await;
    tell(&w, w.bergen, 0..2).await;
    tell(&w, w.oslo, 3..5).await;
    for (agency, count) in [(w.oslo, 5), (w.bergen, 2)] {
        let feed = w.store.feed(agency, 0, 10).await.unwrap();
        assert_eq!(feed.len(), count);
        for (n, event) in (0i64..).zip(&feed) {
            assert_eq!((event.agency, event.sequence), (agency, n + 1));
            assert_eq!(event.data, format!(r#"{{"n":{n}}}"#));
        }
    }
}

pub async fn many_writers_at_once_leave_no_gap_and_no_disorder(w: World) {
    let mut writers = Vec::new();
    for writer in 0..4u32 {
        let (store, agency, at) = (w.store.clone(), w.oslo, w.now().await);
        let name = job_name(&format!("w{writer}"));
        writers.push(tokio::spawn(async move {
            for n in 0..25 {
                let event = NewEvent {
                    agency,
                    kind: EventKind::JobAccepted,
                    subject: Some(name.clone()),
                    at,
                    data: format!("{n}"),
                };
                store.tell(vec![event.clone(), event]).await.unwrap();
            }
        }));
    }
    // Whoever reads on from what there was passes over nothing.
    let mut seen: Vec<i64> = Vec::new();
    while seen.len() < 200 {
        let page = w.store.feed(w.oslo, seen.last().copied().unwrap_or(0), 7);
        seen.extend(page.await.unwrap().iter().map(|event| event.sequence));
        tokio::task::yield_now().await;
    }
    assert_eq!(seen, (1..=200).collect::<Vec<_>>());
    for task in writers {
        task.await.unwrap();
    }
    let events = w.events(w.oslo).await;
    let sequences: Vec<i64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=200).collect::<Vec<_>>());
    for writer in 0..4 {
        let name = Some(job_name(&format!("w{writer}")));
        let mine = events.iter().filter(|event| event.subject == name);
        let order: Vec<u32> = mine.map(|event| event.data.parse().unwrap()).collect();
        assert_eq!(order.len(), 50);
        assert!(order.is_sorted(), "{order:?}");
    }
}

pub async fn what_is_published_is_not_offered_again_and_never_unpublished(w: World) {
    tell(&w, w.oslo, 0..5).await;
    tell(&w, w.bergen, 0..1).await;
    let unpublished = w.store.unpublished(&[], &[], 3).await.unwrap();
    let shape = |unpublished: &[budstikke::ports::store::Unpublished]| -> Vec<_> {
        let of = |u: &budstikke::ports::store::Unpublished| {
            let sequences: Vec<i64> = u.events.iter().map(|event| event.sequence).collect();
            (u.agency, sequences)
        };
        unpublished.iter().map(of).collect()
    };
    assert_eq!(
        shape(&unpublished),
        [(w.oslo, vec![1, 2, 3]), (w.bergen, vec![1])]
    );
    let noted = [(w.oslo, 4), (w.bergen, 1)];
    let unpublished = w.store.unpublished(&noted, &[], 10).await.unwrap();
    assert_eq!(shape(&unpublished), [(w.oslo, vec![5])]);
    let unpublished = w.store.unpublished(&[(w.oslo, 2)], &[], 10).await.unwrap();
    assert_eq!(shape(&unpublished), [(w.oslo, vec![5])]);
    tell(&w, w.oslo, 5..7).await;
    // Nothing is noted before it is there.
    let beyond = [(w.oslo, 5), (w.bergen, 9)];
    let unpublished = w.store.unpublished(&beyond, &[], 1).await.unwrap();
    assert_eq!(shape(&unpublished), [(w.oslo, vec![6])]);
    tell(&w, w.bergen, 1..2).await;
    let unpublished = w.store.unpublished(&[], &[], 10).await.unwrap();
    assert_eq!(
        shape(&unpublished),
        [(w.oslo, vec![6, 7]), (w.bergen, vec![2])]
    );
    let unpublished = w.store.unpublished(&[], &[w.oslo], 10).await.unwrap();
    assert_eq!(shape(&unpublished), [(w.bergen, vec![2])]);
    let resting = [w.bergen, w.oslo];
    assert_eq!(w.store.unpublished(&[], &resting, 10).await.unwrap(), []);
    assert_eq!(w.store.feed(w.oslo, 0, 10).await.unwrap().len(), 7);
}

pub async fn the_feed_goes_on_after_a_sequence(w: World) {
    tell(&w, w.oslo, 0..5).await;
    tell(&w, w.bergen, 0..5).await;
    let page = w.store.feed(w.oslo, 2, 2).await.unwrap();
    let sequences: Vec<_> = page.iter().map(|e| (e.agency, e.sequence)).collect();
    assert_eq!(sequences, [(w.oslo, 3), (w.oslo, 4)]);
    assert_eq!(w.store.feed(w.oslo, 5, 10).await.unwrap(), []);
}

pub async fn one_worker_at_a_time_has_a_lease(w: World) {
    let (first, second) = (w.worker().await, w.worker().await);
    let ttl = Duration::from_millis(400);
    assert!(w.store.lease("publish", first, ttl).await.unwrap());
    assert!(!w.store.lease("publish", second, ttl).await.unwrap());
    assert!(w.store.lease("reap", second, ttl).await.unwrap());
    assert!(w.store.lease("publish", first, ttl).await.unwrap());
    // Another's release gives nothing up.
    w.store.release("publish", second).await.unwrap();
    assert!(!w.store.lease("publish", second, ttl).await.unwrap());
    w.store.release("publish", first).await.unwrap();
    assert!(w.store.lease("publish", second, ttl).await.unwrap());
    w.pass(ttl + Duration::from_millis(50)).await;
    assert!(w.store.lease("publish", first, ttl).await.unwrap());
}

pub async fn many_who_want_a_lease_at_once_get_it_once(w: World) {
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let (store, worker) = (w.store.clone(), w.worker().await);
        tasks.push(tokio::spawn(async move {
            let lease = store.lease("publish", worker, Duration::from_secs(60));
            lease.await.unwrap()
        }));
    }
    let mut holders = 0;
    for task in tasks {
        holders += usize::from(task.await.unwrap());
    }
    assert_eq!(holders, 1);
    let now = w.now().await;
    w.accept(make::job("a").by(w.oslo, now)).await;
}
