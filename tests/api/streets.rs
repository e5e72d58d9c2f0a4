//! Jobs for a street, without anything sent.

use budstikke::domain::person::PersonNumber;
use budstikke::domain::street::Resident;
use budstikke::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::calls::Call;
use crate::support::{BERGEN, OSLO, start};

/// So many residents, ten in each house.
fn residents(count: u32) -> Vec<Resident> {
    (0..count)
        .map(|n| Resident {
            person: PersonNumber::synthetic(n),
            municipality: "0301".to_owned(),
            street: "Storgata".to_owned(),
            number: 1 + n / 10,
            letter: String::new(),
            household: format!("H{}", n % 5),
            birth_year: 1980,
        })
        .collect()
}

fn snow(name: &str, to: u32) -> Value {
    json!({
        "job": name, "class": "service_message", "purpose": "Snow clearing", "channel": "sms",
        "window": "anytime", "message": {"nb": {"sms": "Flytt bilen."}},
        "audience": {"street": {"municipality": "0301", "street": "Storgata", "from": 1, "to": to}},
    })
}

#[tokio::test]
async fn a_street_with_more_residents_than_a_job_may_have_is_rejected_and_its_half_is_not() {
    let api = start().await;
    for batch in residents(10_010).chunks(1_000) {
        api.store.put_residents(batch, Timestamp(0)).await.unwrap();
    }
    let answer = api
        .call(Call::post("/v1/jobs").key(OSLO).json(&snow("all", 9_999)))
        .await;
    let problem = answer.problem(422)["problems"][0].clone();
    assert_eq!(problem["pointer"], "/audience/street");
    assert!(
        problem["problem"].as_str().unwrap().contains("10000"),
        "{problem}"
    );
    let answer = api
        .call(Call::post("/v1/jobs").key(OSLO).json(&snow("most", 1_000)))
        .await;
    assert_eq!(
        (answer.status, &answer.json()["recipients"]),
        (202, &json!(10_000))
    );

    let report = api.call(Call::get("/v1/jobs/most/reach").key(OSLO)).await;
    let report = report.json();
    assert_eq!(report["households"], 5_000);
    assert_eq!(
        (&report["reach"]["open"], &report["state"]),
        (&json!(10_000), &json!("open"))
    );
    assert_eq!(report["without_reach"], json!([]));
}

#[tokio::test]
async fn a_reach_report_is_its_agencys_own_and_goes_with_the_identities() {
    let api = start().await;
    api.store
        .put_residents(&residents(3), Timestamp(0))
        .await
        .unwrap();
    api.accepted(&snow("snow", 10)).await;
    let report = "/v1/jobs/snow/reach";
    api.call(Call::get(report).key(BERGEN)).await.problem(404);
    assert_eq!(api.call(Call::get(report).key(OSLO)).await.status, 200);
    api.sql("UPDATE chunk SET persons = NULL").await;
    let gone = api.call(Call::get(report).key(OSLO)).await.problem(410);
    assert!(
        gone["detail"].as_str().unwrap().contains("erased"),
        "{gone}"
    );
}
