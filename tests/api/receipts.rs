//! Delivery reports.

use std::time::{Duration, Instant};

use axum::http::header::{HeaderName, WWW_AUTHENTICATE};
use budstikke::api::ApiLimits;
use budstikke::domain::address_limit::AddressLimits;
use budstikke::domain::ids::DeliveryId;
use budstikke::domain::kinds::{Channel, Lane};
use budstikke::domain::pace::Rate;
use budstikke::domain::status::Status;
use budstikke::ports::store::{
    Guard, IntentBatch, IntentEntry, Label, Next, Settlement, TryOutcome, TryResult, Want,
};

use crate::calls::Call;
use crate::support::{Api, GUARDED, LIMITS, OPEN, OSLO, TOKEN, job, start, start_with};

const GUARDED_PATH: &str = "/v1/receipts/guarded";
const OPEN_PATH: &str = "/v1/receipts/open";
const TOKEN_IN_QUERY: &str = "token=let-me+%26%20in";

fn report(path: &str) -> Call {
    Call::post(path).body("text/plain", "unknown-reference")
}

#[tokio::test]
async fn a_token_is_taken_from_the_query_or_as_bearer_and_nothing_less() {
    let api = start().await;
    let with_query = report(&format!("{GUARDED_PATH}?{TOKEN_IN_QUERY}"));
    assert_eq!(api.call(with_query).await.status, 200);
    assert_eq!(api.call(report(GUARDED_PATH).key(TOKEN)).await.status, 200);
    let here = report(GUARDED_PATH).peer("127.0.0.1:9");
    let wrong = [
        here,
        report(GUARDED_PATH),
        report(GUARDED_PATH).key("wrong"),
        report(GUARDED_PATH).key(OSLO),
        report(&format!("{GUARDED_PATH}?token=")),
        report(&format!("{GUARDED_PATH}?token=let-me")),
    ];
    for call in wrong {
        let answer = api.call(call).await;
        answer.problem(401);
        assert_eq!(answer.header(WWW_AUTHENTICATE), Some("Bearer"));
    }
    let unknown = report(&format!("/v1/receipts/nobody?{TOKEN_IN_QUERY}"));
    api.call(unknown).await.problem(404);
}

#[tokio::test]
async fn without_a_token_only_the_same_machine_is_believed() {
    let api = start().await;
    for here in [
        "127.0.0.1:1",
        "127.9.9.9:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        let answer = api.call(report(OPEN_PATH).peer(here)).await;
        assert_eq!(answer.status, 200, "{here}: {}", answer.text());
    }
    for elsewhere in ["192.0.2.1:1", "10.0.0.1:1", "[2001:db8::1]:1"] {
        let guess = report(&format!("{OPEN_PATH}?token="))
            .key("")
            .peer(elsewhere);
        api.call(guess).await.problem(403);
    }
    let forwarded = HeaderName::from_static("x-forwarded-for");
    let proxied = report(OPEN_PATH)
        .peer("127.0.0.1:1")
        .header(forwarded, "192.0.2.1");
    api.call(proxied).await.problem(403);
}

#[tokio::test]
async fn a_report_that_cannot_be_read_is_refused_and_a_long_one_not_read() {
    let api = start().await;
    let post = || Call::post(GUARDED_PATH).key(TOKEN);
    let odd = api
        .call(post().body("application/xml", "<x/>"))
        .await
        .problem(400);
    assert_eq!(odd["detail"], "the report is not text/plain");
    let fits = "x\n".repeat(32 * 1024);
    assert_eq!(
        api.call(post().body("text/plain", fits.clone()))
            .await
            .status,
        200
    );
    api.call(post().body("text/plain", fits + "x"))
        .await
        .problem(413);
    api.call(Call::new("PUT", GUARDED_PATH).key(TOKEN))
        .await
        .problem(405);
    let head = Call::new("HEAD", &format!("{GUARDED_PATH}?ref=a"));
    assert_eq!(api.call(head.key(TOKEN)).await.status, 405);
}

#[tokio::test]
async fn whoever_guesses_tokens_is_slowed_down_and_the_gateway_is_not() {
    let api = start_with(ApiLimits {
        rate_per_key: 0.01,
        burst_per_key: 2,
        ..LIMITS
    })
    .await;
    for _ in 0..2 {
        api.call(report(GUARDED_PATH).key("guess"))
            .await
            .problem(401);
    }
    api.call(report(GUARDED_PATH).key("guess"))
        .await
        .problem(429);
    for _ in 0..10 {
        assert_eq!(api.call(report(GUARDED_PATH).key(TOKEN)).await.status, 200);
    }
}

