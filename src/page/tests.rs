//! Texts and templates fit together in every language.

use minijinja::{Value, context};

use super::me::DONE;
use super::problem::Problem;
use super::texts::{Texts, date, moment, number};
use super::views::{Template, Views};
use crate::domain::kinds::{Channel, Language};
use crate::domain::sms_parts;
use crate::domain::status::{Reason, Status};
use crate::domain::time::Timestamp;

#[test]
fn every_language_has_every_text_and_northern_sami_no_other() {
    let texts = Texts::new().unwrap();
    let names = |language| texts.own(language).keys().collect::<Vec<_>>();
    assert_eq!(names(Language::Nb), names(Language::Nn));
    assert_eq!(names(Language::Nb), names(Language::En));
    for name in names(Language::Se) {
        assert!(texts.own(Language::Nb).contains_key(name), "{name}");
    }
    for (name, text) in texts.own(Language::Nb) {
        for language in Language::ALL {
            let said = texts.say(*language, name).unwrap().text;
            assert!(!said.trim().is_empty(), "{language} {name}");
            for value in ["{code}", "{left}"] {
                assert_eq!(
                    text.contains(value),
                    said.contains(value),
                    "{language} {name}"
                );
            }
        }
    }
}

#[test]
fn the_sms_with_a_code_is_one_part_in_every_language() {
    let texts = Texts::new().unwrap();
    for language in Language::ALL {
        let (_, job) = texts.message(Channel::Sms, *language);
        let text = job["sms"].as_str().unwrap().replace("{{ code }}", "123456");
        assert_eq!(sms_parts::parts_only(&text), 1, "{language}: {text}");
    }
}

/// All that templates are filled with, in the shapes that handlers fill them with.
fn fillings() -> Vec<(Template, Value)> {
    let none: Option<&str> = None;
    let address = context! { text => "<b>&", updated => "1. mai 2030", verified => none };
    let message = |status: &Status, reason: Option<&Reason>| {
        context! {
            agency => "Oslo <kommune>", class => "letter", reminder => 1, channel => "sms",
            status => status.as_str(), reason => reason.map(|r| r.as_str()),
            at => "x", machine_at => "y",
        }
    };
    let reasons = Reason::ALL
        .iter()
        .map(|r| message(&Status::Failed, Some(r)));
    let messages: Vec<Value> = Status::ALL
        .iter()
        .map(|s| message(s, None))
        .chain(reasons)
        .collect();
    let mut all = vec![
        (Template::Start, context! { over => true, local => true }),
        (Template::LoggedOut, context! { only_here => true }),
        (Template::LoggedOut, context! { only_here => false }),
        (Template::Messages, context! { token => "t", messages }),
        (
            Template::Messages,
            context! { token => "t", messages => Vec::<Value>::new() },
        ),
    ];
    for local in [true, false] {
        all.push((
            Template::Me,
            context! {
                token => "t", local, done => none, registered => local, mobile => address.clone(),
                email => none, spoken => none, spoken_tag => none, mailbox => none,
                mailbox_address => none, reserved => local,
            },
        ));
    }
    for done in DONE {
        let done = done.replace('-', "_");
        all.push((
            Template::Me,
            context! {
                token => "t", local => true, done, registered => true, mobile => none,
                email => address.clone(), spoken => "English", spoken_tag => "en", mailbox => "Digipost",
                mailbox_address => "ola#1", reserved => true,
            },
        ));
    }
    for kind in ["mobile", "email"] {
        for error in [
            None,
            Some("missing"),
            Some("form"),
            Some("too_many"),
            Some("code_gone"),
        ] {
            all.push((
                Template::Address,
                context! { token => "t", kind, now => "x", typed => error, error },
            ));
        }
        for error in [None, Some("code_form"), Some("code_wrong")] {
            all.push((
                Template::Code,
                context! { token => "t", kind, address => "x", error, left => 3 },
            ));
        }
    }
    for error in [None, Some("choose"), Some("mailbox_form")] {
        let org = context! { org => "984661185", name => "Digipost" };
        let filled = context! {
            token => "t", error, spoken => "nb", choices => vec![context! { tag => "nb", name => "x" }], providers => vec![org], provider => "984661185",
            address => "x", reserved => true,
        };
        all.push((Template::Mailbox, filled.clone()));
        if error != Some("mailbox_form") {
            all.push((Template::Language, filled.clone()));
            all.push((Template::Reservation, filled));
        }
    }
    for problem in Problem::ALL {
        all.push((
            Template::Problem,
            context! { problem => problem.word(), again => true },
        ));
    }
    all
}

#[test]
fn every_page_can_be_shown_in_every_language_and_escapes_what_it_is_given() {
    let views = Views::new().unwrap();
    for (template, context) in fillings() {
        for language in Language::ALL {
            let html = views.fill(template, *language, context.clone());
            let html = html.unwrap_or_else(|error| panic!("{template:?} {language}: {error:#}"));
            assert!(html.contains("<h1>"), "{template:?}");
            assert!(
                !html.contains("<b>") && !html.contains("<kommune>"),
                "{template:?}"
            );
            assert!(
                !html.contains("<script") && !html.contains("style="),
                "{template:?}"
            );
            for left in ["{code}", "{left}", "{{", "{%"] {
                assert!(!html.contains(left), "{template:?} {language}: {left}");
            }
        }
    }
}

#[test]
fn dates_are_written_as_people_write_them_in_norwegian_time() {
    let at = Timestamp::from_jiff("2030-06-30T22:05:00Z".parse().unwrap());
    for (language, expected) in [
        (Language::Nb, "1. juli 2030 kl. 00.05"),
        (Language::Nn, "1. juli 2030 kl. 00.05"),
        (Language::En, "1 July 2030 at 00:05"),
        (Language::Se, "suoidnemánu 1. b. 2030 dmu. 00.05"),
    ] {
        assert_eq!(moment(at, language), expected);
        assert!(expected.starts_with(&date(at, language)));
    }
}

#[test]
fn numbers_are_grouped_as_people_read_them() {
    assert_eq!(number("+4741234567"), "+47 412 34 567");
    for other in ["+46701234567", "+475812345678", ""] {
        assert_eq!(number(other), other);
    }
}
