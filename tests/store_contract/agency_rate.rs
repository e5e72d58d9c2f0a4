//! An agency with a rate of its own: never above it, and in nobody's way.

use std::time::Duration;

use budstikke::domain::ids::AgencyNo;
use budstikke::domain::kinds::{Channel, Lane};
use budstikke::domain::pace::Rate;
use budstikke::ports::store::{AgencyRate, Claim, IntentBatch, IntentEntry, Intents};

use super::make;
use super::world::{World, batch, entry, want};

fn rate(agency: AgencyNo, channel: Channel, per_second: f64) -> AgencyRate {
    AgencyRate {
        agency,
        channel,
        rate: Rate::new(per_second, 1).unwrap(),
    }
}

/// Claims so many of each agency, Oslo's first.
async fn claimed(w: &World, oslo: u16, bergen: u16) -> Claim {
    let now = w.now().await;
    w.accept(make::job("a").to(oslo).by(w.oslo, now)).await;
    w.accept(make::job("a").to(bergen).by(w.bergen, now)).await;
    let worker = w.worker().await;
    let wants = [
        want(w.oslo, Lane::Normal, oslo.into()),
        want(w.bergen, Lane::Normal, bergen.into()),
    ];
    w.store.claim(worker, &wants).await.unwrap()
}

fn entries(claim: &Claim) -> Vec<IntentEntry> {
    let entries = claim.deliveries.iter().map(|c| entry(claim.id, c));
    entries.collect()
}

/// At 100 a second, Oslo at four.
fn limited(w: &World, entries: Vec<IntentEntry>) -> IntentBatch {
    IntentBatch {
        rate: Rate::new(100.0, 1).unwrap(),
        agency_rates: vec![rate(w.oslo, Channel::Sms, 4.0)],
        ..batch(entries)
    }
}

fn starts(intents: &Intents) -> Vec<(usize, u128)> {
    let start = |g: &budstikke::ports::store::Granted| (g.index, g.starts_in.as_millis());
    intents.granted.iter().map(start).collect()
}

pub async fn an_agency_at_its_own_rate_lets_the_others_pass(w: World) {
    let claim = claimed(&w, 4, 3).await;
    let intents = w.store.intend(limited(&w, entries(&claim))).await.unwrap();
    let expected = [(0, 0), (4, 10), (5, 20), (6, 30), (1, 250)];
    assert_eq!(starts(&intents), expected);
    assert_eq!(intents.refused, []);
    assert_eq!(intents.agencies, [(w.oslo, Duration::from_millis(250))]);
    // What is left over waits for the agency; the gateway would have a slot in ten milliseconds.
    let rest = [2, 3].map(|place: usize| entry(claim.id, &claim.deliveries[place]));
    let intents = w.store.intend(limited(&w, rest.to_vec())).await.unwrap();
    assert_eq!(intents.granted, []);
    assert_eq!(intents.agencies.len(), 1);
    w.pass(Duration::from_millis(260)).await;
    let intents = w.store.intend(limited(&w, rest.to_vec())).await.unwrap();
    assert_eq!(intents.granted.len(), 1);
}

pub async fn an_agencys_rate_holds_over_all_gateways(w: World) {
    let claim = claimed(&w, 3, 1).await;
    let all = limited(&w, entries(&claim)[..3].to_vec());
    let first = IntentBatch {
        entries: all.entries[..1].to_vec(),
        ..all.clone()
    };
    let second = IntentBatch {
        gateway: "reserve".to_owned(),
        entries: all.entries[1..].to_vec(),
        ..all
    };
    assert_eq!(starts(&w.store.intend(first).await.unwrap()), [(0, 0)]);
    let intents = w.store.intend(second).await.unwrap();
    assert_eq!(intents.granted.len(), 1);
    let start = intents.granted[0].starts_in;
    assert!(start > Duration::from_millis(100), "{start:?}");
}

pub async fn an_agencys_channels_have_rates_of_their_own(w: World) {
    let claim = claimed(&w, 3, 1).await;
    let mut mixed = limited(&w, entries(&claim)[..3].to_vec());
    mixed.entries[1].channel = Channel::Email;
    mixed.agency_rates.push(rate(w.oslo, Channel::Email, 1.0));
    let intents = w.store.intend(mixed).await.unwrap();
    assert_eq!(starts(&intents), [(0, 0), (1, 10), (2, 250)]);
}

pub async fn a_refused_entry_takes_no_slot_of_its_agency(w: World) {
    let claim = claimed(&w, 2, 1).await;
    let mut mixed = limited(&w, entries(&claim));
    mixed.entries[0].attempt = 7;
    let intents = w.store.intend(mixed).await.unwrap();
    assert_eq!(starts(&intents), [(1, 0), (2, 10)]);
}

pub async fn many_at_once_on_two_gateways_stay_within_both_agencies_rates(w: World) {
    const RATE: f64 = 100.0;
    let claim = claimed(&w, 200, 200).await;
    let from = w.now().await;
    let mut tasks = Vec::new();
    for task in 0..8 {
        let mut mine: Vec<_> = entries(&claim).into_iter().skip(task).step_by(8).collect();
        if task % 2 == 1 {
            mine.reverse();
        }
        let (store, oslo, bergen) = (w.store.clone(), w.oslo, w.bergen);
        tasks.push(tokio::spawn(async move {
            let mut granted = [0; 2];
            for some in mine.chunks(10) {
                let batch = IntentBatch {
                    gateway: format!("gateway-{}", task % 3),
                    agency_rates: vec![
                        rate(bergen, Channel::Sms, RATE),
                        rate(oslo, Channel::Sms, RATE),
                    ],
                    ..batch(some.to_vec())
                };
                for one in store.intend(batch).await.unwrap().granted {
                    granted[usize::from(some[one.index].agency == oslo)] += 1;
                }
            }
            granted
        }));
    }
    let mut granted = [0; 2];
    for task in tasks {
        let more = task.await.unwrap();
        granted = [granted[0] + more[0], granted[1] + more[1]];
    }
    let elapsed = w.now().await.since(from) + Duration::from_millis(250);
    let bound = RATE * elapsed.as_secs_f64() + 1.0;
    for granted in granted {
        assert!(f64::from(granted) <= bound, "{granted} of {bound}");
        // 25 are within reach at once. A gateway's cursor may be at the other agency's horizon
        // already, 250 ms on, and has 100 ms saved up: 15 of one agency may be lost between them.
        assert!(granted >= 10, "{granted}");
    }
}
