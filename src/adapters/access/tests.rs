//! What claims are worth, without a signature around them.

use std::time::Duration;

use serde_json::{Value, json};

use super::classify::read;
use super::settings::AccessSettings;
use super::wire::Strict;
use crate::domain::time::Timestamp;
use crate::ports::access::{Access, Refusal};

const NOW: i64 = 1_900_000_000;

fn wanted(audience: Option<&str>) -> AccessSettings {
    AccessSettings {
        issuer: "https://test.maskinporten.no/".to_owned(),
        scope: "oslo:budstikke".to_owned(),
        audience: audience.map(str::to_owned),
        keys: "https://test.maskinporten.no/jwk".parse().unwrap(),
        timeout: Duration::from_secs(1),
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://test.maskinporten.no/", "scope": "oslo:other oslo:budstikke",
        "iat": NOW - 10, "exp": NOW + 100, "aud": "unspecified", "jti": "1", "client_amr": "private_key_jwt",
        "consumer": {"authority": "iso6523-actorid-upis", "ID": "0192:958935420"},
    })
}

fn ask(change: impl FnOnce(&mut Value), audience: Option<&str>) -> Result<Access, Refusal> {
    let mut claims = claims();
    change(&mut claims);
    read(&claims, &wanted(audience), Timestamp(NOW * 1_000_000))
}

#[test]
fn clocks_may_differ_by_half_a_minute() {
    for (claim, good, bad, why) in [
        ("exp", NOW - 29, NOW - 31, Refusal::Expired),
        ("nbf", NOW + 29, NOW + 31, Refusal::NotYet),
        ("iat", NOW + 29, NOW + 31, Refusal::IssuedAhead),
    ] {
        assert!(ask(|c| c[claim] = good.into(), None).is_ok(), "{claim}");
        assert_eq!(ask(|c| c[claim] = bad.into(), None), Err(why));
    }
    assert!(ask(|c| c["exp"] = json!(1.9e9 + 0.5), None).is_ok());
}

#[test]
fn the_audience_is_asked_for_only_if_it_is_configured() {
    let ours = "https://budstikke.example";
    assert!(ask(|c| c["aud"] = "anything".into(), None).is_ok());
    assert!(ask(|c| c["aud"] = ours.into(), Some(ours)).is_ok());
    assert!(ask(|c| c["aud"] = json!(["a", ours]), Some(ours)).is_ok());
    for aud in [json!("a"), json!(["a"]), json!(7), json!([]), Value::Null] {
        assert_eq!(ask(|c| c["aud"] = aud, Some(ours)), Err(Refusal::Audience));
    }
}

#[test]
fn the_supplier_is_named_and_decides_nothing() {
    let supplier = json!({"authority": "iso6523-actorid-upis", "ID": "0192:991825827"});
    let access = ask(|c| c["supplier"] = supplier, None).unwrap();
    assert_eq!(access.consumer.as_str(), "958935420");
    assert_eq!(access.supplier.unwrap().as_str(), "991825827");
}

#[test]
fn a_name_that_stands_twice_is_found_at_any_depth() {
    for text in [
        r#"{"a": 1, "a": 1}"#,
        r#"{"a": {"b": 1, "b": 2}}"#,
        r#"[{"b": null, "b": null}]"#,
        r#"{"consumer": {"ID": "1", "\u0049D": "2"}}"#,
    ] {
        assert!(serde_json::from_str::<Strict>(text).is_err(), "{text}");
    }
    let text = r#"{"a":[1,-2,0.5,"x",true,null],"b":{"a":{}}}"#;
    let Strict(value) = serde_json::from_str(text).unwrap();
    assert_eq!(value.to_string(), text);
}
