//! The fields that decide whether, when and where.

use serde_json::Value;

use super::body::ParseRules;
use super::fields::{Fields, wrong_type};
use super::problems::{At, Problems};
use crate::domain::job::{Reminder, Rules, StreetAudience};
use crate::domain::kinds::{ChannelRule, Class, IfUncertain, Lane, Language, Window};
use crate::domain::time::Timestamp;

/// The most characters of a purpose.
const MAX_PURPOSE: usize = 200;
/// The most reminders of a letter.
const MAX_REMINDERS: usize = 5;
/// The latest reminder, in days after the first sending.
const MAX_AFTER_DAYS: u32 = 30;

/// What could be read; `None`: a problem was named.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) class: Option<Class>,
    pub(super) channel: Option<ChannelRule>,
    pub(super) language: Option<Language>,
    purpose: Option<String>,
    lane: Option<Lane>,
    send_after: Option<Timestamp>,
    expires: Option<Timestamp>,
    window: Option<Window>,
    reminders: Vec<Reminder>,
    if_uncertain: Option<IfUncertain>,
}

/// Reads them all.
pub(super) fn read_settings(
    fields: Fields<'_>,
    rules: &ParseRules<'_>,
    problems: &mut Problems,
) -> Settings {
    let class = read_class(fields, rules.classes, problems);
    let (send_after, expires) = read_times(fields, rules.now, problems);
    Settings {
        class,
        channel: fields.word("channel", ChannelRule::SmsPreferred, problems),
        language: fields.word("language", Language::Nb, problems),
        purpose: read_purpose(fields, problems),
        lane: read_lane(fields, rules.lane_of_queue, problems),
        send_after,
        expires,
        window: fields
            .get("window")
            .and_then(|_given| fields.word("window", Window::Anytime, problems)),
        reminders: read_reminders(fields, class, problems),
        if_uncertain: fields.word("if_uncertain", IfUncertain::Resend, problems),
    }
}

impl Settings {
    /// The rules of a job, if everything could be read.
    pub(super) fn into_rules(self, audience: Option<StreetAudience>) -> Option<Rules> {
        Some(Rules {
            class: self.class?,
            purpose: self.purpose,
            lane: self.lane?,
            channel: self.channel?,
            language: self.language?,
            send_after: self.send_after,
            expires: self.expires,
            window: self.window,
            reminders: self.reminders,
            if_uncertain: self.if_uncertain?,
            audience,
            // Intake compares the addresses when it cuts the job into deliveries.
            distinct: false,
        })
    }
}

fn read_class(fields: Fields<'_>, allowed: &[Class], problems: &mut Problems) -> Option<Class> {
    fields.required("class", problems)?;
    let class = fields.word("class", Class::Letter, problems)?;
    if !allowed.contains(&class) {
        let text = format!("is {class}, which this agency may not send");
        problems.add(&At::Field(fields.at, "class"), text);
    }
    Some(class)
}

fn read_purpose(fields: Fields<'_>, problems: &mut Problems) -> Option<String> {
    let purpose = fields.string("purpose", problems)?;
    let length = purpose.chars().count();
    let is_text = !purpose.trim().is_empty() && !purpose.chars().any(char::is_control);
    if is_text && length <= MAX_PURPOSE {
        return Some(purpose.into());
    }
    let text = format!("must be 1 to {MAX_PURPOSE} characters on one line; it has {length}");
    problems.add(&At::Field(fields.at, "purpose"), text);
    None
}

/// The queue says urgent or normal; the body may ask for bulk in the normal queue and must not
/// contradict otherwise.
fn read_lane(fields: Fields<'_>, queue: Option<Lane>, problems: &mut Problems) -> Option<Lane> {
    let default = queue.unwrap_or(Lane::Normal);
    let lane = fields.word("lane", default, problems)?;
    match (queue, lane) {
        (None, _) | (Some(Lane::Normal | Lane::Bulk), Lane::Bulk) => Some(lane),
        (Some(queue), lane) if queue == lane => Some(lane),
        (Some(queue), lane) => {
            let text = format!("is {lane}, but the job came with the routing key of lane {queue}");
            problems.add(&At::Field(fields.at, "lane"), text);
            None
        }
    }
}

fn read_times(
    fields: Fields<'_>,
    now: Timestamp,
    problems: &mut Problems,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let send_after = fields.time("send_after", problems);
    let expires = fields.time("expires", problems);
    if let Some(expires) = expires {
        if expires <= now {
            problems.add(&At::Field(fields.at, "expires"), "is in the past");
        } else if send_after.is_some_and(|start| expires <= start) {
            problems.add(
                &At::Field(fields.at, "expires"),
                "must be later than send_after",
            );
        }
    }
    (send_after, expires)
}

/// In the order of their days, so that a later occasion is a later reminder.
fn read_reminders(
    fields: Fields<'_>,
    class: Option<Class>,
    problems: &mut Problems,
) -> Vec<Reminder> {
    let at = At::Field(fields.at, "reminders");
    let list = match fields.get("reminders") {
        None => return Vec::new(),
        Some(Value::Array(list)) => list,
        Some(other) => {
            problems.add(&at, wrong_type("a list", other));
            return Vec::new();
        }
    };
    if class == Some(Class::ServiceMessage) && !list.is_empty() {
        problems.add(&at, "are for letters only");
    }
    if list.len() > MAX_REMINDERS {
        problems.add(
            &at,
            format!("has {} entries; at most {MAX_REMINDERS}", list.len()),
        );
        return Vec::new();
    }
    let mut days: Vec<u8> = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        let at = At::Entry(&at, index);
        let after = Fields::of(entry, &at, &["after_days"], problems)
            .and_then(|entry| entry.whole("after_days", 1..=MAX_AFTER_DAYS, problems))
            .and_then(|after| u8::try_from(after).ok());
        match after {
            Some(after) if days.contains(&after) => {
                let text = format!("is {after} like an earlier reminder");
                problems.add(&At::Field(&at, "after_days"), text);
            }
            Some(after) => days.push(after),
            None => {}
        }
    }
    days.sort_unstable();
    days.into_iter()
        .map(|after_days| Reminder { after_days })
        .collect()
}
