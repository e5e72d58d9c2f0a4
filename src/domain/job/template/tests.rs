use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::job::{EmailText, Message, Texts, Values};
use crate::domain::kinds::Language;

fn values(value: serde_json::Value) -> Values {
    value.as_object().unwrap().clone()
}

fn with_sms(source: &str) -> Message {
    let texts = Texts {
        sms: Some(source.into()),
        email: None,
    };
    Message {
        texts: BTreeMap::from([(Language::Nb, texts)]),
    }
}

fn with_email(subject: &str, text: &str, html: Option<&str>) -> Message {
    let email = EmailText {
        subject: subject.into(),
        text: text.into(),
        html: html.map(Into::into),
    };
    let texts = Texts {
        sms: None,
        email: Some(email),
    };
    Message {
        texts: BTreeMap::from([(Language::En, texts)]),
    }
}

fn sms(source: &str, given: serde_json::Value) -> Result<String, RenderFault> {
    let templates = Templates::compile(&with_sms(source)).unwrap();
    templates
        .render_sms(Language::Nb, &values(given))
        .map_err(|error| error.fault)
}

fn html(source: &str, given: serde_json::Value) -> String {
    let templates = Templates::compile(&with_email("s", "t", Some(source))).unwrap();
    templates
        .render_email(Language::En, &values(given))
        .unwrap()
        .html
        .unwrap()
}

fn refused(message: &Message) -> (String, String) {
    let problem = Templates::compile(message).unwrap_err().remove(0);
    (problem.pointer, problem.problem)
}

#[test]
fn values_conditionals_and_usual_filters_work() {
    let given = json!({"time": "09:30", "n": 2, "half": 0.5, "urgent": true});
    for (source, wanted) in [
        ("Time {{ time }}.", "Time 09:30."),
        ("{{ n }} og {{ half }}", "2 og 0.5"),
        ("{% if urgent %}Nå{% else %}Siden{% endif %}", "Nå"),
        ("{{ place|default('hos oss') }}", "hos oss"),
        (
            "{% if place is defined %}{{ place }}{% else %}-{% endif %}",
            "-",
        ),
        ("{{ time|upper|replace(':', '.') }}", "09.30"),
        ("{% for i in range(n) %}{{ i }}{% endfor %}", "01"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(n) }}", "<2>"),
    ] {
        assert_eq!(
            sms(source, given.clone()).as_deref(),
            Ok(wanted),
            "{source}"
        );
    }
}

#[test]
fn values_are_inert_in_text_and_html() {
    let evil = "{{ secret }}{% raw %}<b>&\"'";
    assert_eq!(sms("{{ x }}", json!({"x": evil})).as_deref(), Ok(evil));
    let escaped = "{{ secret }}{% raw %}&lt;b&gt;&amp;&quot;&#x27;";
    for source in [
        "<p>{{ x }}</p>",
        "<p>{% autoescape false %}{{ x }}{% endautoescape %}</p>",
        "<p>{% set y %}{{ x }}{% endset %}{{ y }}</p>",
        "<p>{% macro m() %}{{ x }}{% endmacro %}{{ m() }}</p>",
        "<p>{{ x|escape }}</p>",
        "<p>{{ x|string|default('') }}</p>",
    ] {
        assert_eq!(
            html(source, json!({"x": evil})),
            format!("<p>{escaped}</p>"),
            "{source}"
        );
    }
    assert!(!html("{{ [x] }}{{ {'a': x} }}", json!({"x": evil})).contains('<'));
}

#[test]
fn a_missing_value_is_named_wherever_it_is_used() {
    let missing = |name: &str| {
        Err(RenderFault::Missing {
            name: Some(name.into()),
        })
    };
    for source in [
        "{{ time }}",
        "{{ time|upper }}",
        "{{ 'kl ' ~ time }}",
        "{{ 'kl ' + time }}",
        "{% if time %}1{% endif %}",
        "{% for t in time %}{{ t }}{% endfor %}",
        "{% if other is defined %}{{ other }}{% endif %}{{ time }}",
        "{% set t = time %}{{ t }}",
    ] {
        assert_eq!(
            sms(source, json!({"x": "`y` is undefined"})),
            missing("time"),
            "{source}"
        );
    }
}

#[test]
fn all_missing_values_of_a_text_are_found() {
    let source = "{{ a }}{% if opt is defined %}{{ opt }}{% endif %}{{ b|lower }}{{ x }}";
    let templates = Templates::compile(&with_sms(source)).unwrap();
    let filling = filling(&values(json!({"x": 1})));
    assert_eq!(
        templates.missing(Language::Nb, Part::Sms, &filling),
        ["a", "b"]
    );
}

#[test]
fn a_template_that_does_not_compile_is_named_with_line_and_cause() {
    for (source, cause) in [
        (
            "Hei {{ name",
            "is no valid template: unexpected end of input, expected end of variable block (line 1)",
        ),
        (
            "Hei\n{% if %}",
            "is no valid template: unexpected end of block (line 2)",
        ),
        (
            "{% include 'x' %}",
            "is no valid template: unknown statement include (line 1)",
        ),
        (
            "{% import 'x' as y %}",
            "is no valid template: unknown statement import (line 1)",
        ),
        (
            "{% extends 'x' %}",
            "is no valid template: unknown statement extends (line 1)",
        ),
        ("", "is empty once filled"),
        ("{# nothing #} ", "is empty once filled"),
        (
            "{{ 'abc'|nope }}",
            "uses a filter that does not exist (line 1)",
        ),
    ] {
        assert_eq!(
            refused(&with_sms(source)),
            ("/message/nb/sms".into(), cause.into())
        );
    }
    let (pointer, _) = refused(&with_email("a", "{{", None));
    assert_eq!(pointer, "/message/en/email/text");
    let (pointer, _) = refused(&with_email("a\nb", "t", None));
    assert_eq!(pointer, "/message/en/email/subject");
}