/// Puts the job's only delivery on the wire at a gateway, as the dispatcher would.
async fn sent(api: &Api, gateway: &str, reference: &str) -> DeliveryId {
    let (store, agency) = (&api.store, api.oslo);
    let want = Want {
        agency,
        lane: Lane::Normal,
        channel: Channel::Sms,
        limit: 1,
    };
    let claim = store
        .claim(api.worker.deps.worker(), &[want])
        .await
        .unwrap();
    let claimed = claim.deliveries[0];
    let entry = IntentEntry {
        delivery: claimed.delivery,
        agency,
        channel: claimed.delivery.channel(),
        claim: claim.id,
        slot: 0,
        attempt: claimed.attempts,
        again: false,
        cost: 1,
        cover: None,
        address: None,
    };
    let batch = IntentBatch {
        gateway: gateway.to_owned(),
        rate: Rate::new(100.0, 1).unwrap(),
        lead: std::time::Duration::ZERO,
        turns: budstikke::domain::pace::Turns::NONE,
        ahead: Duration::from_secs(1),
        agency_rates: Vec::new(),
        address_limits: AddressLimits::default(),
        entries: vec![entry],
    };
    assert_eq!(store.intend(batch).await.unwrap().granted.len(), 1);
    let (jobs, chunks) = store
        .load(&[claimed.delivery.job()], &[(claimed.delivery.job(), 0)])
        .await
        .unwrap();
    let settlement = Settlement {
        delivery: claimed.delivery,
        guard: Guard::Claim(claim.id),
        tried: Some(TryResult {
            slot: 0,
            attempt: claimed.attempts,
            outcome: TryOutcome::Accepted,
            provider_reference: Some(reference.to_owned()),
        }),
        next: Next::Settled {
            status: Status::Sent,
            reason: None,
            channel_chosen: true,
            possible_duplicate: false,
            covered_by: None,
        },
        label: Label {
            agency,
            job: jobs[0].name.clone().into(),
            reference: chunks[0].references[0].clone().into(),
            class: jobs[0].rules.class,
        },
        at: api.worker.deps.clock.now(),
    };
    let report = store.settle(vec![settlement]).await.unwrap();
    assert_eq!(report.fenced, Vec::<usize>::new());
    claimed.delivery
}

async fn status(api: &Api) -> String {
    let list = api
        .call(Call::get("/v1/jobs/a/notifications").key(OSLO))
        .await;
    list.json()["items"][0]["status"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_report_changes_the_status_of_that_gateways_message_only() {
    for get in [false, true] {
        let api = start().await;
        api.accepted(&job("a", 1)).await;
        sent(&api, GUARDED, "id-1").await;
        assert_eq!(status(&api).await, "sent");
        let alien = Call::post(OPEN_PATH)
            .peer("127.0.0.1:1")
            .body("text/plain", "id-1");
        assert_eq!(api.call(alien).await.status, 200, "{OPEN}");
        let own = if get {
            Call::get(&format!("{GUARDED_PATH}?{TOKEN_IN_QUERY}&ref=id-1"))
        } else {
            Call::post(GUARDED_PATH)
                .key(TOKEN)
                .body("text/plain", "id-1")
        };
        assert_eq!(status(&api).await, "sent");
        assert_eq!(api.call(own).await.status, 200);
        let began = Instant::now();
        while status(&api).await != "delivered" {
            assert!(began.elapsed() < Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What a mail system sends back about a message.
fn bounce(delivery: DeliveryId) -> Call {
    let text = format!(
        "From: MAILER-DAEMON@relay.example\r\nTo: varsel@oslo.example\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; relay.example\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
         --b\r\nContent-Type: message/rfc822\r\n\r\n\
         Message-ID: <{}@oslo.example>\r\n\r\nBrev\r\n\r\n--b--\r\n",
        delivery.client_reference()
    );
    Call::post("/v1/bounces").body("message/rfc822", text)
}

#[tokio::test]
async fn a_bounce_makes_what_was_sent_fail_and_nobody_without_the_token_can_say_so() {
    let api = start().await;
    api.accepted(&job("a", 1)).await;
    let delivery = sent(&api, "relay", "queued").await;
    api.call(bounce(delivery)).await.problem(401);
    api.call(bounce(delivery).key(OSLO)).await.problem(401);
    assert_eq!(status(&api).await, "sent");
    assert_eq!(api.call(bounce(delivery).key(TOKEN)).await.status, 200);
    assert_eq!(status(&api).await, "failed");
    let list = Call::get("/v1/jobs/a/notifications").key(OSLO);
    assert_eq!(api.call(list).await.json()["items"][0]["reason"], "bounced");
    // What nobody knows is taken like the rest; what is no report is not.
    let unknown = bounce(DeliveryId(1 << 40)).key(TOKEN);
    assert_eq!(api.call(unknown).await.status, 200);
    let prose = Call::post("/v1/bounces")
        .key(TOKEN)
        .body("message/rfc822", "Subject: away\r\n\r\nI am away.\r\n");
    api.call(prose).await.problem(400);
}
