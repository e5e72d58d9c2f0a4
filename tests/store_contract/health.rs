//! The health of gateways: counts of the whole fleet, decisions that one makes, one probe at a time.

use std::time::Duration;

use budstikke::domain::health::{Circuit, GatewayState, Share, Tally, window};
use budstikke::domain::status::Status;
use budstikke::domain::time::Timestamp;
use budstikke::ports::store::{GatewayChange, GatewayRow, Guard, Next, TryOutcome};

use super::make;
use super::world::{GATEWAY, World, ids};

const BIN: Duration = Duration::from_millis(200);
const KEEP: Duration = Duration::from_secs(60);
const WINDOW: Duration = Duration::from_secs(30);

const fn tally(taken: u64, failed: u64) -> Tally {
    Tally {
        taken,
        failed,
        micros: taken * 1_000,
    }
}

async fn count(w: &World, keep: Duration, counts: &[(&str, Tally)]) {
    let counts: Vec<_> = counts
        .iter()
        .map(|(name, tally)| ((*name).to_owned(), *tally))
        .collect();
    w.store.tally(BIN, keep, &counts).await.unwrap();
}

async fn seen(w: &World, name: &str) -> Option<GatewayRow> {
    let view = w.store.fleet_view(WINDOW).await.unwrap();
    view.gateways.into_iter().find(|row| row.gateway == name)
}

/// What all of a gateway's bins come to.
async fn sum(w: &World, name: &str) -> Tally {
    let row = seen(w, name).await.unwrap_or_default();
    window(&row.bins, Timestamp(0))
}

fn opening(version: i64, at: Timestamp, probe_at: Timestamp) -> GatewayChange {
    let to = GatewayState {
        circuit: Circuit::Open,
        circuit_since: at,
        share: Share::Tenth,
        shifted_at: at,
        worse_at: at,
    };
    GatewayChange {
        gateway: GATEWAY.to_owned(),
        version,
        from: GatewayState::default(),
        to,
        probe_at,
        at,
        reason: Some("most of it failed".to_owned()),
        figures: tally(3, 40),
    }
}

pub async fn counts_of_all_workers_add_up(w: World) {
    let adding = (0..20).map(|n| {
        let store = w.store.clone();
        async move {
            let mut counts = vec![
                (GATEWAY.to_owned(), tally(10, n)),
                ("reserve".to_owned(), tally(1, 0)),
            ];
            if n % 2 == 0 {
                counts.reverse();
            }
            store.tally(BIN, KEEP, &counts).await.unwrap();
        }
    });
    futures::future::join_all(adding).await;
    assert_eq!(sum(&w, GATEWAY).await, tally(200, 190));
    assert_eq!(sum(&w, "reserve").await, tally(20, 0));
    assert_eq!(seen(&w, "other").await, None);
    w.store.tally(BIN, KEEP, &[]).await.unwrap();
}

pub async fn counts_go_into_the_bin_of_their_time_and_old_bins_go(w: World) {
    let before = w.now().await;
    count(&w, KEEP, &[(GATEWAY, tally(1, 0))]).await;
    w.pass(BIN * 2).await;
    count(&w, KEEP, &[(GATEWAY, tally(0, 2))]).await;
    let row = seen(&w, GATEWAY).await.unwrap();
    assert_eq!(
        row.bins.iter().map(|bin| bin.tally).collect::<Vec<_>>(),
        [tally(1, 0), tally(0, 2)]
    );
    for bin in &row.bins {
        assert_eq!(bin.at.0 % 200_000, 0);
        assert!(bin.at >= before.minus(BIN) && bin.at <= w.now().await);
    }
    // A view of no time shows at most the bin that begins at this moment.
    let recent = w.store.fleet_view(Duration::ZERO).await.unwrap();
    let shown: usize = recent.gateways.iter().map(|row| row.bins.len()).sum();
    assert!(shown <= 1, "{recent:?}");
    w.pass(BIN * 2).await;
    count(&w, BIN, &[("reserve", tally(1, 0))]).await;
    assert_eq!(seen(&w, GATEWAY).await, None);
}

pub async fn the_view_tells_the_time_and_who_lives(w: World) {
    let (before, _worker) = (w.now().await, w.worker().await);
    let view = w.store.fleet_view(WINDOW).await.unwrap();
    assert_eq!(view.workers, 1);
    assert!(view.now >= before && view.now <= w.now().await);
    assert_eq!(view.gateways, []);
}