#[test]
fn work_depth_and_size_are_bounded() {
    let nested = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
    assert_eq!(
        sms(&format!("{{{{ n }}}}{nested}"), json!({"n": 1})),
        Err(RenderFault::TooMuchWork)
    );
    assert_eq!(
        sms("{{ x * 100000000 }}", json!({"x": "abc"})),
        Err(RenderFault::TooMuchWork)
    );
    assert_eq!(
        sms("{{ x * 70000 }}", json!({"x": "a"})),
        Err(RenderFault::TooLong)
    );
    let endless = "{% macro m() %}{{ m() }}{% endmacro %}{{ x }}{{ m() }}";
    assert!(sms(endless, json!({"x": 1})).is_err());
    for deep in [
        format!("{{{{ {}1 }}}}", "1+".repeat(20_000)),
        format!("{{{{ {}n }}}}", "-".repeat(50_000)),
        format!("{{{{ n{} }}}}", "|upper".repeat(10_000)),
        format!("{{% if n %}}{}{{% endif %}}", "{% elif n %}".repeat(4_000)),
        format!("{}{{{{ n }}}}", "{% set n = [n] %}".repeat(3_000)),
        "{% set s = namespace(n=1) %}{% for i in range(4000) %}{% set s.n = [s.n] %}{% endfor %}{{ s.n }}"
            .to_owned(),
    ] {
        let refused = Templates::compile(&with_sms(&deep)).map(|templates| {
            templates.render_sms(Language::Nb, &values(json!({"n": 1})))
        });
        assert!(!matches!(refused, Ok(Ok(_))), "{}", &deep[..40]);
    }
    let long = "x".repeat(MAX_TEXT_BYTES + 1);
    assert_eq!(refused(&with_sms(&long)).1, "is longer than 64 KiB");
}

#[test]
fn a_subject_is_one_line_whatever_the_values() {
    let templates = Templates::compile(&with_email("Time {{ x }}", "t", None)).unwrap();
    for evil in ["a\r\nBcc: b@example.no", "a\nb", "a\0b", "a\u{85}b", "a\tb"] {
        let error = templates
            .render_email(Language::En, &values(json!({"x": evil})))
            .unwrap_err();
        assert_eq!(
            (error.part, &error.fault),
            (Part::Subject, &RenderFault::NotOneLine)
        );
        assert!(!error.to_string().contains("Bcc"));
    }
}

#[test]
fn control_bidirectional_and_invisible_characters_leave_the_sms() {
    let dirty = "a\u{202e}b\u{0}c\r\nd\te\u{200b}f\u{feff}g\u{2066}h\rI\u{2028}j";
    assert_eq!(clean_sms(dirty), "abc\nd efgh\nI\nj");
    assert_eq!(clean_sms("Hei på deg\n👩‍👧"), "Hei på deg\n👩‍👧");
    assert_eq!(clean_body("a\0b\r\nc\td\u{202e}"), "ab\nc\td\u{202e}");
    assert_eq!(
        sms("{{ x }}", json!({"x": "\u{202e}\u{200b}"})),
        Err(RenderFault::Blank)
    );
}

#[test]
fn errors_hold_neither_text_nor_values() {
    let secret = "Kari Nordmann";
    for source in [
        "Hei Kari {{ x|int }}",
        "Hei Kari {{ x / 0 }}",
        "Hei Kari {{ x.Kari() }}",
    ] {
        let templates = Templates::compile(&with_sms(source)).unwrap();
        let error = templates
            .render_sms(Language::Nb, &values(json!({"x": secret})))
            .unwrap_err();
        assert!(!error.to_string().contains("Kari"), "{error}");
        assert!(!format!("{error:?}{templates:?}").contains("Kari"));
    }
}

#[test]
fn a_language_or_text_that_is_not_there_is_an_error() {
    let templates = Templates::compile(&with_sms("Hei")).unwrap();
    let error = templates
        .render_sms(Language::Se, &Values::new())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the text at /message/se/sms does not exist"
    );
    assert_eq!(templates.languages().collect::<Vec<_>>(), [Language::Nb]);
}

proptest! {
    #[test]
    fn no_value_adds_markup_to_html(x in ".*") {
        let text = html("<p>a{{ x }}</p>", json!({"x": x}));
        prop_assert_eq!(text.matches('<').count(), 2);
        prop_assert_eq!(text.matches('>').count(), 2);
    }

    #[test]
    fn any_source_compiles_or_is_refused_without_panic(source in ".{0,80}|(\\{\\{|\\}\\}|\\{%|%\\}|[a-z (|)'.])*") {
        if let Ok(templates) = Templates::compile(&with_sms(&source)) {
            let _rendered_or_not = templates.render_sms(Language::Nb, &values(json!({"a": "b"})));
        }
    }
}
