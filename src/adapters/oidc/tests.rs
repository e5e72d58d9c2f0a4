//! Tokens that must not be believed, one rule each, and one that must.

use super::believe::{Expected, at_hash, believe};
use super::wire::{Audience, IdClaims};
use crate::domain::time::Timestamp;
use crate::ports::login::LoginError;

const NOW: i64 = 1_900_000_000;

fn expected() -> Expected<'static> {
    Expected {
        issuer: "https://idporten.example",
        client_id: "page",
        nonce: "n-1",
        acr: "idporten-loa-substantial",
        access_token: "access",
        now: Timestamp(NOW * 1_000_000),
    }
}

fn good() -> IdClaims {
    IdClaims {
        iss: "https://idporten.example".into(),
        aud: Audience::One("page".into()),
        sub: "pairwise".into(),
        exp: NOW + 120,
        iat: NOW - 2,
        azp: None,
        nonce: Some("n-1".into()),
        acr: Some("idporten-loa-high".into()),
        at_hash: Some(at_hash("access")),
        sid: Some("s".into()),
        pid: Some("20914695016".into()),
    }
}

#[test]
fn a_token_for_this_log_in_is_believed() {
    let person = believe(&good(), &expected()).unwrap();
    assert_eq!(person.expose(), "20914695016");
    let mut plain = good();
    (plain.at_hash, plain.azp) = (None, Some("page".into()));
    plain.aud = Audience::Several(vec!["page".into()]);
    plain.acr = Some("idporten-loa-substantial".into());
    assert!(believe(&plain, &expected()).is_ok());
}

#[test]
fn whatever_is_wrong_with_a_token_it_is_not_believed() {
    type Spoil = fn(&mut IdClaims);
    let table: &[(&str, Spoil)] = &[
        ("iss", |c| c.iss = "https://idporten.example/".into()),
        ("iss", |c| c.iss = "https://evil.example".into()),
        ("aud", |c| c.aud = Audience::One("other".into())),
        ("aud", |c| c.aud = Audience::Several(vec![])),
        ("aud", |c| {
            c.aud = Audience::Several(vec!["page".into(), "other".into()]);
        }),
        ("azp", |c| c.azp = Some("other".into())),
        ("sub", |c| c.sub = String::new()),
        ("exp is past", |c| c.exp = NOW - 11),
        ("exp is not after", |c| (c.iat, c.exp) = (NOW, NOW)),
        ("iat is in the future", |c| c.iat = NOW + 60),
        ("iat is long ago", |c| c.iat = NOW - 3_600),
        ("nonce", |c| c.nonce = None),
        ("nonce", |c| c.nonce = Some("n-2".into())),
        ("nonce", |c| c.nonce = Some(String::new())),
        ("at_hash", |c| c.at_hash = Some(at_hash("another"))),
        ("at_hash", |c| c.at_hash = Some(String::new())),
    ];
    for (rule, spoil) in table {
        let mut claims = good();
        spoil(&mut claims);
        match believe(&claims, &expected()) {
            Err(LoginError::Unbelievable(why)) => assert!(why.starts_with(rule), "{rule}: {why}"),
            other => panic!("{rule}: {other:?}"),
        }
    }
}

#[test]
fn a_lower_level_than_asked_for_is_too_weak_whatever_else_holds() {
    for weak in [
        None,
        Some("idporten-loa-low"),
        Some("Level4"),
        Some(""),
        Some("0"),
    ] {
        let mut claims = good();
        claims.acr = weak.map(str::to_owned);
        let answer = believe(&claims, &expected());
        assert!(matches!(answer, Err(LoginError::TooWeak)), "{weak:?}");
    }
    let high = Expected {
        acr: "idporten-loa-high",
        ..expected()
    };
    let mut claims = good();
    assert!(believe(&claims, &high).is_ok());
    claims.acr = Some("idporten-loa-substantial".into());
    assert!(matches!(believe(&claims, &high), Err(LoginError::TooWeak)));
}

#[test]
fn without_a_national_identity_number_nobody_is_logged_in() {
    for pid in [None, Some(""), Some("01410199830"), Some("20914695016 ")] {
        let mut claims = good();
        claims.pid = pid.map(str::to_owned);
        let answer = believe(&claims, &expected());
        assert!(matches!(answer, Err(LoginError::NoNumber)), "{pid:?}");
    }
}
