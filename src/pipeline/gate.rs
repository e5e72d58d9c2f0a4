//! The plan's caller: asks [`crate::domain::plan`] about a claimed delivery and, if it may go,
//! writes the message.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::domain::ids::Position;
use crate::domain::kinds::{Class, Language};
use crate::domain::plan::{self, Address, Case, Verdict};
use crate::domain::sms_parts;
use crate::domain::status::{Reason, Status};
use crate::domain::time::Timestamp;
use crate::ports::gateway::{Content, Outbound};
use crate::ports::store::{Guard, Next, Settlement};

use super::ready::{Held, Ready};

/// What the gate says.
#[derive(Debug)]
pub enum Gate {
    /// It may go as soon as it has a slot.
    Open(Ready),
    /// It may not go now, or never: this is what becomes of it.
    Shut(Settlement),
}

/// The case of a delivery at `now`, as the plan sees it.
pub fn case(held: &Held, now: Timestamp) -> Case<'_> {
    Case {
        rules: &held.job.record.rules,
        accepted_at: held.job.record.accepted_at,
        cancelled: held.job.record.cancelled_at.is_some(),
        to: held.to.as_ref(),
        contact: held.contact.as_ref().map(|(contact, _)| contact.as_ref()),
        opted_out: held.opted_out,
        opened: false,
        occasion: held.claimed.delivery.occasion(),
        channel: held.claimed.delivery.channel(),
        // Once a try was made on a channel, the delivery stays on it; another is a fallback.
        fixed: held.claimed.fixed || held.claimed.attempts > 0 || held.claimed.slot > 0,
        hours: &held.job.agency.hours,
        now,
    }
}

/// Decides, and renders if it may go.
pub fn gate(held: Held, now: Timestamp) -> Gate {
    match plan::decide(&case(&held, now)) {
        Verdict::Send { address, language } => match write(&held, address, language) {
            Ok((outbound, cover)) => Gate::Open(Ready {
                held,
                outbound,
                cover,
            }),
            Err(reason) => Gate::Shut(withhold(&held, reason, now, None)),
        },
        Verdict::Wait { until } => Gate::Shut(wait(&held, until, now)),
        Verdict::Withhold { reason } => Gate::Shut(
            moved(&held, reason, now).unwrap_or_else(|| withhold(&held, reason, now, None)),
        ),
    }
}

/// The address of the channel that was tried is gone: the other channel begins as a fallback, if
/// the rule falls back and the plan would let it go.
fn moved(held: &Held, reason: Reason, now: Timestamp) -> Option<Settlement> {
    let claimed = &held.claimed;
    let gone = matches!(
        reason,
        Reason::NoAddress | Reason::StaleAddress | Reason::InvalidAddress
    );
    if !gone
        || claimed.fixed
        || claimed.slot > 0
        || claimed.attempts == 0
        || !held.job.record.rules.channel.falls_back()
    {
        return None;
    }
    let other = Case {
        channel: claimed.delivery.channel().other(),
        fixed: true,
        ..case(held, now)
    };
    match plan::decide(&other) {
        Verdict::Withhold { .. } => None,
        Verdict::Send { .. } | Verdict::Wait { .. } => Some(Settlement {
            delivery: claimed.delivery,
            guard: Guard::Claim(held.claim),
            tried: None,
            next: Next::Fallback { reason, due: now },
            label: held.label(),
            at: now,
        }),
    }
}

/// The last gate, just before the intent: the same question with a later clock. The text is kept
/// when nothing that it rests on has changed.
pub fn gate_again(ready: Ready, now: Timestamp) -> Gate {
    let still = match plan::decide(&case(&ready.held, now)) {
        Verdict::Send { address, .. } => same_address(&ready.outbound.content, &address),
        Verdict::Wait { .. } | Verdict::Withhold { .. } => false,
    };
    if still {
        Gate::Open(ready)
    } else {
        gate(ready.held, now)
    }
}

fn same_address(content: &Content, address: &Address) -> bool {
    match (content, address) {
        (Content::Sms { to, .. }, Address::Phone(phone)) => to == phone,
        (Content::Email { to, .. }, Address::Email(email)) => to == email,
        (Content::Sms { .. }, Address::Email(_)) | (Content::Email { .. }, Address::Phone(_)) => {
            false
        }
    }
}

