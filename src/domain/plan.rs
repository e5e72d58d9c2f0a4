//! The law in one pure function: whether, when, where and in which language a person may be told.
//!
//! [`decide`] is asked when a delivery has been claimed and resolved, and again at the last gate
//! before each intent. What it knows comes in as [`Case`]; what it answers is a [`Verdict`].
//!
//! | | letter (eForvaltningsforskriften § 8) | service message |
//! |---|---|---|
//! | reserved | no | yes |
//! | not registered, deleted | no | no |
//! | address older than 18 calendar months | not on that channel (§ 32) | yes |
//! | register says *cannot be notified* | no | yes |

use std::time::Duration;

use super::calendar;
use super::contact::{Contact, Notifiable, Registration};
use super::email::EmailAddress;
use super::ids::{Occasion, Position};
use super::job::{Job, Rules, To};
use super::kinds::{Channel, ChannelRule, Class, Language};
use super::opt_out::OptedOut;
use super::phone::PhoneNumber;
use super::status::{Reason, Status};
use super::time::Timestamp;
use super::window::{self, DayWindow};

/// An address is too old for letters when it was neither updated nor verified for so many calendar
/// months (§ 32 second paragraph, per channel).
pub const FRESH_MONTHS: u16 = 18;

/// How long after the first possible sending an occasion ends when the job does not say.
pub const DEFAULT_LIFE: Duration = Duration::from_hours(72);

/// Everything that the decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The job's rules.
    pub rules: &'a Rules,
    /// When the job was stored.
    pub accepted_at: Timestamp,
    /// The job was cancelled.
    pub cancelled: bool,
    /// Whom it is for; `None`: the identity was erased.
    pub to: Option<&'a To>,
    /// The register's answer of this sending, for persons.
    pub contact: Option<&'a Contact>,
    /// What stands on the agency's own opt-out list.
    pub opted_out: OptedOut,
    /// The letter was opened.
    pub opened: bool,
    /// Which occasion.
    pub occasion: Occasion,
    /// The delivery's channel.
    pub channel: Channel,
    /// The other channel may not be chosen.
    pub fixed: bool,
    /// The agency's hours of the window `daytime`.
    pub hours: &'a DayWindow,
    /// Now.
    pub now: Timestamp,
}

/// A usable address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// For an SMS.
    Phone(PhoneNumber),
    /// For an e-mail.
    Email(EmailAddress),
}

impl Address {
    /// Its channel.
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Phone(_) => Channel::Sms,
            Self::Email(_) => Channel::Email,
        }
    }
}

/// What may be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may go.
    Send {
        /// Where.
        address: Address,
        /// The person's language in the register; the job's default holds if its message lacks it.
        language: Option<Language>,
    },
    /// It may go later.
    Wait {
        /// Not before.
        until: Timestamp,
    },
    /// It may not go.
    Withhold {
        /// Why.
        reason: Reason,
    },
}

/// When an occasion may first be sent: its day, moved into the window of the job's first channel.
pub fn first_possible(
    rules: &Rules,
    accepted_at: Timestamp,
    occasion: Occasion,
    hours: &DayWindow,
) -> Timestamp {
    let start = rules
        .send_after
        .map_or(accepted_at, |after| after.max(accepted_at));
    let window = rules.window_on(rules.channel.first());
    let first = window::next_open(window, hours, start);
    match usize::from(occasion)
        .checked_sub(1)
        .and_then(|i| rules.reminders.get(i))
    {
        Some(reminder) => {
            let day = calendar::add_days_oslo(first, u16::from(reminder.after_days));
            window::next_open(window, hours, day)
        }
        None => first,
    }
}

/// Nothing of an occasion is sent at or after this.
pub fn deadline(
    rules: &Rules,
    accepted_at: Timestamp,
    occasion: Occasion,
    hours: &DayWindow,
) -> Timestamp {
    match (occasion, rules.expires) {
        (0, Some(expires)) => expires,
        _ => first_possible(rules, accepted_at, occasion, hours).plus(DEFAULT_LIFE),
    }
}

