//! Rates of agencies and limits per address, through the whole program.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::support::Site;

fn job(name: &str, phones: std::ops::Range<u32>) -> Value {
    let recipient = |n| json!({"ref": format!("r{n}"), "phone": format!("+479{n:07}")});
    json!({
        "job": name,
        "class": "service_message",
        "window": "anytime",
        "message": {"nb": {"sms": "Vannet er borte til kl. 15"}},
        "recipients": phones.map(recipient).collect::<Vec<_>>(),
    })
}

fn sent_to(site: &Site, begin: &str) -> usize {
    let inbox = site.sms.inbox().snapshot();
    inbox.iter().filter(|one| one.to.starts_with(begin)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_at_its_own_rate_delays_nobody_else() {
    let mut site = Site::new("[[agency]]\nid = \"oslo\"\nsms_rate = 20.0\n").await;
    let (oslo, bergen) = (site.key("oslo"), site.key("bergen"));
    let api = site.serve().await;
    let (oslo, bergen) = (api.with_key(&oslo), api.with_key(&bergen));
    let started = Instant::now();
    oslo.submit(&job("slow", 1_000_000..1_000_060)).await;
    bergen.submit(&job("quick", 2_000_000..2_000_100)).await;
    bergen.until_totals("quick", &json!({"sent": 100})).await;
    let so_far = sent_to(&site, "+4791");
    let bound = 20.0 * (started.elapsed().as_secs_f64() + 0.05) + 1.0;
    assert!((so_far as f64) <= bound, "{so_far} of {bound}");
    assert!(so_far < 60, "the slow one is still at it");
    oslo.until_totals("slow", &json!({"sent": 60})).await;
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(2_900), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_got_enough_waits_until_the_deadline() {
    let mut site = Site::new("[limits]\nidentical_per_hour = 2\n").await;
    let (oslo, bergen) = (site.key("oslo"), site.key("bergen"));
    let api = site.serve().await;
    let (oslo, bergen) = (api.with_key(&oslo), api.with_key(&bergen));
    for (agency, name) in [(&oslo, "one"), (&bergen, "two")] {
        agency.submit(&job(name, 0..1)).await;
        agency.until_totals(name, &json!({"sent": 1})).await;
    }
    let mut third = job("three", 0..2);
    let expires = jiff::Timestamp::try_from(SystemTime::now() + Duration::from_secs(3)).unwrap();
    third["expires"] = expires.to_string().into();
    oslo.submit(&third).await;
    oslo.until_totals("three", &json!({"waiting": 1, "sent": 1}))
        .await;
    oslo.until_totals("three", &json!({"not_sent": 1, "sent": 1}))
        .await;
    let list = oslo.get("/v1/jobs/three/notifications?limit=10").await;
    let reasons: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| &i["reason"])
        .collect();
    assert_eq!(reasons, [&json!("expired"), &Value::Null]);
    assert_eq!(sent_to(&site, "+4790000000"), 2);
    let another = json!({"nb": {"sms": "Vannet er tilbake"}});
    let mut fourth = job("four", 0..1);
    fourth["message"] = another;
    bergen.submit(&fourth).await;
    bergen.until_totals("four", &json!({"sent": 1})).await;
}
