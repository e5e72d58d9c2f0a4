//! Jobs and settlements with as few words as a case needs.

use std::sync::Arc;

use budstikke::domain::email::EmailAddress;
use budstikke::domain::event::{Totals, job_accepted};
use budstikke::domain::ids::{AgencyNo, ClaimId, DeliveryId, JobName, Occasion, Reference};
use budstikke::domain::job::{EmailText, Job, Message, Recipient, Rules, Texts, To, Values};
use budstikke::domain::kinds::{Channel, ChannelRule, Class, IfUncertain, Lane, Language};
use budstikke::domain::person::PersonNumber;
use budstikke::domain::phone::PhoneNumber;
use budstikke::domain::status::{Reason, Status};
use budstikke::domain::time::Timestamp;
use budstikke::ports::store::{
    Guard, Label, NewDelivery, NewJob, Next, Settlement, TryOutcome, TryResult, UrgentAsk,
};

/// A job in the making.
#[derive(Clone)]
pub struct Making {
    name: String,
    class: Class,
    lane: Lane,
    rule: ChannelRule,
    recipients: Vec<Recipient>,
    occasions: Occasion,
    fixed: bool,
    due: Option<Timestamp>,
    content: u8,
    text: String,
    urgent: Option<UrgentAsk>,
}

/// A service message to one phone, lane normal, due at once.
pub fn job(name: &str) -> Making {
    let job = Making {
        name: name.to_owned(),
        class: Class::ServiceMessage,
        lane: Lane::Normal,
        rule: ChannelRule::SmsPreferred,
        recipients: Vec::new(),
        occasions: 1,
        fixed: false,
        due: None,
        content: 1,
        text: "Hei {{ navn }}".to_owned(),
        urgent: None,
    };
    job.to(1)
}

impl Making {
    /// To so many phones.
    pub fn to(mut self, recipients: u16) -> Self {
        self.recipients = (0..recipients)
            .map(|n| recipient(n, To::Phone(phone(n))))
            .collect();
        self
    }

    /// To these.
    pub fn recipients(mut self, recipients: Vec<Recipient>) -> Self {
        self.recipients = recipients;
        self
    }

    /// A letter to as many persons, with so many reminders.
    pub fn letter(mut self, reminders: Occasion) -> Self {
        self.class = Class::Letter;
        self.occasions = 1 + reminders;
        let count = u16::try_from(self.recipients.len()).unwrap();
        self.recipients = (0..count)
            .map(|n| recipient(n, To::Person(person(n))))
            .collect();
        self
    }

    pub fn lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// In lane urgent, with a quota and what each recipient counts.
    pub fn urgent(mut self, per_hour: u32, costs: &[u32]) -> Self {
        self.urgent = Some(UrgentAsk {
            per_hour,
            costs: costs.to_vec(),
        });
        self.to(u16::try_from(costs.len()).unwrap())
            .lane(Lane::Urgent)
    }

    /// Both channels, each with its own delivery.
    pub fn both(mut self) -> Self {
        self.rule = ChannelRule::Both;
        self.fixed = true;
        self
    }

    /// The plan may not choose the other channel.
    pub fn fixed(mut self) -> Self {
        self.fixed = true;
        self
    }

    pub fn due(mut self, due: Timestamp) -> Self {
        self.due = Some(due);
        self
    }

    /// Another content under the same name.
    pub fn content(mut self, content: u8) -> Self {
        self.content = content;
        self
    }

    pub fn text(mut self, text: &str) -> Self {
        self.text = text.to_owned();
        self
    }

    /// The job as intake offers it.
    pub fn by(self, agency: AgencyNo, at: Timestamp) -> NewJob {
        let name = JobName::parse(&self.name).unwrap();
        let channels: &[Channel] = match self.rule {
            ChannelRule::Both => &[Channel::Sms, Channel::Email],
            ChannelRule::SmsPreferred
            | ChannelRule::EmailPreferred
            | ChannelRule::Sms
            | ChannelRule::Email => &[Channel::Sms],
        };
        let mut deliveries = Vec::new();
        for (position, _) in (0u16..).zip(&self.recipients) {
            for occasion in 0..self.occasions {
                deliveries.extend(channels.iter().map(|channel| NewDelivery {
                    position,
                    occasion,
                    channel: *channel,
                    fixed: self.fixed,
                    due: self.due.unwrap_or(at),
                    settled: None,
                }));
            }
        }
        let recipients = self.recipients.len() as u64;
        let event = job_accepted(agency, &name, at, recipients, false, &Totals::default());
        let texts = Texts {
            sms: Some(self.text),
            email: Some(EmailText {
                subject: "Emne".to_owned(),
                text: "Hei {{ navn }}".to_owned(),
                html: None,
            }),
        };
        NewJob {
            agency,
            job: Arc::new(Job {
                name,
                rules: Rules {
                    class: self.class,
                    purpose: Some("test".to_owned()),
                    lane: self.lane,
                    channel: self.rule,
                    language: Language::Nb,
                    send_after: None,
                    expires: None,
                    window: None,
                    reminders: Vec::new(),
                    if_uncertain: IfUncertain::Resend,
                    audience: None,
                    distinct: false,
                },
                message: Message {
                    texts: [(Language::Nb, texts)].into(),
                },
                recipients: self.recipients,
                content_hash: [self.content; 32],
            }),
            lane: self.lane,
            urgent: self.urgent,
            accepted_at: at,
            deliveries,
            events: vec![event],
        }
    }
}