/// Decides. Where several reasons hold, the first in the contract's order counts.
pub fn decide(case: &Case<'_>) -> Verdict {
    if case.cancelled {
        return Verdict::Withhold {
            reason: Reason::Cancelled,
        };
    }
    if case.opened && case.occasion > 0 {
        return Verdict::Withhold {
            reason: Reason::Opened,
        };
    }
    let deadline = deadline(case.rules, case.accepted_at, case.occasion, case.hours);
    if case.now >= deadline {
        return Verdict::Withhold {
            reason: Reason::Expired,
        };
    }
    let address = match choose(case) {
        Ok(address) => address,
        Err(reason) => return Verdict::Withhold { reason },
    };
    let window = case.rules.window_on(address.channel());
    let not_before = case
        .rules
        .send_after
        .map_or(case.now, |after| after.max(case.now));
    let until = window::next_open(window, case.hours, not_before);
    if until >= deadline {
        return too_late_there(case, address.channel());
    }
    if until > case.now {
        return Verdict::Wait { until };
    }
    Verdict::Send {
        address,
        language: case.contact.and_then(|contact| contact.language),
    }
}

/// The window of the preferred channel opens too late to be useful: the other one may still do.
fn too_late_there(case: &Case<'_>, channel: Channel) -> Verdict {
    let expired = Verdict::Withhold {
        reason: Reason::Expired,
    };
    if case.fixed || channel != case.channel || !case.rules.channel.falls_back() {
        return expired;
    }
    let other = Case {
        channel: channel.other(),
        fixed: true,
        ..*case
    };
    match decide(&other) {
        Verdict::Withhold { .. } => expired,
        found @ (Verdict::Send { .. } | Verdict::Wait { .. }) => found,
    }
}

/// The address, on the first channel of the rule that has a usable one.
fn choose(case: &Case<'_>) -> Result<Address, Reason> {
    let to = case.to.ok_or(Reason::Expired)?;
    match to {
        To::Phone(_) if case.opted_out.on(Channel::Sms) => Err(Reason::OptedOut),
        To::Email(_) if case.opted_out.on(Channel::Email) => Err(Reason::OptedOut),
        To::Phone(phone) if case.channel == Channel::Sms => Ok(Address::Phone(phone.clone())),
        To::Email(email) if case.channel == Channel::Email => Ok(Address::Email(email.clone())),
        To::Phone(_) | To::Email(_) => Err(Reason::NoAddress),
        To::Person(_) => {
            let contact = case.contact.ok_or(Reason::NotRegistered)?;
            admit(case, contact)?;
            choose_of_person(case, contact)
        }
    }
}

/// What holds for the person whatever the channel.
fn admit(case: &Case<'_>, contact: &Contact) -> Result<(), Reason> {
    let letter = case.rules.class == Class::Letter;
    match contact.registration {
        Registration::NotRegistered => return Err(Reason::NotRegistered),
        Registration::Deleted => return Err(Reason::Deleted),
        Registration::Other if letter => return Err(Reason::NotNotifiable),
        Registration::Active | Registration::Other => {}
    }
    if letter && contact.reserved {
        return Err(Reason::Reserved);
    }
    if case.opted_out.person {
        return Err(Reason::OptedOut);
    }
    Ok(())
}

fn choose_of_person(case: &Case<'_>, contact: &Contact) -> Result<Address, Reason> {
    let first = case.channel;
    let other = (!case.fixed && case.rules.channel.falls_back()).then(|| first.other());
    let mut worst: Option<Reason> = None;
    for channel in std::iter::once(first).chain(other) {
        match address_on(case, contact, channel) {
            Ok(address) if case.rules.class == Class::Letter => {
                // KAN_IKKE_VARSLES although the dates look fresh: the register knows better.
                return match contact.notifiable {
                    Notifiable::Yes | Notifiable::Unstated => Ok(address),
                    Notifiable::No => Err(Reason::NotNotifiable),
                };
            }
            Ok(address) => return Ok(address),
            // "No address" is true of the person only if no channel has one.
            Err(reason) => {
                worst = Some(match worst {
                    None | Some(Reason::NoAddress) => reason,
                    Some(before) if reason == Reason::NoAddress => before,
                    Some(before) => before.min(reason),
                });
            }
        }
    }
    Err(worst.unwrap_or(Reason::NoAddress))
}