/// It waits until then; no try is used up.
pub fn wait(held: &Held, until: Timestamp, now: Timestamp) -> Settlement {
    Settlement {
        delivery: held.claimed.delivery,
        guard: Guard::Claim(held.claim),
        tried: None,
        next: Next::Wait {
            due: until,
            slot: held.claimed.slot,
            tries: held.claimed.tries,
        },
        label: held.label(),
        at: now,
    }
}

/// It will not go.
pub fn withhold(
    held: &Held,
    reason: Reason,
    now: Timestamp,
    covered_by: Option<(Position, Arc<crate::domain::ids::Reference>)>,
) -> Settlement {
    let rule = held.job.record.rules.channel;
    let claimed = &held.claimed;
    let (status, reason) = plan::withheld(reason, claimed.slot, claimed.fixed, rule);
    Settlement {
        delivery: claimed.delivery,
        guard: Guard::Claim(held.claim),
        tried: None,
        next: Next::Settled {
            status,
            reason,
            // A channel was chosen if one was fixed, the agency named the address, or a try was made.
            channel_chosen: claimed.fixed
                || claimed.attempts > 0
                || status == Status::Uncertain
                || covered_by.is_some(),
            possible_duplicate: false,
            covered_by,
        },
        label: held.label(),
        at: now,
    }
}

/// Writes the message in the person's language if the job has it, else in the job's own.
fn write(
    held: &Held,
    address: Address,
    language: Option<Language>,
) -> Result<(Outbound, Option<[u8; 16]>), Reason> {
    let record = &held.job.record;
    // Texts go seven days after everything was settled: a delivery without them is too late.
    let message = record.message.as_ref().ok_or(Reason::Expired)?;
    let templates = held.job.templates.as_ref().ok_or(Reason::Expired)?;
    let (language, _) = message
        .best(language, record.rules.language)
        .ok_or(Reason::InvalidAddress)?;
    let delivery = held.claimed.delivery.on(address.channel());
    let values = held.values.as_ref();
    let agency = &held.job.agency;
    let content = match address {
        Address::Phone(to) => {
            let text = templates
                .render_sms(language, values)
                .or_else(|_missing| templates.render_sms(record.rules.language, values))
                .map_err(|_broken| Reason::NoAddress)?;
            let parts = sms_parts::parts_only(&text);
            Content::Sms {
                to,
                from: agency.sms_sender.clone(),
                text,
                parts,
            }
        }
        Address::Email(to) => {
            let email = templates
                .render_email(language, values)
                .or_else(|_missing| templates.render_email(record.rules.language, values))
                .map_err(|_broken| Reason::NoAddress)?;
            Content::Email {
                to,
                from: agency.email_from.clone(),
                subject: email.subject,
                text: email.text,
                html: email.html,
                language: language.as_str(),
                date: record.accepted_at,
            }
        }
    };
    let cover = cover(held, &content);
    Ok((Outbound { delivery, content }, cover))
}

/// The digest by which two recipients of a service message are found to get the same: occasion,
/// channel, address and text. Letters are never merged; a job of one, or of distinct direct
/// addresses, needs none.
fn cover(held: &Held, content: &Content) -> Option<[u8; 16]> {
    let record = &held.job.record;
    if record.rules.class == Class::Letter || record.recipients < 2 || record.rules.distinct {
        return None;
    }
    let mut hash = Sha256::new();
    hash.update([held.claimed.delivery.occasion()]);
    match content {
        Content::Sms { to, text, .. } => {
            hash.update(b"sms\0");
            hash.update(to.expose());
            hash.update(b"\0");
            hash.update(text);
        }
        Content::Email {
            to,
            subject,
            text,
            html,
            ..
        } => {
            hash.update(b"email\0");
            hash.update(to.fold());
            for part in [Some(subject), Some(text), html.as_ref()]
                .into_iter()
                .flatten()
            {
                hash.update(b"\0");
                hash.update(part);
            }
        }
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    Some(key)
}
