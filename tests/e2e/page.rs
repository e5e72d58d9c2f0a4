//! A person's own page, with the fake ID-porten: log in, see, change, and what agencies reach then.

use std::time::{Duration, Instant};

use budstikke::adapters::jose::wire::SigningKey;
use budstikke::domain::person::PersonNumber;
use budstikke::sandbox::idporten::{
    IdPortenClient, IdPortenClients, IdPortenProof, IdPortenServer,
};
use budstikke::sandbox::keys;
use budstikke::sandbox::krr::{Admission, KrrServer, Profile};
use budstikke::sandbox::maskinporten::{Clients, MaskinportenServer};
use serde_json::{Value, json};

use crate::browser::{Browser, Shown};
use crate::support::{Api, LIMIT, Site, register};

const ORIGIN: &str = "http://localhost:18080";
const PERSON: &str = "20914695016";
const OTHER: &str = "02013299997";

struct World {
    site: Site,
    idporten: IdPortenServer,
    api: Api,
}

impl World {
    async fn new(extra: &str) -> Self {
        let pem = keys::generate_pem().unwrap();
        let public = SigningKey::from_pem(&pem).unwrap().public().clone();
        let client = IdPortenClient {
            id: "page".to_owned(),
            proof: IdPortenProof::Key(public.thumbprint(), public),
            redirect: format!("{ORIGIN}/page/callback"),
        };
        let idporten = IdPortenServer::start(IdPortenClients::One(client))
            .await
            .unwrap();
        idporten.turn(|knobs| knobs.person = Some(PERSON.to_owned()));
        let extra = format!(
            "[page]\npublic_url = \"{ORIGIN}\"\nagency = \"bergen\"\n[page.idporten]\nissuer = \"{}\"\n\
             client_id = \"page\"\nkey_file = \"page.pem\"\n{extra}",
            idporten.issuer()
        );
        let mut site = Site::new(&extra).await;
        std::fs::write(site.path("page.pem"), pem).unwrap();
        let people = register(site.folder.path());
        site.run(&["register", "import", people.to_str().unwrap()]);
        let key = site.key("oslo");
        let api = site.serve().await.with_key(&key);
        Self {
            site,
            idporten,
            api,
        }
    }

    fn browser(&self) -> Browser {
        Browser::new(ORIGIN, &self.api.url)
    }

    async fn logged_in(&self) -> (Browser, Shown) {
        let mut browser = self.browser();
        let me = browser.open("/page/login").await;
        assert_eq!(me.status, 200, "{}", me.html);
        assert!(me.html.contains("Opplysninger om deg"), "{}", me.html);
        (browser, me)
    }

