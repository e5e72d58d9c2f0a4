//! Tokens that open nothing.

use axum::http::header::WWW_AUTHENTICATE;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use budstikke::adapters::jose::wire::{KeyName, RsaAlgorithm};
use budstikke::sandbox::keys;
use budstikke::sandbox::maskinporten::organisation;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Value, json};

use crate::support::ORGANISATIONS;
use crate::tokens::{AUDIENCE, SCOPE, STRANGER, World, now, part};

/// A JSON object in which names may stand twice.
struct Pairs(Vec<(String, Value)>);

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Name, token, and what the answer says is wrong.
fn bad(world: &World) -> Vec<(&'static str, String, &'static str)> {
    let (kid, key) = world.fake.signing_key().unwrap();
    let good = world.with(|_| {});
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("a token has three parts");
    };
    let claims = world.claims();
    let headed = |header: Value| format!("{}.{payload}.{signature}", part(&header.to_string()));
    let unsigned = |alg: &str| format!("{}.{payload}.", part(&format!(r#"{{"alg":"{alg}"}}"#)));
    let by_secret = |secret: &[u8]| {
        let text = format!(
            "{}.{payload}",
            part(&json!({"alg": "HS256", "kid": kid}).to_string())
        );
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
        let tag = ring::hmac::sign(&secret, text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let public = key.public().to_jwk(&kid);
    let modulus = URL_SAFE_NO_PAD
        .decode(public["n"].as_str().unwrap())
        .unwrap();
    let other = keys::generate().unwrap();
    let by_other = |kid: &str| {
        let name = KeyName::Kid(kid.to_owned());
        other.sign(RsaAlgorithm::Rs256, &name, &claims).unwrap()
    };
    let without_kid = KeyName::Certificates(vec!["MIIB".to_owned()]);
    let twice = |name: &str, value: Value| {
        let mut pairs: Vec<(String, Value)> =
            claims.as_object().unwrap().clone().into_iter().collect();
        pairs.push((name.to_owned(), value));
        let name = KeyName::Kid(kid.clone());
        key.sign(RsaAlgorithm::Rs256, &name, &Pairs(pairs)).unwrap()
    };
    let without = |name: &str| {
        world.with(|claims| {
            claims.as_object_mut().unwrap().remove(name).unwrap();
        })
    };
    let set = |name: &str, value: Value| world.with(|claims| claims[name] = value);
    let changed = part(&json!({"iss": world.fake.issuer(), "exp": now() + 999}).to_string());
    let list = || {
        key.sign(RsaAlgorithm::Rs256, &KeyName::Kid(kid.clone()), &json!([1]))
            .unwrap()
    };
    let slashless = world.fake.issuer().trim_end_matches('/').to_owned();
    let consumer = |authority: &str, id: &str| json!({"authority": authority, "ID": id});
    let actor = "iso6523-actorid-upis";
    vec![
        ("alg none", unsigned("none"), "RS256, RS384 or RS512"),
        ("alg None", unsigned("None"), "RS256, RS384 or RS512"),
        (
            "alg none with a signature",
            headed(json!({"alg": "none", "kid": kid})),
            "RS256",
        ),
        ("HS256 with the modulus", by_secret(&modulus), "RS256"),
        (
            "HS256 with the JWK",
            by_secret(public.to_string().as_bytes()),
            "RS256",
        ),
        (
            "PS256",
            headed(json!({"alg": "PS256", "kid": kid})),
            "RS256",
        ),
        (
            "ES256",
            headed(json!({"alg": "ES256", "kid": kid})),
            "RS256",
        ),
        (
            "EdDSA",
            headed(json!({"alg": "EdDSA", "kid": kid})),
            "RS256",
        ),
        (
            "alg in lower case",
            headed(json!({"alg": "rs256", "kid": kid})),
            "RS256",
        ),
        ("no alg", headed(json!({"kid": kid})), "no signed JWT"),
        (
            "alg is a number",
            headed(json!({"alg": 256, "kid": kid})),
            "no signed JWT",
        ),
        (
            "another digest than signed",
            headed(json!({"alg": "RS512", "kid": kid})),
            "signature does not fit",
        ),
        (
            "crit",
            headed(json!({"alg": "RS256", "kid": kid, "crit": ["b64"], "b64": false})),
            "`crit`",
        ),
        (
            "no kid",
            key.sign(RsaAlgorithm::Rs256, &without_kid, &claims)
                .unwrap(),
            "`kid`",
        ),
        (
            "empty kid",
            headed(json!({"alg": "RS256", "kid": ""})),
            "`kid`",
        ),
        (
            "kid is a number",
            headed(json!({"alg": "RS256", "kid": 1})),
            "no signed JWT",
        ),
        (
            "unknown kid",
            by_other("somebody-else"),
            "a key that its issuer does not have",
        ),
        (
            "kid with a path",
            by_other("../../jwk"),
            "a key that its issuer does not have",
        ),
        (
            "another key under the same kid",
            by_other(&kid),
            "signature does not fit",
        ),
        (
            "changed claims",
            format!("{header}.{changed}.{signature}"),
            "signature does not fit",
        ),
        (
            "cut signature",
            good[..good.len() - 2].to_owned(),
            "signature does not fit",
        ),
        (
            "empty signature",
            format!("{header}.{payload}."),
            "signature does not fit",
        ),
        ("no dots", good.replace('.', ""), "no signed JWT"),
        ("one dot", format!("{header}.{payload}"), "no signed JWT"),
        ("three dots", format!("{good}.{signature}"), "no signed JWT"),
        ("only dots", "..".to_owned(), "no signed JWT"),
        (
            "header is no base64",
            format!("e!J.{payload}.{signature}"),
            "no signed JWT",
        ),
        (
            "payload is no base64",
            format!("{header}.e!J.{signature}"),
            "no signed JWT",
        ),
        (
            "signature is no base64",
            format!("{header}.{payload}.+/=="),
            "no signed JWT",
        ),
        (
            "header is no JSON",
            format!("{}.{payload}.{signature}", part("RS256")),
            "no signed JWT",
        ),
        (
            "header is a list",
            format!("{}.{payload}.{signature}", part("[]")),
            "no signed JWT",
        ),
        (
            "alg twice",
            format!(
                "{}.{payload}.{signature}",
                part(r#"{"alg":"none","alg":"RS256","kid":"a"}"#)
            ),
            "no signed JWT",
        ),
        ("huge", format!("{good}{}", "A".repeat(100_000)), "16 KiB"),
        ("claims are a list", list(), "no JSON object"),
        (
            "claims are nothing",
            key.sign(
                RsaAlgorithm::Rs256,
                &KeyName::Kid(kid.clone()),
                &Value::Null,
            )
            .unwrap(),
            "no JSON object",
        ),
        (
            "two consumers",
            twice("consumer", organisation(ORGANISATIONS[1])),
            "stands there twice",
        ),
        (
            "two expiries",
            twice("exp", json!(now() + 9_999)),
            "stands there twice",
        ),
        (
            "two of a claim that nobody reads",
            twice("jti", json!("again")),
            "stands there twice",
        ),
        ("no issuer", without("iss"), "`iss`"),
        (
            "issuer without the slash",
            set("iss", slashless.clone().into()),
            "`iss`",
        ),
        (
            "issuer with two slashes",
            set("iss", format!("{slashless}//").into()),
            "`iss`",
        ),
        (
            "another issuer",
            set("iss", "https://maskinporten.no/".into()),
            "`iss`",
        ),
        (
            "issuer is a list",
            set("iss", json!([world.fake.issuer()])),
            "`iss`",
        ),
        ("expired", set("exp", (now() - 60).into()), "expired"),
        ("no expiry", without("exp"), "`exp` is missing or no number"),
        (
            "expiry is a text",
            set("exp", (now() + 60).to_string().into()),
            "`exp` is missing or no number",
        ),
        (
            "expiry is null",
            set("exp", Value::Null),
            "`exp` is missing or no number",
        ),
        (
            "nbf ahead",
            set("nbf", (now() + 120).into()),
            "not valid yet",
        ),
        (
            "nbf is a text",
            set("nbf", "now".into()),
            "`nbf` is no number",
        ),
        (
            "issued in the future",
            set("iat", (now() + 120).into()),
            "in the future",
        ),
        ("no time of issue", without("iat"), "`iat`"),
        ("time of issue is a truth", set("iat", true.into()), "`iat`"),
        (
            "wrong audience",
            set("aud", "https://other.example".into()),
            "`aud`",
        ),
        ("no audience", without("aud"), "`aud`"),
        (
            "audience as prefix",
            set("aud", format!("{AUDIENCE}/more").into()),
            "`aud`",
        ),
        ("no scope", without("scope"), "`scope`"),
        (
            "another scope",
            set("scope", "oslo:other".into()),
            "`scope`",
        ),
        (
            "scope as prefix",
            set("scope", format!("{SCOPE}.admin").into()),
            "`scope`",
        ),
        (
            "scope as suffix",
            set("scope", format!("x{SCOPE}").into()),
            "`scope`",
        ),
        (
            "scope in upper case",
            set("scope", SCOPE.to_uppercase().into()),
            "`scope`",
        ),
        ("scope is a list", set("scope", json!([SCOPE])), "`scope`"),
        ("no consumer", without("consumer"), "`consumer`"),
        (
            "consumer is a text",
            set("consumer", format!("0192:{}", ORGANISATIONS[0]).into()),
            "`consumer`",
        ),
        (
            "wrong authority",
            set(
                "consumer",
                consumer("iso6523", &format!("0192:{}", ORGANISATIONS[0])),
            ),
            "`consumer`",
        ),
        (
            "another register",
            set(
                "consumer",
                consumer(actor, &format!("9908:{}", ORGANISATIONS[0])),
            ),
            "`consumer`",
        ),
        (
            "number alone",
            set("consumer", consumer(actor, ORGANISATIONS[0])),
            "`consumer`",
        ),
        (
            "number that does not check",
            set("consumer", consumer(actor, "0192:958935421")),
            "`consumer`",
        ),
        (
            "unknown organisation",
            set("consumer", organisation(STRANGER)),
            "no agency here",
        ),
        (
            "an agency only as supplier",
            world.with(|claims| {
                claims["supplier"] = organisation(ORGANISATIONS[0]);
                claims["consumer"] = organisation(STRANGER);
            }),
            "no agency here",
        ),
        (
            "supplier that cannot be read",
            set("supplier", "me".into()),
            "`supplier`",
        ),
    ]
}

#[tokio::test]
async fn no_bad_token_opens_the_door_and_each_answer_says_why() {
    let world = World::new().await;
    for (name, token, why) in bad(&world) {
        let answer = world.come(&token).await;
        let problem = answer.problem(401);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{name}: {detail}");
        let challenge = answer.header(WWW_AUTHENTICATE).unwrap_or_default();
        let error = match why {
            "`scope`" => r#"Bearer error="insufficient_scope""#,
            _ => r#"Bearer error="invalid_token""#,
        };
        assert!(challenge.starts_with(error), "{name}: {challenge}");
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!answer.text().contains(part), "{name}");
            assert!(!challenge.contains(part), "{name}");
        }
    }
    assert!(
        world.fake.key_requests() <= 2,
        "{}",
        world.fake.key_requests()
    );
}
