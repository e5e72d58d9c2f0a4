//! The program with the register of Digdir, and what becomes of people when it is down.

use std::time::{Duration, Instant};

use budstikke::domain::person::PersonNumber;
use budstikke::sandbox::keys;
use budstikke::sandbox::krr::{Admission, KrrFault, KrrServer, Others, Profile};
use budstikke::sandbox::maskinporten::{
    Client, ClientKey, Clients, MaskinportenServer, TokenFault,
};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use crate::support::{Api, LIMIT, Site};

/// A site whose register is the fake one.
struct World {
    site: Site,
    krr: KrrServer,
    maskinporten: MaskinportenServer,
}

impl World {
    async fn new(extra: &str) -> Self {
        let pem = keys::generate_pem().unwrap();
        let key = budstikke::adapters::jose::wire::SigningKey::from_pem(&pem).unwrap();
        let public = key.public().clone();
        let known = ClientKey::Kid(public.thumbprint(), public);
        let client = Client::new("client", known, "krr:global/kontaktinformasjon.read");
        let clients = Clients::Registered(vec![client]);
        let maskinporten = MaskinportenServer::start(clients).await.unwrap();
        let krr = KrrServer::start(Admission::Tokens(maskinporten.tokens()))
            .await
            .unwrap();
        let extra = format!(
            r#"
[register]
kind = "krr"
[register.krr]
url = "{}"
rate = 100.0
[register.krr.maskinporten]
issuer = "{}"
client_id = "client"
key_file = "client.pem"
[[agency]]
id = "oslo"
legal_basis = "eForvaltningsforskriften § 32"
[[agency]]
id = "bergen"
legal_basis = "eForvaltningsforskriften § 32"
{extra}
"#,
            krr.url(),
            maskinporten.issuer(),
        );
        let site = Site::new(&extra).await;
        std::fs::write(site.path("client.pem"), pem).unwrap();
        Self {
            site,
            krr,
            maskinporten,
        }
    }

    async fn serve(&mut self) -> Api {
        let key = self.site.key("oslo");
        self.site.serve().await.with_key(&key)
    }
}

fn job(name: &str, class: &str, persons: &[PersonNumber]) -> Value {
    let recipients: Vec<Value> = persons
        .iter()
        .map(|person| json!({"person": person.expose()}))
        .collect();
    json!({
        "job": name, "class": class, "purpose": "Letters in the digital mailbox",
        "window": "anytime", "language": "nb",
        "message": {"nb": {"sms": "Du har fått post.",
                           "email": {"subject": "Ny post", "text": "Du har fått post."}}},
        "recipients": recipients,
    })
}

#[tokio::test]
async fn a_letter_follows_what_the_register_says_of_each_person() {
    let mut world = World::new("").await;
    let api = world.serve().await;
    let persons: Vec<PersonNumber> = Profile::ALL.iter().map(|one| one.number()).collect();
    api.submit(&job("letters", "letter", &persons)).await;
    api.until_finished("letters").await;
    let page = api.get("/v1/jobs/letters/notifications?limit=1000").await;
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), Profile::ALL.len());
    for (at, profile) in Profile::ALL.iter().enumerate() {
        let reference = (at + 1).to_string();
        let item = items.iter().find(|item| item["ref"] == *reference);
        let item = item.unwrap_or_else(|| panic!("no {reference} in {page}"));
        let reason = match profile {
            Profile::Deleted => "deleted",
            Profile::NotRegistered => "not_registered",
            Profile::Expired => "stale_address",
            Profile::Reserved => "reserved",
            Profile::NoAddress | Profile::Blanks => "no_address",
            Profile::UnknownCodes | Profile::NotNotifiable => "not_notifiable",
            Profile::Unusable => "invalid_address",
            Profile::MobileEmailMailbox
            | Profile::MobileEmail
            | Profile::MobileOnly
            | Profile::EmailOnly
            | Profile::Reset
            | Profile::StaleMobile
            | Profile::StaleEmail
            | Profile::ConfirmedLately
            | Profile::Shared
            | Profile::Nynorsk
            | Profile::English
            | Profile::Sami
            | Profile::Abroad => {
                assert_eq!(item["status"], "sent", "{}: {item}", profile.as_str());
                continue;
            }
        };
        assert_eq!(item["reason"], reason, "{}: {item}", profile.as_str());
    }
    assert_eq!(world.krr.calls().count(), 1);
    world.site.stop().await;
}