/// The n-th recipient, named `r<n>`, with a value.
pub fn recipient(n: u16, to: To) -> Recipient {
    let mut values = Values::new();
    values.insert("navn".to_owned(), format!("verdi-{n}").into());
    Recipient {
        reference: reference(n),
        to,
        values,
        home: None,
    }
}

pub fn reference(n: u16) -> Reference {
    Reference::parse(&format!("r{n}")).unwrap()
}

pub fn phone(n: u16) -> PhoneNumber {
    PhoneNumber::parse(&format!("+479{:07}", 1_000_000 + u32::from(n))).unwrap()
}

pub fn email(n: u16) -> EmailAddress {
    EmailAddress::parse(&format!("mottaker{n}@example.no")).unwrap()
}

/// The n-th synthetic identity number (month + 80) whose check digits are right; n below 400.
pub fn person(n: u16) -> PersonNumber {
    let mut numbers = (0..1_000u16).filter_map(|serial| {
        let head = format!("018190{serial:03}");
        let digit = |text: &str, weights: &[u32]| {
            let sum: u32 = text
                .bytes()
                .zip(weights)
                .map(|(b, w)| u32::from(b - b'0') * w)
                .sum();
            match 11 - sum % 11 {
                11 => Some(0),
                10 => None,
                check => Some(check),
            }
        };
        let first = digit(&head, &[3, 7, 6, 1, 8, 9, 4, 5, 2])?;
        let text = format!("{head}{first}");
        let second = digit(&text, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2])?;
        PersonNumber::parse(&format!("{text}{second}")).ok()
    });
    numbers.nth(usize::from(n)).unwrap()
}

/// Settled as `status`, on its channel, without a reason.
pub fn settled(status: Status) -> Next {
    Next::Settled {
        status,
        reason: None,
        channel_chosen: true,
        possible_duplicate: false,
        covered_by: None,
    }
}

/// Settled as `status` for `reason`.
pub fn because(status: Status, reason: Reason) -> Next {
    Next::Settled {
        status,
        reason: Some(reason),
        channel_chosen: true,
        possible_duplicate: false,
        covered_by: None,
    }
}

/// The try `(slot, attempt)` ended so; accepted ones have the provider's id `ref-<delivery>`.
pub fn tried(delivery: DeliveryId, slot: u8, attempt: u32, outcome: TryOutcome) -> TryResult {
    TryResult {
        slot,
        attempt,
        outcome,
        provider_reference: (outcome == TryOutcome::Accepted)
            .then(|| format!("ref-{}", delivery.0)),
    }
}

/// A settlement of a delivery of Oslo's job `name`.
pub fn settlement(
    agency: AgencyNo,
    name: &str,
    delivery: DeliveryId,
    guard: Guard,
    next: Next,
    at: Timestamp,
) -> Settlement {
    Settlement {
        delivery,
        guard,
        tried: None,
        next,
        label: Label {
            agency,
            job: Arc::new(JobName::parse(name).unwrap()),
            reference: Arc::new(reference(delivery.position())),
            class: Class::ServiceMessage,
        },
        at,
    }
}

/// What a worker settles after the first try of a claimed delivery.
pub fn outcome(
    agency: AgencyNo,
    name: &str,
    delivery: DeliveryId,
    claim: ClaimId,
    how: TryOutcome,
    next: Next,
    at: Timestamp,
) -> Settlement {
    Settlement {
        tried: Some(tried(delivery, 0, 0, how)),
        ..settlement(agency, name, delivery, Guard::Claim(claim), next, at)
    }
}
