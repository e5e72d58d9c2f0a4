//! Jobs: in, repeated, in conflict, looked at.

use budstikke::domain::event::{Event, EventFilter, EventKind};
use budstikke::domain::ids::{DeliveryId, JobNo};
use budstikke::domain::job::To;
use budstikke::domain::kinds::{Channel, Class, Lane};
use budstikke::domain::status::{Reason, Status};
use budstikke::ports::store::{Acceptance, JobState};

use super::make;
use super::world::{EVER, World, agency, job_name};

fn data(event: &Event) -> serde_json::Value {
    serde_json::from_str(&event.data).unwrap()
}

pub async fn an_accepted_job_is_open_and_its_agency_is_told(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(3).by(w.oslo, now)).await;
    let view = w.store.job(w.oslo, &job_name("a")).await.unwrap().unwrap();
    assert_eq!(view.state, JobState::Open);
    assert_eq!(view.class, Class::ServiceMessage);
    assert_eq!((view.lane, view.lane_asked), (Lane::Normal, Lane::Normal));
    assert_eq!((view.accepted_at, view.recipients), (now, 3));
    assert_eq!(view.totals.to_json().to_string(), r#"{"accepted":3}"#);
    let events = w.events(w.oslo).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, EventKind::JobAccepted);
    assert_eq!(events[0].subject, Some(job_name("a")));
    assert_eq!((events[0].sequence, events[0].at), (1, now));
}

pub async fn an_agency_sees_only_its_own_jobs(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").by(w.oslo, now)).await;
    assert_eq!(w.store.job(w.bergen, &job_name("a")).await.unwrap(), None);
    let page = w
        .store
        .notifications(w.bergen, &job_name("a"), None, 10)
        .await
        .unwrap();
    assert_eq!(page, None);
    let cancelled = w.store.cancel(w.bergen, &job_name("a"), now).await.unwrap();
    assert_eq!(cancelled, None);
    let opened = w
        .store
        .mark_opened(w.bergen, &job_name("a"), &make::reference(0), now)
        .await
        .unwrap();
    assert!(!opened);
    assert_eq!(w.totals("a").await, r#"{"accepted":1}"#);
    w.accept(make::job("a").content(2).by(w.bergen, now)).await;
}

pub async fn a_repeat_changes_nothing_and_is_answered_with_the_present_totals(w: World) {
    let now = w.now().await;
    let job = make::job("a").to(2);
    w.accept(job.clone().by(w.oslo, now)).await;
    let answers = w.store.accept(vec![job.by(w.oslo, now)]).await.unwrap();
    let [Acceptance::Repeated(view)] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    assert_eq!((view.recipients, view.totals.sum()), (2, 2));
    let events = w.events(w.oslo).await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].kind, EventKind::JobAccepted);
    let told = data(&events[1]);
    assert_eq!(told["repeated"], true);
    assert_eq!(told["recipients"], 2);
    assert_eq!(told["totals"]["accepted"], 2);
    assert_eq!(w.statuses("a").await.len(), 2);
}

pub async fn other_content_under_the_same_name_is_a_conflict_and_changes_nothing(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(2).by(w.oslo, now)).await;
    let other = make::job("a").to(5).content(2).by(w.oslo, now);
    let answers = w.store.accept(vec![other]).await.unwrap();
    assert_eq!(answers, [Acceptance::Conflict]);
    let events = w.events(w.oslo).await;
    assert_eq!(events[1].kind, EventKind::JobRejected);
    assert_eq!(data(&events[1])["reason"], "conflict");
    assert_eq!(data(&events[1])["job"], "a");
    assert_eq!(w.statuses("a").await.len(), 2);
}

pub async fn repeats_and_conflicts_hold_within_one_batch_and_answers_keep_its_order(w: World) {
    let now = w.now().await;
    let answers = w
        .store
        .accept(vec![
            make::job("a").by(w.oslo, now),
            make::job("b").by(w.oslo, now),
            make::job("a").by(w.oslo, now),
            make::job("a").content(2).by(w.oslo, now),
            make::job("a").content(3).by(w.bergen, now),
        ])
        .await
        .unwrap();
    let shape: Vec<&str> = answers.iter().map(word).collect();
    assert_eq!(shape, ["new", "new", "repeat", "conflict", "new"]);
    assert_eq!(w.count("job.accepted").await, 3);
    assert_eq!(w.count("job.rejected").await, 1);
}

