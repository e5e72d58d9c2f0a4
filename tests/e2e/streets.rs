//! A broadcast along a street: who is written to, who is covered, and where somebody has to knock.

use std::time::Duration;

use budstikke::domain::person::PersonNumber;
use budstikke::sandbox::sms::{IsReceiver, Knobs};
use serde_json::{Value, json};

use crate::support::{Api, Site};

const HEADER: &str = "person,municipality,street,number,letter,household,birth_year\n";

/// Six persons in the order of their numbers.
fn persons() -> Vec<PersonNumber> {
    let mut all: Vec<PersonNumber> = (1..=7).map(PersonNumber::synthetic).collect();
    all.sort();
    all
}

/// A site with a street: in number 1 two who can be reached and a child, in number 3 one who cannot
/// and one who can, in 3B one who cannot, in number 2 one who can.
struct Street {
    site: Site,
    api: Api,
}

impl Street {
    async fn new() -> Self {
        let extra = "[[agency]]\nid = \"oslo\"\nmunicipality_number = \"0301\"\n";
        let mut site = Site::new(extra).await;
        let all = persons();
        let contacts: Vec<String> = [0, 1, 3, 5]
            .iter()
            .map(|at| contact(&all[*at], &format!("+479000000{at}")))
            .collect();
        std::fs::write(site.path("people.ndjson"), contacts.join("\n")).unwrap();
        let places = [
            (0, "1,,H1,1980"),
            (1, "1,,H1,1981"),
            (2, "3,,H1,1950"),
            (3, "3,,H1,1951"),
            (4, "3,b,H1,1990"),
            (5, "2,,H1,1990"),
            (6, "1,,H1,2020"),
        ];
        let rows = places.map(|(at, rest)| format!("{},0301,Storgata,{rest}", all[at].expose()));
        std::fs::write(
            site.path("street.csv"),
            format!("{HEADER}{}\n", rows.join("\n")),
        )
        .unwrap();
        site.run(&["register", "import", "people.ndjson"]);
        let said = site.run(&["register", "import", "--residents", "street.csv"]);
        assert_eq!(said, "7 residents imported\n");
        let key = site.key("oslo");
        let api = site.serve().await.with_key(&key);
        Self { site, api }
    }

    fn texts(&self) -> Vec<String> {
        let mut to: Vec<String> = self
            .site
            .sms
            .inbox()
            .snapshot()
            .iter()
            .map(|m| m.to.to_string())
            .collect();
        to.sort();
        to
    }
}

fn contact(person: &PersonNumber, mobile: &str) -> String {
    json!({
        "personidentifikator": person.expose(), "reservasjon": "NEI", "status": "AKTIV",
        "kontaktinformasjon": {"mobiltelefonnummer": mobile},
    })
    .to_string()
}

fn snow(name: &str, per_household: bool) -> Value {
    json!({
        "job": name, "class": "service_message", "purpose": "Snow clearing", "window": "anytime",
        "message": {"nb": {"sms": "Flytt bilen, brøytebilen kommer.",
                           "email": {"subject": "Brøyting", "text": "Flytt bilen."}}},
        "audience": {
            "street": {"municipality": "0301", "street": "storgata", "from": 1, "to": 40, "side": "odd"},
            "per_household": per_household,
        },
    })
}

#[tokio::test]
async fn everybody_at_one_side_of_a_street_is_told_and_the_other_doors_are_listed() {
    let mut street = Street::new().await;
    let (_, shown) = street
        .api
        .call("POST", "/v1/preview", Some(&snow("snow", false)))
        .await;
    assert_eq!(
        (&shown["recipients"], &shown["households"]),
        (&json!(5), &json!(3))
    );
    assert_eq!(shown["items"][0]["sms"]["parts"], 1);

    let receipt = street.api.submit(&snow("snow", false)).await;
    assert_eq!(receipt["recipients"], 5);
    street.api.until_finished("snow").await;
    let totals = street.api.get("/v1/jobs/snow").await["totals"].clone();
    assert_eq!(totals, json!({"sent": 3, "not_sent": 2}));
    assert_eq!(
        street.texts(),
        ["+4790000000", "+4790000001", "+4790000003"]
    );
    let report = street.api.get("/v1/jobs/snow/reach").await;
    assert_eq!(
        report,
        json!({
            "job": "snow", "state": "finished", "recipients": 5, "households": 3,
            "reach": {"delivered": 0, "sent": 3, "covered": 0, "no_contact_information": 2,
                      "refused": 0, "other": 0, "open": 0},
            "without_reach": [{"number": 3, "letter": "B", "households": 1, "unreached": 1}],
        })
    );

    // Somebody moves in: the same job is still the same, and tells nobody twice.
    let new = format!(
        "{HEADER}{},0301,Storgata,5,,H1,1990\n",
        persons()[6].expose()
    );
    std::fs::write(street.site.path("new.csv"), new).unwrap();
    street
        .site
        .run(&["register", "import", "--residents", "new.csv"]);
    let (status, again) = street
        .api
        .call("POST", "/v1/jobs", Some(&snow("snow", false)))
        .await;
    assert_eq!((status, &again["recipients"]), (200, &json!(5)));
    let (status, _) = street
        .api
        .call("POST", "/v1/jobs", Some(&snow("snow", true)))
        .await;
    assert_eq!(status, 409);
    street.site.stop().await;
}

