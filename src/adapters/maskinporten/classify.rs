//! What Maskinporten's answers mean (`domain.md` 2.1: its codes). Pure.

use std::sync::Arc;
use std::time::Duration;

use super::error::{OddAnswer, TokenError};
use super::wire::{ErrorReply, TokenReply};

/// What one answer means.
#[derive(Debug)]
pub(super) enum Answer {
    /// A token.
    Token(TokenReply),
    /// None, and it may be that our clock is wrong.
    Clock(TokenError),
    /// None.
    Not(TokenError),
}

/// Reads an answer.
pub(super) fn classify(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Answer {
    match status {
        200..=299 => match serde_json::from_slice::<TokenReply>(body) {
            Ok(reply) if !reply.access_token.is_empty() => Answer::Token(reply),
            Ok(_) | Err(_) => later(retry_after, OddAnswer::Unreadable(status)),
        },
        408 | 425 | 429 | 500.. => later(retry_after, OddAnswer::Status(status)),
        _ => refused(status, &serde_json::from_slice(body).unwrap_or_default()),
    }
}

fn later(retry_after: Option<Duration>, odd: OddAnswer) -> Answer {
    Answer::Not(TokenError::Unavailable {
        retry_after,
        source: Arc::new(odd),
    })
}

fn refused(status: u16, reply: &ErrorReply) -> Answer {
    let code = code(reply);
    let mut what = format!("HTTP {status}");
    for word in [plain(&reply.error), code.clone()].into_iter().flatten() {
        what.push_str(", ");
        what.push_str(&word);
    }
    let code = code.as_deref().unwrap_or_default();
    let error = TokenError::Refused {
        what,
        advice: advice(status, code),
    };
    match code {
        "MP-130" => Answer::Clock(error),
        _ => Answer::Not(error),
    }
}

/// The first code such as `MP-100` in what is written for people or in the link.
fn code(reply: &ErrorReply) -> Option<String> {
    let texts = [&reply.error_description, &reply.error_uri];
    let texts = texts.into_iter().flatten();
    texts.into_iter().find_map(|text| {
        let (_, after) = text.split_once("MP-")?;
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        (digits.len() == 3).then(|| format!("MP-{digits}"))
    })
}

/// A word of the protocol; anything else is not repeated.
fn plain(word: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c == '_';
    let is_word = !word.is_empty() && word.len() <= 40 && word.chars().all(fits);
    is_word.then(|| word.to_owned())
}

/// What an operator must do.
fn advice(status: u16, code: &str) -> &'static str {
    match code {
        "MP-011" => "a parameter is missing in our request; please report this as a fault of ours",
        "MP-012" => {
            "it has seen this request before; is something on the way repeating requests, \
             or does another process use the same random numbers?"
        }
        "MP-100" => {
            "it does not know the client; check client_id, and that issuer is of the environment \
             (test or production) where the client was registered"
        }
        "MP-110" => {
            "issuer is not what it calls itself; write it exactly, with the slash at its end"
        }
        "MP-120" | "MP-121" => {
            "the key or certificate has expired or is not registered on the client; register a new \
             one in the self-service portal and set key_file with key_id or certificate_file"
        }
        "MP-122" => {
            "the certificate belongs to another organisation than the client; use the certificate \
             of the organisation that owns the client"
        }
        "MP-123" => "it cannot read the certificates; check certificate_file: PEM, our own first",
        "MP-124" => {
            "the signature does not fit the key that it knows; check that key_file belongs to \
             key_id or certificate_file, and that key_id is registered on this client"
        }
        "MP-130" => "our request had expired when it came; set the clock of this machine (NTP)",
        "MP-200" | "MP-201" => {
            "the scope does not exist or is not on the client; check scope, and add it to the \
             client in the self-service portal"
        }
        "MP-250" => {
            "the organisation has no access to the scope; apply to Digdir for it (the register's \
             terms of use), then add it to the client"
        }
        "MP-251" => {
            "the agency has not delegated the scope to us; it must do so in Altinn, for the scope \
             krr:global/kontaktinfo.read, before we can look up for it"
        }
        "MP-301" | "MP-302" | "MP-303" => {
            "it does not accept authorization_details; nothing here asks for them: check the client"
        }
        _ => match status {
            301 | 302 | 303 | 307 | 308 => "it has moved; set issuer to its new address",
            404 => {
                "there is no token endpoint; check issuer: the token is asked for at issuer + \"token\""
            }
            _ => "check client_id, key, scope and consumer_org against the self-service portal",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &str) -> String {
        match classify(status, None, body.as_bytes()) {
            Answer::Token(_) => "token".to_owned(),
            Answer::Clock(error) => format!("clock: {error}"),
            Answer::Not(error) => error.to_string(),
        }
    }

    #[test]
    fn every_code_of_the_documentation_tells_what_to_do() {
        for code in [
            "011", "012", "100", "110", "120", "121", "122", "123", "124", "130", "200", "201",
            "250", "251", "301", "302", "303",
        ] {
            let body = format!(
                r#"{{"error":"invalid_grant","error_description":"Invalid. (correlation_id: 1, MP-{code})"}}"#
            );
            let text = said(400, &body);
            let generic = "against the self-service portal";
            assert!(
                text.contains(&format!("invalid_grant, MP-{code}")),
                "{text}"
            );
            assert!(!text.contains(generic), "{text}");
            assert_eq!(text.starts_with("clock"), code == "130", "{text}");
        }
    }

    #[test]
    fn the_code_is_also_found_in_the_link() {
        let body = r#"{"error":"invalid_scope","error_uri":"https://docs.digdir.no/docs/Maskinporten/MP-250"}"#;
        assert!(said(403, body).contains("apply to Digdir"));
    }

    #[test]
    fn what_is_temporary_is_told_from_what_is_not() {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(said(status, "{}"), "Maskinporten gives no token for now");
        }
        for (status, part) in [
            (404, "issuer"),
            (302, "moved"),
            (400, "self-service"),
            (401, "self-service"),
        ] {
            assert!(said(status, "<html>").contains(part), "{status}");
        }
        for odd in ["", "<html>", "{}", r#"{"access_token":"","expires_in":1}"#] {
            assert_eq!(
                said(200, odd),
                "Maskinporten gives no token for now",
                "{odd}"
            );
        }
        assert_eq!(
            said(200, r#"{"access_token":"x","expires_in":599,"new":1}"#),
            "token"
        );
    }

    #[test]
    fn free_text_of_the_other_side_is_not_repeated() {
        let body = r#"{"error":"Kari Nordmann","error_description":"20914695016 MP-1x"}"#;
        assert!(!said(400, body).contains("Kari") && !said(400, body).contains("2091"));
    }
}