const fn word(answer: &Acceptance) -> &'static str {
    match answer {
        Acceptance::Accepted { .. } => "new",
        Acceptance::Repeated(_) => "repeat",
        Acceptance::Conflict => "conflict",
    }
}

pub async fn a_job_offered_many_times_at_once_is_stored_once(w: World) {
    let now = w.now().await;
    let offers = (0..16u8).map(|n| {
        let store = w.store.clone();
        let content = 1 + n % 2;
        let job = make::job("a").to(3).content(content).by(w.oslo, now);
        tokio::spawn(async move { store.accept(vec![job]).await.unwrap().remove(0) })
    });
    let mut new = 0;
    let offers: Vec<_> = offers.collect();
    for offer in offers {
        new += usize::from(word(&offer.await.unwrap()) == "new");
    }
    assert_eq!(new, 1);
    assert_eq!(w.statuses("a").await.len(), 3);
    assert_eq!(w.events(w.oslo).await.len(), 16);
}

pub async fn several_hundred_jobs_go_in_at_once(w: World) {
    let now = w.now().await;
    let jobs = (0..300).map(|n| make::job(&format!("j{n}")).to(2).by(w.oslo, now));
    let answers = w.store.accept(jobs.collect()).await.unwrap();
    let mut numbers: Vec<JobNo> = answers
        .iter()
        .map(|answer| match answer {
            Acceptance::Accepted { job, .. } => *job,
            other @ (Acceptance::Repeated(_) | Acceptance::Conflict) => panic!("{other:?}"),
        })
        .collect();
    numbers.dedup();
    assert_eq!(numbers.len(), 300);
    assert!(numbers.is_sorted());
    assert_eq!(w.statuses("j299").await.len(), 2);
}

pub async fn personal_data_comes_back_from_its_chunks(w: World) {
    let now = w.now().await;
    let mut recipients: Vec<_> = (0..1_201)
        .map(|n| make::recipient(n, To::Phone(make::phone(n))))
        .collect();
    recipients[500].to = To::Person(make::person(7));
    recipients[1_200].to = To::Email(make::email(1_200));
    let new = make::job("a").recipients(recipients).by(w.oslo, now);
    let rules = new.job.rules.clone();
    let message = new.job.message.clone();
    let no = w.accept(new).await;
    let missing = JobNo(no.0 + 1);
    let wanted = [(no, 0), (no, 1), (no, 2), (no, 9), (missing, 0)];
    let (jobs, mut chunks) = w.store.load(&[no, missing], &wanted).await.unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].rules, rules);
    assert_eq!(jobs[0].message.as_ref(), Some(&message));
    assert_eq!(
        (jobs[0].no, jobs[0].agency, &jobs[0].name),
        (no, w.oslo, &job_name("a"))
    );
    assert_eq!((jobs[0].recipients, jobs[0].accepted_at), (1_201, now));
    assert_eq!(jobs[0].cancelled_at, None);
    chunks.sort_by_key(|chunk| chunk.no);
    let sizes: Vec<_> = chunks.iter().map(|c| (c.no, c.references.len())).collect();
    assert_eq!(sizes, [(0, 500), (1, 500), (2, 201)]);
    assert_eq!(
        chunks[0].contents[3].phone.as_deref(),
        Some(make::phone(3).expose())
    );
    assert_eq!(chunks[0].persons[3], None);
    assert_eq!(chunks[1].persons[0], Some(make::person(7)));
    assert_eq!(chunks[1].contents[0].phone, None);
    assert_eq!(chunks[1].contents[0].values["navn"], "verdi-500");
    assert_eq!(chunks[2].references[200], make::reference(1_200));
    let email = make::email(1_200);
    assert_eq!(
        chunks[2].contents[200].email.as_deref(),
        Some(email.expose())
    );
}

