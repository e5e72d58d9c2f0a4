//! Who is let in with an access token of Maskinporten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use budstikke::adapters::access::{AccessChecker, AccessSettings};
use budstikke::adapters::clock::SystemClock;
use budstikke::adapters::jose::wire::{KeyName, RsaAlgorithm};
use budstikke::domain::time::Timestamp;
use budstikke::ports::clock::{Clock, Monotonic};
use budstikke::sandbox::maskinporten::{
    Clients, MaskinportenServer, TokenFault, access_claims, organisation,
};
use serde_json::{Value, json};

use crate::calls::{Answer, Call};
use crate::support::{Api, BERGEN, LIMITS, ORGANISATIONS, OSLO, job, start_trusting};

pub const SCOPE: &str = "oslo:budstikke";
pub const AUDIENCE: &str = "https://budstikke.example";
pub const STRANGER: &str = "991825827";

/// The machine's clock; the steady one is moved forward by hand.
#[derive(Debug, Default)]
struct HandClock(AtomicU64);

impl HandClock {
    fn pass(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap();
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn monotonic(&self) -> Monotonic {
        let ahead = Duration::from_micros(self.0.load(Ordering::SeqCst));
        SystemClock.monotonic().plus(ahead)
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

pub struct World {
    api: Api,
    pub fake: MaskinportenServer,
    clock: Arc<HandClock>,
}

impl World {
    pub async fn new() -> Self {
        let fake = MaskinportenServer::start(Clients::Anybody).await.unwrap();
        let settings = AccessSettings {
            issuer: fake.issuer(),
            scope: SCOPE.to_owned(),
            audience: Some(AUDIENCE.to_owned()),
            keys: format!("{}jwk", fake.issuer()).parse().unwrap(),
            timeout: Duration::from_millis(500),
        };
        let clock = Arc::new(HandClock::default());
        let checker = AccessChecker::new(settings, Arc::clone(&clock) as _).unwrap();
        let api = start_trusting(LIMITS, Some(Arc::new(checker))).await;
        Self { api, fake, clock }
    }

    /// Claims that open the door of Oslo.
    pub fn claims(&self) -> Value {
        let mut claims = access_claims(&self.fake.issuer(), ORGANISATIONS[0], SCOPE);
        claims["aud"] = AUDIENCE.into();
        claims
    }

    pub fn with(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims();
        change(&mut claims);
        self.fake.sign(&claims).unwrap()
    }

    pub async fn come(&self, token: &str) -> Answer {
        self.api.call(Call::get("/v1/events").key(token)).await
    }
}

pub fn part(json: &str) -> String {
    URL_SAFE_NO_PAD.encode(json)
}

pub fn now() -> i64 {
    SystemClock.now().0 / 1_000_000
}

#[tokio::test]
async fn an_agency_comes_with_a_token_of_its_own_organisation_and_sees_only_its_own() {
    let world = World::new().await;
    let token = world.with(|_| {});
    let sent = Call::post("/v1/jobs").key(&token).json(&job("a", 1));
    assert_eq!(world.api.call(sent).await.status, 202);
    let look = |key: &str| world.api.call(Call::get("/v1/jobs/a").key(key));
    assert_eq!(look(&token).await.status, 200);
    assert_eq!(look(OSLO).await.status, 200, "the key of the same agency");
    assert_eq!(look(BERGEN).await.status, 404);
    let bergen = world.with(|claims| claims["consumer"] = organisation(ORGANISATIONS[1]));
    assert_eq!(look(&bergen).await.status, 404);
}

#[tokio::test]
async fn every_rsa_digest_and_a_supplier_and_several_audiences_are_taken() {
    let world = World::new().await;
    let (kid, key) = world.fake.signing_key().unwrap();
    for algorithm in [
        RsaAlgorithm::Rs256,
        RsaAlgorithm::Rs384,
        RsaAlgorithm::Rs512,
    ] {
        let name = KeyName::Kid(kid.clone());
        let token = key.sign(algorithm, &name, &world.claims()).unwrap();
        assert_eq!(world.come(&token).await.status, 200, "{algorithm:?}");
    }
    let good = [
        world.with(|claims| claims["supplier"] = organisation(STRANGER)),
        world.with(|claims| claims["aud"] = json!(["other", AUDIENCE])),
        world.with(|claims| claims["scope"] = format!("a:b {SCOPE} c:d").into()),
        world.with(|claims| claims["nbf"] = now().into()),
        world.with(|claims| claims["authorization_details"] = json!([{"type": "x"}])),
    ];
    for token in good {
        assert_eq!(world.come(&token).await.status, 200);
    }
    let lower =
        Call::get("/v1/events").header(AUTHORIZATION, &format!("bearer {}", world.with(|_| {})));
    assert_eq!(world.api.call(lower).await.status, 200);
}

#[tokio::test]
async fn keys_change_while_tokens_of_the_old_ones_still_come() {
    let world = World::new().await;
    world.fake.add_key().unwrap();
    let old = world.with(|_| {});
    assert_eq!(world.come(&old).await.status, 200);
    assert_eq!(world.fake.key_requests(), 1);
    assert_eq!(world.come(&old).await.status, 200);
    assert_eq!(world.fake.key_requests(), 1, "the keys are kept");
    world.fake.add_key().unwrap();
    let new = world.with(|_| {});
    world.come(&new).await.problem(401);
    assert_eq!(world.fake.key_requests(), 1, "asked a moment ago");
    world.clock.pass(Duration::from_secs(61));
    assert_eq!(world.come(&new).await.status, 200);
    assert_eq!(world.come(&old).await.status, 200);
    assert_eq!(world.fake.key_requests(), 2);
    world.fake.drop_old_keys();
    world.clock.pass(Duration::from_secs(25 * 3_600));
    assert_eq!(world.come(&new).await.status, 200);
    world.come(&old).await.problem(401);
}

#[tokio::test]
async fn without_the_issuers_keys_nobody_is_let_in_and_keys_of_the_api_go_on_working() {
    let world = World::new().await;
    let token = world.with(|_| {});
    for fault in [
        TokenFault::Error500,
        TokenFault::Reset,
        TokenFault::Page200,
        TokenFault::Hang,
    ] {
        world.fake.turn(|knobs| knobs.keys = Some(fault.clone()));
        let answer = world.come(&token).await;
        let detail = answer.problem(503)["detail"].to_string();
        assert!(detail.contains("cannot be had"), "{fault:?}: {detail}");
        assert!(answer.header(RETRY_AFTER).is_some());
    }
    assert_eq!(world.come(OSLO).await.status, 200);
    let unsigned = format!("{}.e30.", part(r#"{"alg":"none"}"#));
    world.come(&unsigned).await.problem(401);
}

#[tokio::test]
async fn keys_that_are_known_go_on_working_while_the_issuer_is_away() {
    let world = World::new().await;
    let token = world.with(|_| {});
    assert_eq!(world.come(&token).await.status, 200);
    world
        .fake
        .turn(|knobs| knobs.keys = Some(TokenFault::Reset));
    assert_eq!(world.come(&token).await.status, 200);
    assert_eq!(world.come(&world.with(|_| {})).await.status, 200);
    world.fake.add_key().unwrap();
    let unknown = world.with(|_| {});
    world.clock.pass(Duration::from_secs(61));
    for _ in 0..3 {
        world.come(&unknown).await.problem(503);
        assert_eq!(world.come(&token).await.status, 200);
    }
    assert_eq!(
        world.fake.key_requests(),
        2,
        "one failure is enough for a minute"
    );
    world.clock.pass(Duration::from_secs(25 * 3_600));
    assert_eq!(
        world.come(&token).await.status,
        200,
        "an old key is still a key"
    );
}

#[tokio::test]
async fn without_the_setting_a_token_is_a_key_like_any_other_that_is_not_valid() {
    let world = World::new().await;
    let api = start_trusting(LIMITS, None).await;
    let answer = api
        .call(Call::get("/v1/events").key(&world.with(|_| {})))
        .await;
    answer.problem(401);
    assert_eq!(answer.header(WWW_AUTHENTICATE), Some("Bearer"));
}
