//! Two gateways, one of which breaks: where messages go then, and where never.
#![expect(clippy::unwrap_used, reason = "what a test expects it says by failing")]

#[expect(unreachable_pub, reason = "a binary of tests has no outside")]
mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use budstikke::domain::health::{Circuit, Share};
use budstikke::sandbox::sms::{Fault, FaultOf, Knobs, Taken};
use parking_lot::Mutex;
use serde_json::json;

use support::{LIMIT, PROBE_EVERY, Site, phone};

/// For whom a gateway was asked, and when.
type Asked = Arc<Mutex<Vec<(String, Instant)>>>;

/// A gateway that takes nothing, and remembers whom and when it was asked for.
fn broken(fault: Fault) -> (Knobs, Asked) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let knobs = Knobs {
        fault: Some(FaultOf::new(move |message: &Taken| {
            seen.lock().push((message.to.to_string(), Instant::now()));
            Some(fault)
        })),
        ..Knobs::default()
    };
    (knobs, asked)
}

/// A gateway that takes every message and breaks off before it answers.
fn breaking_off() -> Knobs {
    Knobs {
        fault: Some(FaultOf::new(|_: &Taken| Some(Fault::Reset))),
        ..Knobs::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_breaks_gets_one_probe_at_a_time_until_it_is_well_again() {
    let site = Site::start(60.0).await;
    site.submit("before", 0, 60, json!({})).await;
    site.until_totals("before", json!({"sent": 60})).await;
    let (alpha, beta) = (site.alpha.inbox(), site.beta.inbox());
    assert!(
        alpha.count() >= 20 && beta.count() >= 20,
        "both take their share"
    );

    // It breaks under a load that the other one alone takes some seconds for.
    let (knobs, asked) = broken(Fault::Error500);
    site.alpha.set(knobs);
    site.submit("during", 1_000, 300, json!({"lane": "bulk"}))
        .await;
    site.until("alpha", Circuit::Open, Share::Tenth).await;
    // What was granted a slot before it opened still arrives, on a busy machine for a while; then
    // only probes do.
    let mut from = usize::MAX;
    while asked.lock().len().abs_diff(from) > 1 {
        from = asked.lock().len();
        tokio::time::sleep(PROBE_EVERY * 3 / 4).await;
    }
    let (opened, from) = (Instant::now(), asked.lock().len());
    site.submit("urgent", 2_000, 5, json!({"lane": "urgent"}))
        .await;
    site.until_totals("urgent", json!({"sent": 5})).await;
    while asked.lock().len() < from + 3 {
        assert!(opened.elapsed() < LIMIT, "it is probed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (probes, passed) = (asked.lock().split_off(from), opened.elapsed());
    let most = passed.as_millis() / PROBE_EVERY.as_millis() + 2; // one under way at either end
    assert!(
        probes.len() as u128 <= most,
        "{} in {passed:?}",
        probes.len()
    );
    for n in 2_000..2_005 {
        assert!(
            probes.iter().all(|(to, _)| *to != phone(n)),
            "never an urgent one"
        );
    }

    // A probe is taken: it comes back, a step at a time.
    site.alpha.set(Knobs::default());
    site.until("alpha", Circuit::Closed, Share::Tenth).await;
    assert!(site.row("alpha").await.state.share < Share::Whole);
    site.until_totals("during", json!({"sent": 300})).await;
    site.until("alpha", Circuit::Closed, Share::Whole).await;
    let before = alpha.count();
    site.submit("after", 3_000, 60, json!({})).await;
    site.until_totals("after", json!({"sent": 60})).await;
    assert!(alpha.count() - before >= 20, "it takes its share again");

    // Everybody got it once, and the history tells why.
    for (from, count) in [(0, 60), (1_000, 300), (2_000, 5), (3_000, 60)] {
        for n in from..from + count {
            assert_eq!(alpha.to(&phone(n)).len() + beta.to(&phone(n)).len(), 1);
        }
    }
    let steps = site.history().await;
    assert!(
        steps.iter().all(|step| step.gateway == "alpha"),
        "{steps:?}"
    );
    let open = steps
        .iter()
        .find(|step| step.to.0 == Circuit::Open)
        .unwrap();
    let reasons = ["tries failed in 3 s", "tries of the last 600 ms failed"];
    assert!(
        reasons.iter().any(|told| open.reason.contains(told)),
        "{}",
        open.reason
    );
    assert!(open.figures.counted() >= 20 && open.figures.failed * 2 >= open.figures.counted());
    let closed = steps
        .iter()
        .find(|step| (step.from.0, step.to.0) == (Circuit::Open, Circuit::Closed))
        .unwrap();
    assert!(
        closed.reason.starts_with("a probe was taken"),
        "{}",
        closed.reason
    );
    let last = steps.last().unwrap();
    assert_eq!(last.to, (Circuit::Closed, Share::Whole));
    assert!(
        last.reason.starts_with("not worse than the others"),
        "{}",
        last.reason
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_left_through_one_gateway_never_goes_through_another() {
    // Slots for two or three at a time, so that both get some.
    let site = Site::start(10.0).await;
    site.alpha.set(breaking_off());
    site.submit("a", 0, 16, json!({})).await;
    let (alpha, beta) = (site.alpha.inbox(), site.beta.inbox());
    // The second try breaks off, too: nobody knows, and nobody else is asked.
    let started = Instant::now();
    while !site.is_settled("a").await {
        assert!(started.elapsed() < LIMIT);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let through = |inbox: &budstikke::sandbox::sms::Inbox| -> HashSet<String> {
        inbox
            .snapshot()
            .iter()
            .map(|taken| taken.to.to_string())
            .collect()
    };
    let (a, b) = (through(&alpha), through(&beta));
    assert_eq!(a.intersection(&b).count(), 0);
    assert_eq!(a.len() + b.len(), 16);
    assert!(!a.is_empty() && !b.is_empty());
    for to in &a {
        assert_eq!(alpha.to(to).len(), 2, "once more, through the same");
    }
    let wanted = json!({"sent": b.len(), "uncertain": a.len()});
    site.until_totals("a", wanted).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_no_gateway_may_be_used_messages_wait_for_one_or_for_their_deadline() {
    let site = Site::start(200.0).await;
    // Not 429: a gateway that asks for time is left alone before its circuit would open.
    let (knobs, _) = broken(Fault::Error500);
    site.alpha.set(knobs.clone());
    site.beta.set(knobs);
    site.submit("waits", 0, 200, json!({})).await;
    site.until("alpha", Circuit::Open, Share::Tenth).await;
    site.until("beta", Circuit::Open, Share::Tenth).await;
    let expires = site.worker.deps.clock.now().plus(Duration::from_secs(4));
    let short = json!({"lane": "urgent", "expires": expires.to_string()});
    site.submit("short", 1_000, 30, short).await;
    site.until_totals("short", json!({"not_sent": 30})).await;
    site.alpha.set(Knobs::default());
    site.beta.set(Knobs::default());
    site.until("alpha", Circuit::Closed, Share::Tenth).await;
    site.until("beta", Circuit::Closed, Share::Tenth).await;
    // The budget lets retries go one by one; what is new goes at once, and nothing was given up.
    site.submit("fresh", 2_000, 10, json!({"lane": "urgent"}))
        .await;
    site.until_totals("fresh", json!({"sent": 10})).await;
    let waits = site.totals("waits").await.to_json();
    for given_up in ["failed", "not_sent", "uncertain"] {
        assert_eq!(waits.get(given_up), None, "{waits}");
    }
    site.stop().await;
}
