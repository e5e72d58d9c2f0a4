//! What the agencies enqueue.

use std::time::Duration;

use budstikke::domain::kinds::{ChannelRule, Class, IfUncertain, Lane, Window};
use budstikke::domain::person::PersonNumber;
use budstikke::domain::time::Timestamp;
use serde_json::json;

use super::register::{email, phone};
use super::rng::Rng;

/// Whom a recipient is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    Person(PersonNumber),
    Phone(String),
    Email(String),
}

/// A job, as the oracle knows it without asking the system.
#[derive(Debug, Clone)]
pub struct Spec {
    pub agency: usize,
    pub name: String,
    pub class: Class,
    pub lane: Lane,
    pub rule: ChannelRule,
    pub window: Option<Window>,
    pub expires: Option<Timestamp>,
    pub send_after: Option<Timestamp>,
    pub if_uncertain: IfUncertain,
    pub reminders: u8,
    pub recipients: Vec<(Whom, String)>,
    pub body: bytes::Bytes,
}

impl Spec {
    /// The text that each recipient gets on a channel.
    pub fn text(&self, who: &str, channel: budstikke::domain::kinds::Channel) -> String {
        match channel {
            budstikke::domain::kinds::Channel::Sms => format!("{}: hei {who}", self.name),
            budstikke::domain::kinds::Channel::Email => format!("{}: kjære {who}", self.name),
        }
    }

    /// The lane of the queue it comes by.
    pub fn queue(&self) -> Lane {
        match self.lane {
            Lane::Urgent => Lane::Urgent,
            Lane::Normal | Lane::Bulk => Lane::Normal,
        }
    }

    /// A fresh message to one phone, to see whether the fleet is well again.
    pub fn fresh(agency: usize, name: &str) -> Self {
        let mut spec = Self {
            agency,
            name: name.to_owned(),
            class: Class::ServiceMessage,
            lane: Lane::Urgent,
            rule: ChannelRule::Sms,
            window: Some(Window::Anytime),
            expires: None,
            send_after: None,
            if_uncertain: IfUncertain::Resend,
            reminders: 0,
            recipients: vec![(Whom::Phone(phone(77_777)), "deg".to_owned())],
            body: bytes::Bytes::new(),
        };
        spec.write();
        spec
    }

    /// A job of the kind that `rng` says, published at about `now`.
    pub fn any(
        rng: &mut Rng,
        number: u64,
        agencies: usize,
        people: &[PersonNumber],
        now: Timestamp,
        days: u8,
    ) -> Self {
        let class = if rng.chance(0.35) {
            Class::Letter
        } else {
            Class::ServiceMessage
        };
        let lane = *rng.pick(&[Lane::Urgent, Lane::Normal, Lane::Normal, Lane::Bulk]);
        let rule = *rng.pick(ChannelRule::ALL);
        let window = *rng.pick(&[
            None,
            Some(Window::Anytime),
            Some(Window::Anytime),
            Some(Window::Daytime),
        ]);
        let size = if rng.chance(0.15) {
            rng.within(10..40)
        } else {
            rng.within(1..7)
        };
        let same = rng.chance(0.2);
        let recipients = (0..size)
            .map(|n| {
                let whom = if class == Class::Letter || rng.chance(0.4) {
                    Whom::Person(rng.pick(people).clone())
                } else {
                    direct(rng, rule, if same { 3 } else { 5_000 })
                };
                let who = if same {
                    "alle".to_owned()
                } else {
                    format!("nr{n}")
                };
                (whom, who)
            })
            .collect();
        let mut spec = Self {
            agency: rng.within(0..agencies as u64) as usize,
            name: format!("job-{number}"),
            class,
            lane,
            rule,
            window,
            expires: Some(now.plus(Duration::from_secs(rng.within(20..240)))),
            send_after: rng
                .chance(0.2)
                .then(|| now.plus(Duration::from_secs(rng.within(1..40)))),
            if_uncertain: if rng.chance(0.4) {
                IfUncertain::Leave
            } else {
                IfUncertain::Resend
            },
            reminders: if class == Class::Letter && days > 0 && rng.chance(0.8) {
                days
            } else {
                0
            },
            recipients,
            body: bytes::Bytes::new(),
        };
        if spec.send_after >= spec.expires {
            spec.send_after = None;
        }
        spec.write();
        spec
    }

    /// Writes the body.
    pub fn write(&mut self) {
        let recipients: Vec<_> = self
            .recipients
            .iter()
            .map(|(whom, who)| {
                let values = json!({ "who": who });
                match whom {
                    Whom::Person(person) => json!({"person": person.expose(), "values": values}),
                    Whom::Phone(phone) => json!({"phone": phone, "values": values}),
                    Whom::Email(email) => json!({"email": email, "values": values}),
                }
            })
            .collect();
        let mut body = json!({
            "job": self.name,
            "class": self.class,
            "purpose": "simulation",
            "channel": self.rule,
            "message": {"nb": {
                "sms": format!("{}: hei {{{{ who }}}}", self.name),
                "email": {"subject": "Hei", "text": format!("{}: kjære {{{{ who }}}}", self.name)},
            }},
            "recipients": recipients,
            "if_uncertain": self.if_uncertain,
        });
        if self.lane != Lane::Normal {
            body["lane"] = json!(self.lane);
        }
        if let Some(window) = self.window {
            body["window"] = json!(window);
        }
        if let Some(expires) = self.expires {
            body["expires"] = json!(expires.to_jiff().to_string());
        }
        if let Some(after) = self.send_after {
            body["send_after"] = json!(after.to_jiff().to_string());
        }
        if self.reminders > 0 {
            let reminders: Vec<_> = (1..=self.reminders)
                .map(|n| json!({"after_days": n}))
                .collect();
            body["reminders"] = json!(reminders);
        }
        self.body = body.to_string().into();
    }
}

/// A direct address on a channel that the rule allows.
fn direct(rng: &mut Rng, rule: ChannelRule, of: u64) -> Whom {
    let n = 100_000 + rng.within(0..of);
    let sms = match rule {
        ChannelRule::Sms => true,
        ChannelRule::Email => false,
        ChannelRule::SmsPreferred | ChannelRule::EmailPreferred | ChannelRule::Both => {
            rng.chance(0.5)
        }
    };
    if sms {
        Whom::Phone(phone(n))
    } else {
        Whom::Email(email(n))
    }
}