#[tokio::test]
async fn while_the_register_is_down_letters_and_service_messages_wait() {
    let mut world = World::new("").await;
    world.krr.turn(|knobs| {
        knobs.others = Others::Ordinary;
        knobs.always = Some(KrrFault::Unavailable503(None));
    });
    world
        .maskinporten
        .turn(|knobs| knobs.next.push_back(TokenFault::Error500));
    let api = world.serve().await;
    let persons: Vec<PersonNumber> = (0..20).map(PersonNumber::synthetic).collect();
    api.submit(&job("letters", "letter", &persons)).await;
    api.submit(&job("service", "service_message", &persons))
        .await;
    let started = Instant::now();
    while world.krr.calls().count() < 3 {
        assert!(started.elapsed() < LIMIT, "the register is not asked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for name in ["letters", "service"] {
        let view = api.get(&format!("/v1/jobs/{name}")).await;
        assert_eq!(view["state"], "open", "{view}");
        let settled = ["sent", "failed", "not_sent", "uncertain"];
        assert!(
            settled.iter().all(|one| view["totals"][one].is_null()),
            "{view}"
        );
    }
    world.krr.turn(|knobs| knobs.always = None);
    for name in ["letters", "service"] {
        api.until_finished(name).await;
        let view = api.get(&format!("/v1/jobs/{name}")).await;
        assert_eq!(view["totals"], json!({"sent": 20}), "{view}");
    }
    for person in &persons {
        assert!(!world.site.log().contains(person.expose()));
    }
    world.site.stop().await;
}

/// The audit about everybody, by what the register said.
fn audited(site: &Site, found: &str) -> usize {
    let text = site.run(&["audit", "--json", "--limit", "1000"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    let items = answer["items"].as_array().unwrap();
    items.iter().filter(|item| item["found"] == found).count()
}

#[tokio::test]
async fn a_call_that_got_no_answer_is_in_the_audit_and_one_that_was_not_made_is_not() {
    let mut world = World::new("").await;
    let persons: Vec<PersonNumber> = (0..10).map(PersonNumber::synthetic).collect();
    world.krr.turn(|knobs| {
        knobs.others = Others::Ordinary;
        knobs.next.extend([
            KrrFault::Unavailable503(None),
            KrrFault::CutShort,
            KrrFault::Unauthorized401,
        ]);
    });
    let api = world.serve().await;
    api.submit(&job("letters", "letter", &persons)).await;
    api.until_finished("letters").await;
    assert_eq!(world.krr.calls().count(), 4);
    assert_eq!(audited(&world.site, "no_answer"), 30);
    assert_eq!(audited(&world.site, "active"), 10);
    assert_eq!(audited(&world.site, "asked"), 40);
    let one = world
        .site
        .run(&["audit", "--person", persons[3].expose(), "--job", "letters"]);
    assert_eq!(one.matches("no_answer").count(), 3, "{one}");
    let verified = world.site.run(&["audit", "--verify"]);
    assert!(
        verified.starts_with("80 entries about persons"),
        "{verified}"
    );
    world.site.stop().await;
}

#[tokio::test]
async fn a_call_under_way_when_the_process_is_killed_is_in_the_audit() {
    let mut world = World::new("").await;
    let persons: Vec<PersonNumber> = (0..10).map(PersonNumber::synthetic).collect();
    world.krr.turn(|knobs| knobs.always = Some(KrrFault::Hang));
    let api = world.serve().await;
    api.submit(&job("letters", "letter", &persons)).await;
    let started = Instant::now();
    while audited(&world.site, "asked") == 0 {
        assert!(started.elapsed() < LIMIT, "the register is not asked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.site.signal(rustix::process::Signal::KILL);
    assert!(!world.site.ended().await.success());
    assert_eq!(audited(&world.site, "asked"), 10);
    assert_eq!(audited(&world.site, "no_answer"), 0);
    world.site.run(&["audit", "--verify"]);
}

#[tokio::test]
async fn nobody_is_looked_up_while_the_audit_cannot_be_written() {
    let mut world = World::new("").await;
    let persons: Vec<PersonNumber> = (0..10).map(PersonNumber::synthetic).collect();
    world.krr.turn(|knobs| knobs.others = Others::Ordinary);
    let api = world.serve().await;
    let url = format!("sqlite://{}", world.site.path("site.db").display());
    let mut past = SqliteConnection::connect(&url).await.unwrap();
    let away = sqlx::query("ALTER TABLE audit RENAME TO audit_away");
    away.execute(&mut past).await.unwrap();
    api.submit(&job("letters", "letter", &persons)).await;
    world.site.until_said("nobody is looked up").await;
    let (started, so_far) = (Instant::now(), world.site.log().len());
    while world.site.log()[so_far..]
        .matches("nobody is looked up")
        .count()
        < 2
    {
        assert!(started.elapsed() < LIMIT, "nobody tries again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.krr.calls().count(), 0);
    let view = api.get("/v1/jobs/letters").await;
    assert_eq!(view["state"], "open", "{view}");
    let back = sqlx::query("ALTER TABLE audit_away RENAME TO audit");
    back.execute(&mut past).await.unwrap();
    past.close().await.unwrap();
    api.until_finished("letters").await;
    assert_eq!(world.krr.calls().count(), 1);
    assert_eq!(audited(&world.site, "active"), 10);
    world.site.run(&["audit", "--verify"]);
    world.site.stop().await;
}

#[tokio::test]
async fn one_poisoned_number_costs_nobody_else_their_message() {
    let mut world = World::new("").await;
    let persons: Vec<PersonNumber> = (0..40).map(PersonNumber::synthetic).collect();
    world.krr.turn(|knobs| {
        knobs.others = Others::Ordinary;
        knobs.poisoned.insert(persons[17].clone());
    });
    let api = world.serve().await;
    api.submit(&job("letters", "letter", &persons)).await;
    api.until_totals("letters", &json!({"sent": 39, "not_sent": 1}))
        .await;
    world.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tries_the_register_and_tells_what_to_do() {
    let world = World::new("").await;
    let said = world.site.run(&["check"]);
    assert!(said.contains("ok    register"), "{said}");
    assert_eq!(world.krr.calls().persons(), 1);
    world.maskinporten.turn(|knobs| {
        knobs
            .next
            .push_back(TokenFault::Refused("MP-250".to_owned()));
    });
    let output = world.site.command(&["check"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("apply to Digdir"), "{said}");
    std::fs::write(world.site.path("client.pem"), "no key").unwrap();
    let output = world.site.command(&["check"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("holds no private key in PEM form"), "{said}");
}

/// Submits so many thousands and returns what the register was asked.
async fn under_load(thousands: u32, rate: u32) -> (usize, usize) {
    let fast = format!(
        r#"
[limits]
identical_per_hour = 0
any_per_hour = 0
[[sms_gateway]]
name = "primary"
rate = {rate}.0
burst = 20
[log]
filter = "info"
"#
    );
    let mut world = World::new(&fast).await;
    world.krr.turn(|knobs| {
        knobs.others = Others::Ordinary;
        knobs.latency = Duration::from_millis(200);
    });
    let key = world.site.key("oslo");
    let api = world
        .site
        .serve_as(&["--roles", "api"])
        .await
        .with_key(&key);
    for thousand in 0..thousands {
        let first = thousand * 1_000;
        let persons: Vec<_> = (first..first + 1_000)
            .map(PersonNumber::synthetic)
            .collect();
        api.submit(&job(
            &format!("load-{thousand}"),
            "service_message",
            &persons,
        ))
        .await;
    }
    world.site.stop().await;
    let api = world.site.serve().await.with_key(&key);
    let started = Instant::now();
    for thousand in 0..thousands {
        let path = format!("/v1/jobs/load-{thousand}");
        while api.get(&path).await["state"] != "finished" {
            let limit = Duration::from_secs(20) + Duration::from_secs(2) * thousands;
            assert!(started.elapsed() < limit, "too slow: {}", world.site.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    world.site.stop().await;
    (world.krr.calls().count(), world.krr.calls().persons())
}

#[tokio::test]
async fn under_load_the_register_is_asked_about_hundreds_at_once() {
    let (calls, persons) = under_load(10, 500).await;
    assert!(persons >= 10_000, "{persons}");
    assert!(calls <= 14, "{persons} persons in {calls} calls");
}

#[tokio::test]
#[ignore = "needs minutes: a hundred thousand people through the debug build"]
async fn a_hundred_thousand_people_are_looked_up_nine_hundred_and_more_at_once() {
    let (calls, persons) = under_load(100, 1_000).await;
    assert!(persons >= 100_000, "{persons}");
    assert!(persons / calls >= 900, "{persons} persons in {calls} calls");
}
