//! `docs/openapi.json` is what `/openapi.json` gives.

use std::path::Path;

use serde_json::Value;

#[test]
fn the_description_in_docs_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let served = budstikke::api::document();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &served).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == served,
        "docs/openapi.json is not what the code describes (first difference in line {}).\n\
         If the change is meant, write it anew and commit it:\n    \
         UPDATE_OPENAPI=1 cargo test --test openapi",
        1 + kept
            .lines()
            .zip(served.lines())
            .take_while(|(a, b)| a == b)
            .count()
    );
}

#[test]
fn every_reference_in_the_description_leads_somewhere() {
    fn check(value: &Value, whole: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(whole.pointer(pointer).is_some(), "{reference}");
                }
                members.values().for_each(|member| check(member, whole));
            }
            Value::Array(entries) => entries.iter().for_each(|entry| check(entry, whole)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let whole: Value = serde_json::from_str(&budstikke::api::document()).unwrap();
    check(&whole, &whole);
}

/// The fields of the contract's section 2 and 8, which the parser reads.
#[test]
fn a_job_is_described_with_exactly_the_fields_that_are_read() {
    let whole: Value = serde_json::from_str(&budstikke::api::document()).unwrap();
    let fields = |schema: &str| {
        let properties = &whole["components"]["schemas"][schema]["properties"];
        let mut names: Vec<_> = properties.as_object().unwrap().keys().cloned().collect();
        names.sort_unstable();
        names
    };
    assert_eq!(
        fields("Job"),
        [
            "audience",
            "channel",
            "class",
            "expires",
            "if_uncertain",
            "job",
            "lane",
            "language",
            "message",
            "purpose",
            "recipients",
            "reminders",
            "send_after",
            "window",
        ]
    );
    assert_eq!(
        fields("Recipient"),
        ["email", "person", "phone", "ref", "values"]
    );
    assert_eq!(fields("Texts"), ["email", "sms"]);
    assert_eq!(fields("EmailTexts"), ["html", "subject", "text"]);
}
