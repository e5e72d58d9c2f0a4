//! The three scenarios: what is enqueued, and what must become of everyone.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::domain::kinds::Language;

use super::people::{Expected, Kind, Person};

/// One scenario.
#[derive(Debug)]
pub struct Scenario {
    /// For people.
    pub title: &'static str,
    /// The agency that enqueues it.
    pub agency: &'static str,
    /// The job's name.
    pub job: String,
    /// The job.
    pub body: Value,
    /// Everyone, by reference.
    pub people: HashMap<String, (Person, Expected, Texts)>,
    /// What was right, in one line.
    pub moral: &'static str,
}

/// The texts that a person must get.
#[derive(Debug, Clone)]
pub struct Texts {
    /// As an SMS.
    pub sms: String,
    /// As an e-mail.
    pub email: String,
}

/// Out of twenty people: mostly ordinary ones.
const LETTER: [Kind; 20] = [
    Kind::Ordinary,
    Kind::Reserved,
    Kind::Ordinary,
    Kind::Stale,
    Kind::Nynorsk,
    Kind::Unregistered,
    Kind::Ordinary,
    Kind::StaleMobile,
    Kind::Ordinary,
    Kind::SharedMobile,
    Kind::EmailOnly,
    Kind::Ordinary,
    Kind::Deleted,
    Kind::SilentPhone,
    Kind::Ordinary,
    Kind::NoAddress,
    Kind::NotNotifiable,
    Kind::RefusedNumber,
    Kind::Ordinary,
    Kind::DeadPhone,
];

const SNOW: [Kind; 20] = [
    Kind::Ordinary,
    Kind::SharedMobile,
    Kind::Ordinary,
    Kind::Reserved,
    Kind::Ordinary,
    Kind::Stale,
    Kind::Ordinary,
    Kind::SilentPhone,
    Kind::Nynorsk,
    Kind::Ordinary,
    Kind::SharedMobile,
    Kind::Ordinary,
    Kind::EmailOnly,
    Kind::Ordinary,
    Kind::Unregistered,
    Kind::Ordinary,
    Kind::NotNotifiable,
    Kind::Ordinary,
    Kind::NoAddress,
    Kind::Ordinary,
];

const CLINIC: [Kind; 10] = [
    Kind::Ordinary,
    Kind::Ordinary,
    Kind::RefusedNumber,
    Kind::Ordinary,
    Kind::Nynorsk,
    Kind::DeadPhone,
    Kind::Ordinary,
    Kind::EmailOnly,
    Kind::Ordinary,
    Kind::SilentPhone,
];

/// A letter in the digital mailbox for `n` people.
pub fn letter(n: u32) -> Scenario {
    let people = make(1, n, &LETTER);
    let texts = |language| {
        match language {
        Language::Nn => Texts {
            sms: "Oslo kommune: Du har fått eit viktig brev i den digitale postkassa di. Logg inn sjølv for å lese det.".into(),
            email: "Du har fått eit viktig brev i den digitale postkassa di.\n\nLogg inn sjølv for å lese det.\n".into(),
        },
        Language::Nb | Language::En | Language::Se => Texts {
            sms: "Oslo kommune: Du har fått et viktig brev i din digitale postkasse. Logg inn selv for å lese det.".into(),
            email: "Du har fått et viktig brev i din digitale postkasse.\n\nLogg inn selv for å lese det.\n".into(),
        },
    }
    };
    let (nb, nn) = (texts(Language::Nb), texts(Language::Nn));
    let recipients = recipients(&people, |_| json!({}));
    Scenario {
        title: "A letter in the digital mailbox",
        agency: "oslo",
        job: "demo-letter".into(),
        body: json!({
            "job": "demo-letter",
            "class": "letter",
            "purpose": "Notice of an individual decision",
            "window": "anytime",
            "message": {
                "nb": {"sms": nb.sms, "email": {"subject": "Du har fått et viktig brev", "text": nb.email}},
                "nn": {"sms": nn.sms, "email": {"subject": "Du har fått eit viktig brev", "text": nn.email}},
            },
            "recipients": recipients,
        }),
        people: expect(people, |person, _| {
            (person.kind.of_letter(), texts(person.language))
        }),
        moral: "nobody who is reserved, unregistered or unsure was alerted: each of them is `paper`",
    }
}

