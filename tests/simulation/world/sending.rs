//! What must hold when the first byte leaves: I-2, I-4, I-6, I-7, I-12.

use std::time::Duration;

use budstikke::domain::calendar;
use budstikke::domain::contact::{Contact, Registration};
use budstikke::domain::ids::DeliveryId;
use budstikke::domain::kinds::{Channel, Class, Lane, Window};
use budstikke::domain::plan::FRESH_MONTHS;
use budstikke::domain::time::Timestamp;
use budstikke::domain::window::{self, DayWindow};
use budstikke::ports::gateway::{Content, Outbound};

use super::outside::Outside;
use super::time::Life;
use super::workload::{Spec, Whom};

/// Half of the longest heartbeat's answer that a worker takes the time from, and what passes
/// between the last look and the point of no return.
const CLOCKS: Duration = Duration::from_millis(400);

/// What is wrong with sending this now.
pub fn judge(outside: &Outside, life: Life, message: &Outbound) -> Vec<String> {
    let delivery = message.delivery;
    let at = outside.sim.now();
    let state = outside.state.lock();
    let times = outside.store_times(&state.oracle);
    let now = times[0];
    let mut wrong = Vec::new();
    let sent = state
        .oracle
        .wires
        .iter()
        .filter(|wire| wire.delivery == delivery)
        .count();
    let intended = state.oracle.grants.get(&delivery).copied().unwrap_or(0) as usize;
    if sent >= intended {
        wrong.push(format!(
            "I-4: {delivery} goes on the wire without a committed intent"
        ));
    }
    let known = state
        .oracle
        .names
        .get(&delivery.job())
        .and_then(|name| state.oracle.jobs.get(name));
    let Some(known) = known else {
        wrong.push(format!("I-2: {delivery} belongs to no job"));
        return wrong;
    };
    let spec = &known.spec;
    if let Some((_, since)) = state
        .stopped
        .iter()
        .find(|(who, _)| who.is_none_or(|agency| agency.0 == spec.agency as i32 + 1))
        && at > since + 2_000_000
    {
        wrong.push(format!("{delivery} leaves more than 2 s after the stop"));
    }
    let Some((whom, who)) = spec.recipients.get(usize::from(delivery.position())) else {
        wrong.push(format!("I-2: {delivery} has no recipient"));
        return wrong;
    };
    let channel = delivery.channel();
    let (to, text) = match &message.content {
        Content::Sms { to, text, .. } => (to.expose().to_owned(), text),
        Content::Email { to, text, .. } => (to.expose().to_owned(), text),
    };
    if text.trim_end() != spec.text(who, channel) {
        wrong.push(format!("I-2: {delivery} has another text: {text}"));
    }
    match whom {
        Whom::Phone(phone) => {
            if to != *phone {
                wrong.push(format!("I-2: {delivery} goes to another phone"));
            }
        }
        Whom::Email(email) => {
            if to != *email {
                wrong.push(format!("I-2: {delivery} goes to another address"));
            }
        }
        Whom::Person(person) => {
            let key = (life, spec.agency, person.clone());
            let answers = state.oracle.answers.get(&key);
            let fresh = outside.policy.register_fresh.as_micros() as u64;
            let allowed = answers.into_iter().flatten().any(|(asked, contact)| {
                at - asked <= fresh + CLOCKS.as_micros() as u64
                    && allows(spec, contact, channel, &to, now)
            });
            if !allowed {
                let ages: Vec<_> = answers
                    .into_iter()
                    .flatten()
                    .map(|(asked, _)| (at - asked) / 1_000)
                    .collect();
                wrong.push(format!("I-6: {delivery} without an answer of the register of at most {fresh} µs that allows it; {ages:?} ms"));
            }
        }
    }
    let verdicts: Vec<_> = times
        .into_iter()
        .map(|now| judge_time(spec, &outside.hours, delivery, now))
        .collect();
    if let Some(what) = verdicts[0]
        && verdicts.iter().all(Option::is_some)
    {
        wrong.push(format!("{what}: {delivery}"));
    }
    wrong
}

fn allows(spec: &Spec, contact: &Contact, channel: Channel, to: &str, now: Timestamp) -> bool {
    let letter = spec.class == Class::Letter;
    let limit = calendar::months_before(now, FRESH_MONTHS);
    let address = match channel {
        Channel::Sms => contact.mobile.as_ref().and_then(|dated| {
            dated
                .address
                .as_ref()
                .ok()
                .map(|phone| phone.expose().to_owned())
        }),
        Channel::Email => contact.email.as_ref().and_then(|dated| {
            dated
                .address
                .as_ref()
                .ok()
                .map(|email| email.expose().to_owned())
        }),
    };
    contact.registration == Registration::Active
        && address.as_deref() == Some(to)
        && !(letter && contact.reserved)
        && !(letter && contact.freshest(channel).is_none_or(|at| at < limit))
}

fn judge_time(
    spec: &Spec,
    hours: &DayWindow,
    delivery: DeliveryId,
    now: Timestamp,
) -> Option<&'static str> {
    let window = match (spec.window, delivery.channel(), spec.lane) {
        (Some(window), _, _) => window,
        (None, Channel::Sms, Lane::Normal | Lane::Bulk) => Window::Daytime,
        (None, _, _) => Window::Anytime,
    };
    let open = |at| window::open(window, hours, at);
    if !open(now) && !open(now.plus(CLOCKS)) && !open(now.minus(CLOCKS)) {
        return Some("I-7: outside its window");
    }
    // It bounds the first occasion; reminders have their own 72 hours.
    if delivery.occasion() == 0
        && spec
            .expires
            .is_some_and(|expires| now.minus(CLOCKS) >= expires)
    {
        return Some("I-12: after it expired");
    }
    if spec
        .send_after
        .is_some_and(|after| now.plus(CLOCKS) < after)
    {
        return Some("before send_after");
    }
    None
}