pub async fn what_intake_settled_is_settled_from_the_start(w: World) {
    let now = w.now().await;
    let mut new = make::job("a").to(2).fixed().by(w.oslo, now);
    new.deliveries[1].settled = Some((Status::NotSent, Reason::Covered, Some(0)));
    w.accept(new).await;
    let page = w.page("a").await;
    let fact = &page.facts[1];
    assert_eq!(
        (fact.status, fact.reason),
        (Status::NotSent, Some(Reason::Covered))
    );
    assert_eq!(
        (fact.covered_by.as_ref(), fact.version),
        (Some(&make::reference(0)), 1)
    );
    let worker = w.worker().await;
    assert_eq!(w.claim(worker, 10).await.deliveries.len(), 1);
    assert_eq!(w.totals("a").await, r#"{"waiting":1,"not_sent":1}"#);
}

pub async fn a_job_that_intake_settled_whole_is_finished_at_once(w: World) {
    let now = w.now().await;
    let mut new = make::job("a").by(w.oslo, now);
    new.deliveries[0].settled = Some((Status::NotSent, Reason::InvalidAddress, None));
    w.accept(new).await;
    let view = w.store.job(w.oslo, &job_name("a")).await.unwrap().unwrap();
    assert_eq!(view.state, JobState::Finished);
    assert_eq!(w.count("job.finished").await, 1);
}

pub async fn events_that_an_agency_does_not_want_are_not_written(w: World) {
    let only_finished = EventFilter::parse(&["job.finished".to_owned()]).unwrap();
    let numbers = w
        .store
        .sync_agencies(&[agency("bergen", only_finished)])
        .await
        .unwrap();
    assert_eq!(numbers, [w.bergen]);
    let now = w.now().await;
    w.accept(make::job("a").by(w.bergen, now)).await;
    w.accept(make::job("a").by(w.oslo, now)).await;
    assert_eq!(w.events(w.bergen).await, []);
    assert_eq!(w.events(w.oslo).await.len(), 1);
}

pub async fn agencies_keep_their_numbers(w: World) {
    let again = w
        .store
        .sync_agencies(&[
            agency("bergen", EventFilter::ALL),
            agency("voss", EventFilter::ALL),
            agency("oslo", EventFilter::ALL),
        ])
        .await
        .unwrap();
    assert_eq!((again[0], again[2]), (w.bergen, w.oslo));
    assert!(again[1] != w.oslo && again[1] != w.bergen);
}

pub async fn the_list_of_notifications_goes_page_by_page(w: World) {
    let now = w.now().await;
    let no = w.accept(make::job("a").to(5).both().by(w.oslo, now)).await;
    let name = job_name("a");
    let mut from = None;
    let mut seen = Vec::new();
    loop {
        let page = w
            .store
            .notifications(w.oslo, &name, from, 4)
            .await
            .unwrap()
            .unwrap();
        assert!(page.facts.len() <= 4);
        seen.extend(page.facts.iter().map(|f| (f.reference.clone(), f.channel)));
        match page.next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    let expected: Vec<_> = (0..5)
        .flat_map(|n| [Channel::Sms, Channel::Email].map(|c| (make::reference(n), Some(c))))
        .collect();
    assert_eq!(seen, expected);
    let after = Some(DeliveryId::last_of(no));
    let page = w
        .store
        .notifications(w.oslo, &name, after, 4)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((page.facts.len(), page.next), (0, None));
}

pub async fn what_is_told_without_another_cause_reaches_the_feed(w: World) {
    let now = w.now().await;
    let event = budstikke::domain::event::job_rejected(w.bergen, None, now, Reason::Invalid, &[]);
    w.store.tell(vec![event]).await.unwrap();
    let events = w.events(w.bergen).await;
    assert_eq!(
        (events[0].kind, &events[0].subject),
        (EventKind::JobRejected, &None)
    );
}

pub async fn empty_batches_are_answered(w: World) {
    let worker = w.worker().await;
    assert_eq!(w.store.accept(vec![]).await.unwrap(), []);
    assert_eq!(w.store.claim(worker, &[]).await.unwrap().deliveries, []);
    let empty = super::world::batch(vec![]);
    assert_eq!(w.store.intend(empty).await.unwrap().granted, []);
    assert_eq!(w.store.settle(vec![]).await.unwrap().events, 0);
    w.store.tell(vec![]).await.unwrap();
    w.store.hand_back(&[], None).await.unwrap();
    assert_eq!(w.store.load(&[], &[]).await.unwrap(), (vec![], vec![]));
    assert_eq!(w.store.find_tries("primary", &[], EVER).await.unwrap(), []);
    w.store.ping().await.unwrap();
}