#[tokio::test]
async fn of_a_household_the_first_who_can_be_reached_is_told_and_covers_the_others() {
    let mut street = Street::new().await;
    street.api.submit(&snow("snow", true)).await;
    street.api.until_finished("snow").await;
    assert_eq!(street.texts(), ["+4790000000", "+4790000003"]);
    let page = street.api.get("/v1/jobs/snow/notifications").await;
    let told: Vec<(Value, Value, Value, Value)> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let field = |name: &str| item[name].clone();
            (
                field("ref"),
                field("status"),
                field("reason"),
                field("covered_by"),
            )
        })
        .collect();
    let row = |reference: &str, status: &str, reason: Value, by: Value| {
        (json!(reference), json!(status), reason, by)
    };
    assert_eq!(
        told,
        [
            row("1", "sent", Value::Null, Value::Null),
            row("2", "not_sent", json!("covered"), json!("1")),
            row("3", "not_sent", json!("not_registered"), Value::Null),
            row("4", "sent", Value::Null, Value::Null),
            row("5", "not_sent", json!("not_registered"), Value::Null),
        ]
    );
    let key = street.api.key.clone();
    let output = street
        .site
        .command(&["status", "snow", "--reach", "--api", &street.api.url])
        .env("BUDSTIKKE_API_KEY", key)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("5 in 3 households"), "{said}");
    assert!(said.contains("3B"), "{said}");
    street.site.stop().await;
}

#[tokio::test]
async fn a_person_of_the_household_whose_message_fails_for_good_is_followed_by_the_next() {
    let mut street = Street::new().await;
    street.site.sms.set(Knobs {
        refuse: Some(IsReceiver::new(|to| to == "+4790000000")),
        ..Knobs::default()
    });
    street.api.submit(&snow("snow", true)).await;
    street.api.until_finished("snow").await;
    assert_eq!(street.texts(), ["+4790000001", "+4790000003"]);
    let totals = street.api.get("/v1/jobs/snow").await["totals"].clone();
    assert_eq!(totals, json!({"sent": 2, "failed": 1, "not_sent": 2}));
    street.site.stop().await;
}

#[tokio::test]
async fn a_street_where_nobody_can_be_told_or_that_is_not_ours_is_rejected() {
    let mut street = Street::new().await;
    let mut jobs = Vec::new();
    for (change, pointer, part) in [
        (
            json!({"street": "Lillegata"}),
            "/audience/street/street",
            "spelled",
        ),
        (
            json!({"from": 20}),
            "/audience/street",
            "from number 20 to 40 on the odd side",
        ),
        (
            json!({"municipality": "4601"}),
            "/audience/street/municipality",
            "own municipality",
        ),
    ] {
        let mut job = snow("snow", false);
        for (name, value) in change.as_object().unwrap() {
            job["audience"]["street"][name] = value.clone();
        }
        jobs.push((job, pointer, part));
    }
    let mut letter = snow("snow", false);
    letter["class"] = json!("letter");
    jobs.push((letter, "/audience", "service messages only"));
    for (job, pointer, part) in jobs {
        for path in ["/v1/jobs", "/v1/preview"] {
            let (status, answer) = street.api.call("POST", path, Some(&job)).await;
            assert_eq!(status, 422, "{answer}");
            let problem = &answer["problems"][0];
            assert_eq!(problem["pointer"], pointer, "{answer}");
            assert!(
                problem["problem"].as_str().unwrap().contains(part),
                "{answer}"
            );
        }
    }
    let (status, _) = street.api.call("GET", "/v1/jobs/snow/reach", None).await;
    assert_eq!(status, 404);
    let plain = json!({
        "job": "plain", "class": "service_message", "window": "anytime",
        "message": {"nb": {"sms": "Hei"}}, "recipients": [{"phone": "+4791234567"}],
    });
    street.api.submit(&plain).await;
    let (status, answer) = street.api.call("GET", "/v1/jobs/plain/reach", None).await;
    assert_eq!(status, 404);
    assert!(
        answer["detail"].as_str().unwrap().contains("audience"),
        "{answer}"
    );
    tokio::time::timeout(Duration::from_secs(30), street.site.stop())
        .await
        .unwrap();
}