/// A snow-clearing broadcast to `n` recipients.
pub fn snow(n: u32) -> Scenario {
    let people = make(2, n, &SNOW);
    let text = "Lørenskog kommune: Brøyting av Storgata i natt. Flytt bilen før kl. 22.";
    let body = "Vi brøyter Storgata i natt.\n\nFlytt bilen før kl. 22.\n";
    let recipients = recipients(&people, |_| json!({}));
    Scenario {
        title: "A snow-clearing broadcast",
        agency: "lorenskog",
        job: "demo-snow".into(),
        body: json!({
            "job": "demo-snow",
            "class": "service_message",
            "purpose": "Snow clearing",
            "window": "anytime",
            "message": {"nb": {"sms": text, "email": {"subject": "Brøyting av Storgata", "text": body}}},
            "recipients": recipients,
        }),
        people: expect(people, |person, _| {
            (
                person.kind.of_service_message(),
                Texts {
                    sms: text.into(),
                    email: body.into(),
                },
            )
        }),
        moral: "one message per phone: those who share one are `covered`; reservation and age do not stop a service message",
    }
}

/// `n` clinic appointments with per-person values.
pub fn clinic(n: u32) -> Scenario {
    let people = make(3, n, &CLINIC);
    let time = |index: u32| {
        let day = ["mandag", "tirsdag", "onsdag", "torsdag", "fredag"][(index % 5) as usize];
        format!("{day} {:02}:{:02}", 8 + index % 8, index * 7 % 60)
    };
    let recipients = recipients(&people, |index| json!({"tid": time(index)}));
    Scenario {
        title: "Clinic appointments",
        agency: "klinikken",
        job: "demo-clinic".into(),
        body: json!({
            "job": "demo-clinic",
            "class": "service_message",
            "purpose": "Outpatient appointment reminder",
            "window": "anytime",
            "message": {"nb": {
                "sms": "Du har time hos oss {{ tid }}. Ring oss om du ikke kan komme.",
                "email": {"subject": "Påminnelse om time", "text": "Hei,\n\ndu har time hos oss {{ tid }}.\n"},
            }},
            "recipients": recipients,
        }),
        people: expect(people, |person, index| {
            let tid = time(index);
            let texts = Texts {
                sms: format!("Du har time hos oss {tid}. Ring oss om du ikke kan komme."),
                email: format!("Hei,\n\ndu har time hos oss {tid}.\n"),
            };
            (person.kind.of_service_message(), texts)
        }),
        moral: "everyone got their own time; a refused or dead phone got it by e-mail instead",
    }
}

fn make(block: u32, n: u32, kinds: &[Kind]) -> Vec<Person> {
    (0..n)
        .map(|index| {
            let kind = kinds[index as usize % kinds.len()];
            Person::new(block, index, kind)
        })
        .collect()
}

fn recipients(people: &[Person], values: impl Fn(u32) -> Value) -> Vec<Value> {
    people
        .iter()
        .zip(0..)
        .map(|(person, index)| {
            json!({"ref": format!("p{index}"), "person": person.number.expose(), "values": values(index)})
        })
        .collect()
}

fn expect(
    people: Vec<Person>,
    of: impl Fn(&Person, u32) -> (Expected, Texts),
) -> HashMap<String, (Person, Expected, Texts)> {
    people
        .into_iter()
        .zip(0..)
        .map(|(person, index)| {
            let (expected, texts) = of(&person, index);
            (format!("p{index}"), (person, expected, texts))
        })
        .collect()
}