fn address_on(case: &Case<'_>, contact: &Contact, channel: Channel) -> Result<Address, Reason> {
    let address = match channel {
        Channel::Sms => {
            let mobile = contact.mobile.as_ref().ok_or(Reason::NoAddress)?;
            mobile.address.clone().map(Address::Phone)
        }
        Channel::Email => {
            let email = contact.email.as_ref().ok_or(Reason::NoAddress)?;
            email.address.clone().map(Address::Email)
        }
    };
    if case.opted_out.on(channel) {
        return Err(Reason::OptedOut);
    }
    if case.rules.class == Class::Letter {
        let limit = calendar::months_before(case.now, FRESH_MONTHS);
        if contact.freshest(channel).is_none_or(|at| at < limit) {
            return Err(Reason::StaleAddress);
        }
    }
    address.map_err(|_unusable| Reason::InvalidAddress)
}

/// What becomes of a delivery that the plan withholds.
///
/// A delivery in slot 1 has an unknown try behind it, so *not sent* would be a guess: it is
/// uncertain. One that stands in for a channel which failed ends as failed.
pub fn withheld(
    reason: Reason,
    slot: u8,
    fixed: bool,
    rule: ChannelRule,
) -> (Status, Option<Reason>) {
    if slot > 0 {
        (Status::Uncertain, Some(Reason::NoAnswer))
    } else if reason == Reason::Cancelled {
        (Status::Cancelled, Some(reason))
    } else if fixed && rule.falls_back() {
        (Status::Failed, Some(reason))
    } else {
        (Status::NotSent, Some(reason))
    }
}

/// The deliveries with which a job begins: position, occasion, channel, fixed, due.
pub fn first_deliveries(
    job: &Job,
    accepted_at: Timestamp,
    hours: &DayWindow,
) -> Vec<(Position, Occasion, Channel, bool, Timestamp)> {
    let occasions = 1 + job.rules.reminders.len();
    let sms = dues(job, Channel::Sms, accepted_at, hours);
    let email = dues(job, Channel::Email, accepted_at, hours);
    let mut deliveries = Vec::with_capacity(job.recipients.len() * occasions);
    for (position, recipient) in job.recipients.iter().enumerate() {
        let channels: &[(Channel, bool)] = match (&recipient.to, job.rules.channel) {
            (To::Phone(_), _) => &[(Channel::Sms, false)],
            (To::Email(_), _) => &[(Channel::Email, false)],
            (To::Person(_), ChannelRule::Both) => &[(Channel::Sms, true), (Channel::Email, true)],
            (To::Person(_), rule) if rule.first() == Channel::Sms => &[(Channel::Sms, false)],
            (To::Person(_), _) => &[(Channel::Email, false)],
        };
        let may_switch = matches!(recipient.to, To::Person(_)) && job.rules.channel.falls_back();
        for occasion in 0..occasions {
            for (channel, fixed) in channels {
                // Which channel a person has is not known yet: the earlier of the two may be it.
                let due = match channel {
                    _ if may_switch => sms[occasion].min(email[occasion]),
                    Channel::Sms => sms[occasion],
                    Channel::Email => email[occasion],
                };
                let (position, occasion) = (position as Position, occasion as Occasion);
                // What cannot go in time is said at once, not when its window opens.
                let due = if due >= deadline(&job.rules, accepted_at, occasion, hours) {
                    accepted_at
                } else {
                    due
                };
                deliveries.push((position, occasion, *channel, *fixed, due));
            }
        }
    }
    deliveries
}

/// When each occasion may first be sent on a channel, which may have another window than the job's
/// first one.
fn dues(job: &Job, channel: Channel, accepted_at: Timestamp, hours: &DayWindow) -> Vec<Timestamp> {
    let rules = Rules {
        channel: rule_of(channel),
        ..job.rules.clone()
    };
    (0..=job.rules.reminders.len())
        .map(|occasion| first_possible(&rules, accepted_at, occasion as Occasion, hours))
        .collect()
}

const fn rule_of(channel: Channel) -> ChannelRule {
    match channel {
        Channel::Sms => ChannelRule::Sms,
        Channel::Email => ChannelRule::Email,
    }
}
