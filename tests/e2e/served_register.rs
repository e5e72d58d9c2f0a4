//! One installation serves its register, another one asks it as it would ask Digdir's.

use std::process::{Child, Stdio};

use budstikke::domain::person::PersonNumber;
use budstikke::sandbox::keys;
use budstikke::sandbox::maskinporten::{Client, ClientKey, Clients, MaskinportenServer};
use serde_json::{Value, json};

use crate::support::Site;

const SCOPE: &str = "krr:global/kontaktinformasjon.read";

/// A running `register serve`, which ends with this value.
struct Served {
    process: Child,
    url: String,
}

impl Served {
    fn start(site: &Site) -> Self {
        let process = site
            .command(&["register", "serve", "--listen", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        // Whatever fails from here on, the process ends.
        let mut served = Self {
            process: process.unwrap(),
            url: String::new(),
        };
        let out = served.process.stdout.take().unwrap();
        // It goes on running: only the first document is waited for.
        let mut said = serde_json::Deserializer::from_reader(out).into_iter::<Value>();
        let said = said.next().unwrap().unwrap();
        served.url = said["url"].as_str().unwrap().to_owned();
        served
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn contact(seed: u32, more: &Value) -> String {
    let mut person = json!({
        "personidentifikator": PersonNumber::synthetic(seed).expose(),
        "reservasjon": "NEI", "status": "AKTIV",
        "kontaktinformasjon": {"mobiltelefonnummer": format!("+479000000{seed}"),
                               "mobiltelefonnummer_oppdatert": "2023-06-10T21:00:01+02"},
    });
    for (name, value) in more.as_object().unwrap() {
        person[name] = value.clone();
    }
    person.to_string()
}

/// An installation with a table of three persons; `extra` is more configuration.
async fn registry(extra: &str) -> Site {
    let site = Site::new(extra).await;
    let lines = [
        contact(1, &json!({"spraak": "en"})),
        contact(2, &json!({"reservasjon": "JA"})),
        contact(3, &json!({"status": "SLETTET"})),
    ];
    std::fs::write(site.path("people.ndjson"), lines.join("\n")).unwrap();
    site.run(&["register", "import", "people.ndjson"]);
    site
}

#[tokio::test]
async fn an_installation_looks_persons_up_in_the_register_of_another() {
    let pem = keys::generate_pem().unwrap();
    let key = budstikke::adapters::jose::wire::SigningKey::from_pem(&pem).unwrap();
    let public = key.public().clone();
    let known = ClientKey::Kid(public.thumbprint(), public);
    let clients = Clients::Registered(vec![Client::new("client", known, SCOPE)]);
    let maskinporten = MaskinportenServer::start(clients).await.unwrap();
    let extra = format!(
        "[register.serve.maskinporten]\nissuer = \"{}\"\n",
        maskinporten.issuer()
    );
    let registry = registry(&extra).await;
    let served = Served::start(&registry);
    let anybody = reqwest::Client::builder().no_proxy().build().unwrap();
    let anybody = anybody.post(format!("{}/rest/v2/personer", served.url));
    let body = json!({"personidentifikatorer": [PersonNumber::synthetic(1).expose()]});
    let answer = anybody.json(&body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 401);
    let extra = format!(
        r#"
[register]
kind = "krr"
[register.krr]
url = "{}"
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
"#,
        served.url,
        maskinporten.issuer(),
    );
    let mut site = Site::new(&extra).await;
    std::fs::write(site.path("client.pem"), pem).unwrap();
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);
    let recipients: Vec<Value> = (1..=4)
        .map(|seed| json!({"person": PersonNumber::synthetic(seed).expose()}))
        .collect();
    let job = json!({
        "job": "water", "class": "service_message", "purpose": "Water is shut off",
        "window": "anytime", "channel": "sms",
        "message": {"nb": {"sms": "Vannet stenges."}, "en": {"sms": "No water."}},
        "recipients": recipients,
    });
    api.submit(&job).await;
    api.until_finished("water").await;
    let page = api.get("/v1/jobs/water/notifications").await;
    let reasons: Vec<Value> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["reason"].clone())
        .collect();
    assert_eq!(
        reasons,
        [
            Value::Null,
            Value::Null,
            json!("deleted"),
            json!("not_registered")
        ]
    );
    let texts: Vec<String> = site
        .sms
        .inbox()
        .to("+4790000001")
        .iter()
        .map(|message| message.text.to_string())
        .collect();
    assert_eq!(texts, ["No water."]);
    site.stop().await;
}

#[tokio::test]
async fn the_feed_gives_every_change_once_and_in_order() {
    let registry = registry("").await;
    let served = Served::start(&registry);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |path: &str, body: Value| {
        let call = client.post(format!("{}{path}", served.url)).json(&body);
        let answer = call.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap())
    };
    let changes = async |from: i64| {
        let body = json!({"fraEndringsId": from});
        let (status, answer) = ask("/rest/v2/krr/hentEndringer", body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let first = changes(0).await;
    assert_eq!(first["list"].as_array().unwrap().len(), 3);
    assert_eq!(
        (
            &first["fraEndringsId"],
            &first["tilEndringsId"],
            &first["sisteEndringsId"]
        ),
        (&json!(0), &json!(3), &json!(3))
    );
    // Of the import only one is another than before, and somebody leaves.
    let lines = [
        contact(1, &json!({"spraak": "en"})),
        contact(2, &json!({"reservasjon": "NEI"})),
        contact(3, &json!({"status": "IKKE_REGISTRERT"})),
    ];
    std::fs::write(registry.path("people.ndjson"), lines.join("\n")).unwrap();
    registry.run(&["register", "import", "people.ndjson"]);
    let second = changes(4).await;
    let list = second["list"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(second["tilEndringsId"], 5);
    let of = |seed: u32| {
        let number = PersonNumber::synthetic(seed);
        let found = list
            .iter()
            .find(|one| one["personidentifikator"] == number.expose());
        found.unwrap().clone()
    };
    assert_eq!(of(2)["reservasjon"], "NEI");
    assert_eq!(of(3)["status"], "SLETTET");
    assert!(of(3).get("kontaktinformasjon").is_none());
    assert_eq!(changes(6).await["list"], json!([]));

    for (path, body) in [
        ("/rest/v2/personer", json!({"personidentifikatorer": []})),
        (
            "/rest/v2/personer",
            json!({"personidentifikatorer": ["123"]}),
        ),
        ("/rest/v2/personer", json!({"personidentifikatorer": 7})),
        ("/rest/v2/krr/hentEndringer", json!({"fraEndringsId": -1})),
        ("/rest/v2/krr/hentEndringer", json!({})),
    ] {
        let (status, answer) = ask(path, body).await;
        assert_eq!((status, &answer["status"]), (400, &json!(400)));
    }
    let many: Vec<String> = (0..1_001)
        .map(|seed| PersonNumber::synthetic(seed).expose().to_owned())
        .collect();
    let (status, _) = ask("/rest/v2/personer", json!({"personidentifikatorer": many})).await;
    assert_eq!(status, 400);
    let body = json!({"personidentifikatorer": &many[..1_000]});
    let (status, answer) = ask("/rest/v2/personer", body).await;
    assert_eq!(
        (status, answer["personer"].as_array().unwrap().len()),
        (200, 1_000)
    );
}

#[tokio::test]
async fn a_register_that_anybody_could_read_is_not_served() {
    let registry = registry("").await;
    let output = registry
        .command(&["register", "serve", "--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("reachable from other machines"), "{said}");
}