    /// The code in the newest SMS to a number.
    async fn code_to(&self, number: &str, nth: usize) -> String {
        let inbox = self.site.sms.inbox();
        let started = Instant::now();
        loop {
            if let Some(taken) = inbox.to(number).get(nth) {
                return taken.text.chars().take(6).collect();
            }
            assert!(started.elapsed() < LIMIT, "no SMS to the new number");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn change_mobile(&self, browser: &mut Browser, token: &str, number: &str) {
        let sent = browser
            .post(
                "/page/address/mobile",
                &[("token", token), ("address", number)],
            )
            .await;
        assert_eq!(sent.to.as_deref(), Some("/page/address/mobile/code"));
        let ask = browser.get("/page/address/mobile/code").await;
        assert!(ask.html.contains("one-time-code"), "{}", ask.html);
        let code = self.code_to(&format!("+47{number}"), 0).await;
        let done = browser
            .post(
                "/page/address/mobile/code",
                &[("token", token), ("code", &code)],
            )
            .await;
        assert_eq!(
            done.to.as_deref(),
            Some("/page/me?done=mobile"),
            "{}",
            done.html
        );
    }

    fn held(&self) -> Value {
        let held = self.site.run(&["register", "export"]);
        serde_json::from_str(held.lines().next().unwrap()).unwrap()
    }
}

fn letter(name: &str) -> Value {
    json!({
        "job": name, "class": "letter", "purpose": "Vedtak", "window": "anytime",
        "message": { "nb": { "sms": "Du har et brev.",
            "email": { "subject": "Brev", "text": "Du har et brev." } } },
        "recipients": [{ "person": PERSON }]
    })
}

fn reminder(name: &str) -> Value {
    json!({
        "job": name, "class": "service_message", "purpose": "Time", "window": "anytime",
        "message": { "nb": { "sms": "Husk timen din.",
            "email": { "subject": "Time", "text": "Husk timen din." } } },
        "recipients": [{ "person": PERSON }]
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_changes_her_number_and_reserves_and_agencies_follow() {
    let world = World::new("").await;
    let (mut browser, me) = world.logged_in().await;
    assert!(me.html.contains("+47 999 99 998") && me.html.contains("ola@example.no"));
    let token = me.token();
    world.change_mobile(&mut browser, &token, "41234567").await;
    let me = browser.open("/page/me?done=mobile").await;
    assert!(me.html.contains("+47 412 34 567") && !me.html.contains("+47 999 99 998"));
    let held = world.held();
    let contact = &held["kontaktinformasjon"];
    assert_eq!(contact["mobiltelefonnummer"], "+4741234567");
    assert_eq!(
        contact["mobiltelefonnummer_oppdatert"],
        contact["mobiltelefonnummer_sist_verifisert"]
    );

    world.api.submit(&letter("letter-1")).await;
    world
        .api
        .until_totals("letter-1", &json!({ "sent": 1 }))
        .await;
    let to_her = world.site.sms.inbox().to("+4741234567");
    assert_eq!(&*to_her.last().unwrap().text, "Du har et brev.");

    let fields = [("token", token.as_str()), ("reserved", "yes")];
    let reserved = browser.post("/page/reservation", &fields).await;
    assert_eq!(reserved.to.as_deref(), Some("/page/me?done=reservation"));
    world.api.submit(&letter("letter-2")).await;
    world.api.submit(&reminder("time-1")).await;
    world
        .api
        .until_totals("letter-2", &json!({ "not_sent": 1 }))
        .await;
    world
        .api
        .until_totals("time-1", &json!({ "sent": 1 }))
        .await;
    let page = world.api.get("/v1/jobs/letter-2/notifications").await;
    let fact = &page["items"][0];
    assert_eq!(
        (&fact["reason"], &fact["paper"]),
        (&json!("reserved"), &json!(true))
    );

    let shown = browser.open("/page/messages").await.html;
    assert_eq!(shown.matches("<h2>Oslo kommune</h2>").count(), 3, "{shown}");
    assert!(shown.contains("du er reservert, brevet kommer på papir"));
    assert!(!shown.contains("Husk timen din"));
    // Whoever else logs in sees nothing of it.
    let other = PersonNumber::synthetic(7).expose().to_owned();
    world.idporten.turn(|knobs| knobs.person = Some(other));
    let (mut other, me) = world.logged_in().await;
    assert!(me.html.contains("Du er ikke registrert") && !me.html.contains("+47"));
    let shown = other.open("/page/messages").await.html;
    assert!(shown.contains("Det er ikke sendt noe til deg"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_keeps_to_itself_and_every_form_is_ours() {
    let world = World::new("").await;
    let (mut browser, me) = world.logged_in().await;
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(me.header(name), value, "{name}");
    }
    let policy = me.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"));
    let token = me.token();
    let right = [("token", token.as_str()), ("reserved", "yes")];
    for (headers, fields) in [
        (&[("origin", "https://evil.example")][..], &right[..]),
        (&[][..], &right[..]),
        (&[("origin", "null")][..], &right[..]),
        (
            &[("origin", ORIGIN), ("sec-fetch-site", "cross-site")][..],
            &right[..],
        ),
        (&[("origin", ORIGIN)][..], &[("reserved", "yes")][..]),
        (
            &[("origin", ORIGIN)][..],
            &[("token", "0"), ("reserved", "yes")][..],
        ),
    ] {
        let refused = browser
            .post_with("/page/reservation", headers, fields)
            .await;
        assert_eq!(refused.status, 403, "{headers:?} {fields:?}");
    }
    assert_eq!(world.held()["reservasjon"], "NEI");
    let taken = browser
        .post_with("/page/reservation", &[("origin", ORIGIN)], &right)
        .await;
    assert_eq!(taken.status, 303);
    assert_eq!(world.held()["reservasjon"], "JA");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_for_five_guesses_and_one_use() {
    let world = World::new("").await;
    let (mut browser, me) = world.logged_in().await;
    let token = me.token();
    let path = "/page/address/mobile";
    let code_path = "/page/address/mobile/code";
    let send = [("token", token.as_str()), ("address", "412 34 567")];
    for bad in ["", "12345678", "22222222", "abc"] {
        let fields = [("token", token.as_str()), ("address", bad)];
        let wrong = browser.post(path, &fields).await;
        assert_eq!(wrong.status, 422, "{bad}");
        assert!(wrong.html.contains("aria-invalid"), "{}", wrong.html);
    }
    browser.post(path, &send).await;
    let code = world.code_to("+4741234567", 0).await;
    let wrong = if code == "000000" { "111111" } else { "000000" };
    for left in [4, 3, 2, 1] {
        let guess = [("token", token.as_str()), ("code", wrong)];
        let shown = browser.post(code_path, &guess).await;
        assert_eq!(shown.status, 422);
        assert!(shown.html.contains(&format!("prøve {left} ganger")));
    }
    for guess in [wrong, &code] {
        let guess = [("token", token.as_str()), ("code", guess)];
        let shown = browser.post(code_path, &guess).await;
        assert!(shown.html.contains("Koden gjelder ikke lenger"));
    }
    // A second code, which only the session that asked for it can use, and once.
    browser.post(path, &send).await;
    let code = world.code_to("+4741234567", 1).await;
    let (mut stranger, other) = world.logged_in().await;
    let theirs = other.token();
    let guess = [("token", theirs.as_str()), ("code", code.as_str())];
    let shown = stranger.post(code_path, &guess).await;
    assert!(shown.html.contains("Koden gjelder ikke lenger"));
    let guess = [("token", token.as_str()), ("code", code.as_str())];
    assert_eq!(browser.post(code_path, &guess).await.status, 303);
    assert_eq!(browser.post(code_path, &guess).await.status, 422);
    // No more than four within the hour to one address.
    for expected in [303, 303, 422] {
        assert_eq!(browser.post(path, &send).await.status, expected);
    }
    world.code_to("+4741234567", 3).await;
    assert_eq!(world.site.sms.inbox().to("+4741234567").len(), 4);
    assert!(!world.site.log().contains(&code));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_logged_in_by_an_answer_that_is_not_to_be_believed() {
    let world = World::new("").await;
    let spoils: [(&str, Value); 9] = [
        ("iss", json!("https://evil.example")),
        ("aud", json!("other")),
        ("azp", json!("other")),
        ("nonce", json!("x")),
        ("nonce", Value::Null),
        ("exp", json!(1_700_000_000)),
        ("at_hash", json!("x")),
        ("acr", json!("idporten-loa-low")),
        ("pid", Value::Null),
    ];
    for (claim, value) in spoils {
        world.idporten.turn(|knobs| {
            knobs.claims = [(claim.to_owned(), value)].into_iter().collect();
        });
        let mut browser = world.browser();
        let shown = browser.open("/page/login").await;
        assert!(shown.status >= 400, "{claim}: {}", shown.html);
        assert!(!browser.cookies.contains_key("budstikke-session"));
    }
    world.idporten.turn(|knobs| knobs.claims.clear());
    // Somebody else's signature.
    world
        .idporten
        .turn(|knobs| knobs.signature = Some("AAAA".to_owned()));
    assert_eq!(world.browser().open("/page/login").await.status, 502);
    world.idporten.turn(|knobs| knobs.signature = None);
    // An answer that somebody else sends, or that nobody says who sends.
    for issuer in ["https://evil.example", ""] {
        world
            .idporten
            .turn(|knobs| knobs.answer_issuer = Some(issuer.to_owned()));
        assert_eq!(world.browser().open("/page/login").await.status, 502);
    }
    world.idporten.turn(|knobs| knobs.answer_issuer = None);
    // A real person where only made-up ones are let in.
    world
        .idporten
        .turn(|knobs| knobs.person = Some(OTHER.to_owned()));
    assert_eq!(world.browser().open("/page/login").await.status, 403);
    // An answer brought to a browser that did not begin (log-in CSRF), and one used twice.
    world
        .idporten
        .turn(|knobs| knobs.person = Some(PERSON.to_owned()));
    let mut browser = world.browser();
    let at_provider = browser.get("/page/login").await.to.unwrap();
    let back = browser.get(&at_provider).await.to.unwrap();
    let stolen = world.browser().open(&back).await;
    assert!(stolen.html.contains("Innloggingen tok for lang tid"));
    assert!(
        browser
            .open(&back)
            .await
            .html
            .contains("Opplysninger om deg")
    );
    assert!(
        browser
            .get(&back)
            .await
            .html
            .contains("Innloggingen tok for lang tid")
    );
    // The person says no.
    world
        .idporten
        .turn(|knobs| knobs.refuse = Some("access_denied".to_owned()));
    let denied = world.browser().open("/page/login?lang=en").await;
    assert!(denied.html.contains("The log-in was broken off"));
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_ends_the_session_here_and_there() {
    let world = World::new("").await;
    let (mut browser, me) = world.logged_in().await;
    let before = browser.cookies["budstikke-session"].clone();
    // Logging in again in the same browser gives a new session and ends the old.
    browser.open("/page/login").await;
    let after = browser.cookies["budstikke-session"].clone();
    assert_ne!(before, after);
    let mut old = world.browser();
    old.cookies.insert("budstikke-session".to_owned(), before);
    assert_eq!(
        old.get("/page/me").await.to.as_deref(),
        Some("/page/?over=1")
    );
    drop(me);
    let token = browser.get("/page/me").await.token();
    let out = browser.post("/page/logout", &[("token", &token)]).await;
    let to = out.to.unwrap();
    assert!(to.starts_with(&world.idporten.issuer()) && to.contains("id_token_hint="));
    let shown = browser.open(&to).await;
    assert!(shown.html.contains("Du er logget ut"), "{}", shown.html);
    assert!(!browser.cookies.contains_key("budstikke-session"));
    browser
        .cookies
        .insert("budstikke-session".to_owned(), after);
    assert_eq!(browser.get("/page/me").await.status, 303);

    // The provider ends it, in a frame and without our cookies.
    let (mut browser, _) = world.logged_in().await;
    let sid = world.idporten.latest_session().unwrap();
    for (issuer, ends) in [
        ("https://evil.example".to_owned(), false),
        (world.idporten.issuer(), true),
    ] {
        let frame = format!("/page/frontchannel-logout?iss={issuer}&sid={sid}");
        let framed = world.browser().get(&frame).await;
        assert_eq!(framed.status, 200);
        let policy = framed.header("content-security-policy");
        let framer = format!("frame-ancestors {}", world.idporten.issuer());
        assert!(
            policy.contains("frame-ancestors")
                && !policy.contains("'none'; frame-ancestors 'none'")
        );
        assert!(
            policy.contains(&world.idporten.issuer()),
            "{policy} {framer}"
        );
        assert_eq!(browser.get("/page/me").await.status == 303, ends);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_choices_are_kept_and_the_page_speaks_four_languages() {
    let world = World::new("").await;
    let (mut browser, me) = world.logged_in().await;
    let token = me.token();
    for (path, name, value) in [
        ("/page/language", "language", "nn"),
        ("/page/address/email/confirm", "x", "x"),
        ("/page/address/mobile/remove", "x", "x"),
    ] {
        let fields = [("token", token.as_str()), (name, value)];
        assert_eq!(browser.post(path, &fields).await.status, 303, "{path}");
    }
    let mailbox = [
        ("token", token.as_str()),
        ("provider", "984661185"),
        ("address", "ola.nordmann#9YDT"),
    ];
    assert_eq!(browser.post("/page/mailbox", &mailbox).await.status, 303);
    let held = world.held();
    assert_eq!(held["spraak"], "nn");
    assert_eq!(
        held["digital_post"]["postkasseadresse"],
        "ola.nordmann#9YDT"
    );
    let contact = &held["kontaktinformasjon"];
    assert!(contact.get("mobiltelefonnummer").is_none());
    assert!(contact.get("epostadresse_sist_verifisert").is_some());
    for (language, word) in [
        ("nn", "Opplysningar om deg"),
        ("en", "Information about you"),
        ("se", "Dieđut du birra"),
        ("nb", "Opplysninger om deg"),
    ] {
        let asked = browser.get(&format!("/page/me?lang={language}")).await;
        assert!(asked.html.contains(&format!("<html lang=\"{language}\">")));
        assert!(asked.html.contains(word));
        assert!(browser.get("/page/me").await.html.contains(word));
    }
    assert_eq!(browser.get("/page/none").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_national_register_the_page_shows_and_changes_nothing() {
    let maskinporten = MaskinportenServer::start(Clients::Anybody).await.unwrap();
    let krr = KrrServer::start(Admission::Tokens(maskinporten.tokens()))
        .await
        .unwrap();
    let extra = format!(
        "[register]\nkind = \"krr\"\n[register.krr]\nurl = \"{}\"\n[register.krr.maskinporten]\n\
         issuer = \"{}\"\nclient_id = \"client\"\nkey_file = \"page.pem\"\n\
         [[agency]]\nid = \"oslo\"\nlegal_basis = \"§ 32\"\n[[agency]]\nid = \"bergen\"\nlegal_basis = \"§ 32\"\n",
        krr.url(),
        maskinporten.issuer()
    );
    let world = World::new(&extra).await;
    let person = Profile::MobileEmail.number().expose().to_owned();
    world.idporten.turn(|knobs| knobs.person = Some(person));
    let (mut browser, me) = world.logged_in().await;
    assert!(me.html.contains("www.norge.no") && me.html.contains("Endre dem på norge.no"));
    assert!(me.html.contains("+47") && me.html.contains('@'));
    assert!(!me.html.contains("/page/address/"), "{}", me.html);
    let token = me.token();
    for path in [
        "/page/language",
        "/page/mailbox",
        "/page/reservation",
        "/page/address/mobile",
        "/page/address/mobile/confirm",
    ] {
        let fields = [
            ("token", token.as_str()),
            ("reserved", "yes"),
            ("language", "nn"),
            ("provider", "none"),
            ("address", "41234567"),
        ];
        assert_eq!(browser.post(path, &fields).await.status, 404, "{path}");
    }
}