pub async fn of_many_who_decide_at_once_one_does_and_the_history_tells_it_once(w: World) {
    let now = w.now().await;
    let deciding = (0..10).map(|_| {
        let store = w.store.clone();
        async move { store.change_gateway(opening(0, now, now)).await.unwrap() }
    });
    let decided = futures::future::join_all(deciding).await;
    assert_eq!(decided.iter().filter(|one| **one).count(), 1);
    let row = seen(&w, GATEWAY).await.unwrap();
    assert_eq!((row.version, row.state), (1, opening(0, now, now).to));
    assert_eq!(row.probe_at, now);
    let history = w.store.gateway_history(10).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].at, now);
    assert_eq!(history[0].gateway, GATEWAY);
    assert_eq!(history[0].from, (Circuit::Closed, Share::Whole));
    assert_eq!(history[0].to, (Circuit::Open, Share::Tenth));
    assert_eq!(history[0].reason, "most of it failed");
    assert_eq!(history[0].figures, tally(3, 40));
}

pub async fn a_decision_rests_on_what_was_read(w: World) {
    let now = w.now().await;
    assert!(w.store.change_gateway(opening(0, now, now)).await.unwrap());
    assert!(!w.store.change_gateway(opening(0, now, now)).await.unwrap());
    assert!(!w.store.change_gateway(opening(7, now, now)).await.unwrap());
    let noted = GatewayChange {
        reason: None,
        to: GatewayState {
            share: Share::Half,
            ..GatewayState::default()
        },
        ..opening(1, now, now)
    };
    assert!(w.store.change_gateway(noted).await.unwrap());
    let row = seen(&w, GATEWAY).await.unwrap();
    assert_eq!((row.version, row.state.share), (2, Share::Half));
    assert_eq!(w.store.gateway_history(10).await.unwrap().len(), 1);
}

pub async fn one_probe_is_given_at_a_time(w: World) {
    let every = Duration::from_millis(300);
    let now = w.now().await;
    assert!(!w.store.take_probe(GATEWAY, every).await.unwrap());
    let open = opening(0, now, now.plus(every));
    assert!(w.store.change_gateway(open).await.unwrap());
    assert!(
        !w.store.take_probe(GATEWAY, every).await.unwrap(),
        "too early"
    );
    for _ in 0..2 {
        w.pass(every + Duration::from_millis(20)).await;
        let asking = (0..8).map(|_| {
            let store = w.store.clone();
            async move { store.take_probe(GATEWAY, every).await.unwrap() }
        });
        let given = futures::future::join_all(asking).await;
        assert_eq!(given.iter().filter(|one| **one).count(), 1);
    }
    let closed = GatewayChange {
        to: GatewayState::default(),
        ..opening(1, now, now)
    };
    assert!(w.store.change_gateway(closed).await.unwrap());
    w.pass(every * 2).await;
    assert!(!w.store.take_probe(GATEWAY, every).await.unwrap(), "closed");
}

pub async fn a_delivery_that_may_have_left_tells_through_which_gateway(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 3).await;
    let now = w.now().await;
    let [unknown, failed, sent] = ids(&claim)[..] else {
        panic!("three were asked for");
    };
    let waits = Next::AwaitReceipt { until: now };
    let again = Next::Wait {
        due: now,
        slot: 0,
        tries: 1,
    };
    let mut settlements = Vec::new();
    for (id, how, next) in [
        (unknown, TryOutcome::Unknown, waits),
        (failed, TryOutcome::NotSent, again),
        (sent, TryOutcome::Accepted, make::settled(Status::Sent)),
    ] {
        settlements.push(make::outcome(w.oslo, "a", id, claim.id, how, next, now));
    }
    w.settle(settlements).await;
    let asked = [unknown, failed];
    let through = w.store.tried_through(&asked).await.unwrap();
    assert_eq!(through, [(unknown, GATEWAY.to_owned())]);
    assert_eq!(w.store.tried_through(&[]).await.unwrap(), []);
    // Still so while it waits for its second try.
    let due = w.store.due_unknown(1).await.unwrap().remove(0);
    let guard = Guard::Unclaimed {
        state: budstikke::domain::state::State::Unknown,
        version: due.version,
        due: due.due,
    };
    let second = Next::Wait {
        due: now,
        slot: 1,
        tries: 0,
    };
    w.settle(vec![make::settlement(
        w.oslo, "a", unknown, guard, second, now,
    )])
    .await;
    let through = w.store.tried_through(&[unknown]).await.unwrap();
    assert_eq!(through, [(unknown, GATEWAY.to_owned())]);
}

pub async fn the_history_of_gateways_goes_with_the_facts(w: World) {
    let now = w.now().await;
    assert!(w.store.change_gateway(opening(0, now, now)).await.unwrap());
    let never = Timestamp(0);
    for (facts, left) in [(now, 1), (now.plus(BIN), 0)] {
        let erased = w.store.erase(never, never, facts, never, 10).await;
        assert!(erased.unwrap().is_nothing());
        let history = w.store.gateway_history(10).await.unwrap();
        assert_eq!(history.len(), left);
    }
    assert!(seen(&w, GATEWAY).await.is_some(), "what is decided stays");
}
