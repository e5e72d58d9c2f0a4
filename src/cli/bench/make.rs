//! The jobs: obviously made-up people, texts of one to three parts. Pure.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::json;

use super::options::Share;
use crate::domain::kinds::Lane;

/// The most parts of an SMS that are made.
pub const MAX_PARTS: u8 = 3;
/// Phone numbers that a run has; the next notification gets the first again.
const NUMBERS: u64 = 10_000_000;

/// What the jobs are like.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Distinguishes this run's jobs from all others: at most 40 of `[a-z0-9-]`.
    pub run: String,
    /// Recipients of each job; 1–10,000.
    pub recipients: usize,
    /// How many of the notifications are SMS; the others are e-mails.
    pub sms: Share,
    /// The most parts of an SMS; 1–3. Of ten jobs seven have one, two have two and one has three.
    pub parts: u8,
    /// The lane.
    pub lane: Lane,
}

/// One job to offer.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its place in the run, from 0.
    pub index: usize,
    /// Its id.
    pub name: String,
    /// The JSON of contract section 2.
    pub body: Bytes,
}

impl Recipe {
    /// The job at `index`, the same every time.
    pub fn job(&self, index: usize) -> Made {
        let name = format!("{}-{index}", self.run);
        let frame = json!({
            "job": name,
            "class": "service_message",
            "lane": self.lane,
            "window": "anytime",
            "language": "nb",
            "message": {"nb": {
                "sms": sms_text(self.parts_of(index)),
                "email": {
                    "subject": "Prøvemelding {{ nr }}",
                    "text": "Hei {{ navn }},\n\ndette er prøvemelding {{ nr }}. Ingen skal gjøre noe med den.\n\nHilsen prøvebenken",
                },
            }},
        });
        let mut body = frame.to_string();
        body.pop();
        body.reserve(self.recipients * 80);
        body.push_str(",\"recipients\":[");
        for position in 0..self.recipients {
            if position > 0 {
                body.push(',');
            }
            let serial = self.serial(index, position);
            let to = if self.sms.takes(serial) {
                format!("\"phone\":\"{}\"", phone(serial))
            } else {
                format!("\"email\":\"{}\"", email(serial))
            };
            // Writing into a String cannot fail.
            let _written = write!(
                body,
                "{{{to},\"values\":{{\"nr\":{serial},\"navn\":\"Ola Prøve\"}}}}"
            );
        }
        body.push_str("]}");
        Made {
            index,
            name,
            body: body.into(),
        }
    }

    /// The running number of a notification.
    pub const fn serial(&self, job: usize, position: usize) -> u64 {
        (job * self.recipients + position) as u64
    }

    fn parts_of(&self, index: usize) -> u8 {
        let parts = match index % 10 {
            0..=6 => 1,
            7 | 8 => 2,
            _ => 3,
        };
        parts.min(self.parts)
    }

    /// The place in the run of a job's id; `None` if it is not of this run.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        name.strip_prefix(self.run.as_str())?
            .strip_prefix('-')?
            .parse()
            .ok()
    }
}

/// A mobile number of no one in particular: `+479` and the running number.
fn phone(serial: u64) -> String {
    format!("+479{:07}", serial % NUMBERS)
}

/// An address at a domain that cannot exist (RFC 2606).
fn email(serial: u64) -> String {
    format!("prove{serial}@benk{}.example", serial % 7)
}

/// The running number in a phone number or an e-mail address of ours.
pub fn serial_of(address: &str) -> Option<u64> {
    if let Some(digits) = address.strip_prefix("+479") {
        return digits.parse().ok();
    }
    let (local, _) = address.split_once('@')?;
    local.strip_prefix("prove")?.parse().ok()
}

/// A template whose text takes so many parts of GSM 7-bit once its values are in.
fn sms_text(parts: u8) -> String {
    const SENTENCE: &str = " Dette er en prøve, ingen skal gjøre noe med den.";
    let mut text = String::from("Prøvemelding {{ nr }} til {{ navn }}.");
    // 153 septets a part when there are several; the sentence has 49.
    let sentences = match parts {
        0 | 1 => 1,
        2 => 4,
        _ => 7,
    };
    for _ in 0..sentences {
        text.push_str(SENTENCE);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::template::Templates;
    use crate::domain::job::{ParseRules, To, parse};
    use crate::domain::kinds::{Class, Language};
    use crate::domain::sms_parts::parts_only;
    use crate::domain::time::Timestamp;

    fn recipe() -> Recipe {
        Recipe {
            run: "bench-x".to_owned(),
            recipients: 4,
            sms: Share::parse("50%").unwrap(),
            parts: MAX_PARTS,
            lane: Lane::Normal,
        }
    }

    #[test]
    fn every_job_is_valid_and_its_sms_take_one_to_three_parts() {
        let rules = ParseRules {
            allow_synthetic: false,
            classes: Class::ALL,
            municipality: None,
            lane_of_queue: Some(Lane::Normal),
            now: Timestamp(0),
        };
        let mut seen = Vec::new();
        for index in 0..10 {
            let made = recipe().job(index);
            let job = parse(&made.body, &rules).expect("a valid job");
            let templates = Templates::compile(&job.message).expect("texts that compile");
            let values = &job.recipients[1].values;
            let text = templates.render_sms(Language::Nb, values).unwrap();
            seen.push(parts_only(&text));
            let phones = job
                .recipients
                .iter()
                .filter(|one| matches!(one.to, To::Phone(_)))
                .count();
            assert_eq!(phones, 2);
        }
        assert_eq!(seen, [1, 1, 1, 1, 1, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn what_arrives_can_be_told_apart() {
        let recipe = recipe();
        assert_eq!(recipe.index_of("bench-x-17"), Some(17));
        assert_eq!(recipe.index_of("bench-y-17"), None);
        assert_eq!(recipe.index_of("letter-1"), None);
        for serial in [0, 7, 123_456] {
            assert_eq!(serial_of(&phone(serial)), Some(serial));
            assert_eq!(serial_of(&email(serial)), Some(serial));
        }
        assert_eq!(serial_of("+4712345678"), None);
        assert_eq!(serial_of("kari@example.no"), None);
    }
}
