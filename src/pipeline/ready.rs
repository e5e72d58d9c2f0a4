//! The small leased ready set: planned deliveries that wait for a slot, per channel, by lane and
//! turn.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::contact::Contact;
use crate::domain::fair::Tier;
use crate::domain::ids::{AgencyNo, ClaimId, Position, Reference};
use crate::domain::job::template::Templates;
use crate::domain::job::{To, Values};
use crate::domain::kinds::{Channel, Lane};
use crate::domain::opt_out::OptedOut;
use crate::domain::plan;
use crate::domain::time::Timestamp;
use crate::ports::clock::Monotonic;
use crate::ports::gateway::Outbound;
use crate::ports::store::{AgencyRate, Claimed, JobRecord, Label};

use super::deps::Agency;
use super::side::Side;

/// A job as loaded for a claim, shared by its deliveries.
#[derive(Debug)]
pub struct LoadedJob {
    /// Whose.
    pub agency: Arc<Agency>,
    /// The row.
    pub record: JobRecord,
    /// The compiled texts; `None` once erased.
    pub templates: Option<Arc<Templates>>,
    /// The name, shared by labels.
    pub name: Arc<crate::domain::ids::JobName>,
}

/// A claimed delivery with everything that the gate needs.
#[derive(Debug, Clone)]
pub struct Held {
    /// The row.
    pub claimed: Claimed,
    /// The epoch.
    pub claim: ClaimId,
    /// The job.
    pub job: Arc<LoadedJob>,
    /// The recipient's reference.
    pub reference: Arc<Reference>,
    /// Who; `None` once the identity was erased.
    pub to: Option<To>,
    /// The values.
    pub values: Arc<Values>,
    /// Who of the household is to be reached before (`per_household`).
    pub after: Option<Position>,
    /// The register's answer and when it came.
    pub contact: Option<(Arc<Contact>, Monotonic)>,
    /// What of it stands on the agency's opt-out list.
    pub opted_out: OptedOut,
    /// The one gateway that it may go through: that of a first try which may have left.
    pub through: Option<Arc<str>>,
    /// Since when it is held.
    pub since: Monotonic,
}

impl Held {
    /// What events say of it.
    pub fn label(&self) -> Label {
        Label {
            agency: self.claimed.agency,
            job: Arc::clone(&self.job.name),
            reference: Arc::clone(&self.reference),
            class: self.job.record.rules.class,
        }
    }

    /// The rate of its agency on a channel, if it has one of its own.
    pub fn agency_rate(&self, channel: Channel) -> Option<AgencyRate> {
        Some(AgencyRate {
            agency: self.claimed.agency,
            channel,
            rate: self.job.agency.rate(channel)?,
        })
    }

    /// Where in the order of lanes it stands.
    pub fn tier(&self) -> Tier {
        Tier::of(self.claimed.lane, self.job.record.rules.lane)
    }

    /// After it nothing is sent.
    pub fn deadline(&self) -> Timestamp {
        let record = &self.job.record;
        let occasion = self.claimed.delivery.occasion();
        let hours = &self.job.agency.hours;
        plan::deadline(&record.rules, record.accepted_at, occasion, hours)
    }

    /// Whether the register must be asked (again) before it may be sent.
    pub fn needs_lookup(&self, now: Monotonic, fresh: std::time::Duration) -> bool {
        match (&self.to, &self.contact) {
            (Some(To::Person(_)), None) => true,
            (Some(To::Person(_)), Some((_, at))) => now.since(*at) >= fresh,
            (Some(To::Phone(_) | To::Email(_)) | None, _) => false,
        }
    }
}

/// A delivery that may go as soon as it has a slot.
#[derive(Debug)]
pub struct Ready {
    /// The delivery.
    pub held: Held,
    /// What goes where.
    pub outbound: Outbound,
    /// See [`crate::ports::store::IntentEntry::cover`].
    pub cover: Option<[u8; 16]>,
}

/// What waits for a slot, per channel.
#[derive(Debug, Default)]
pub struct ReadySet {
    sms: Mutex<Side>,
    email: Mutex<Side>,
}

/// What a channel has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// So many may be taken now.
    pub open: usize,
    /// How long until an agency that is passed over takes turns again.
    pub opens_in: Option<Duration>,
}

impl ReadySet {
    fn side(&self, channel: Channel) -> &Mutex<Side> {
        match channel {
            Channel::Sms => &self.sms,
            Channel::Email => &self.email,
        }
    }

    /// How many are held for `agency` in `lane` that were claimed on `channel`, whichever the plan
    /// chose for them.
    pub fn claimed(&self, agency: AgencyNo, lane: Lane, channel: Channel) -> usize {
        let pile = (agency, lane, channel);
        self.sms.lock().claimed(pile) + self.email.lock().claimed(pile)
    }

    /// How many are held that were claimed on `channel`, of agencies that are not passed over just
    /// now.
    pub fn claimed_on(&self, channel: Channel) -> usize {
        self.sms.lock().claimed_on(channel) + self.email.lock().claimed_on(channel)
    }

    /// How many are held in all.
    pub fn len(&self) -> usize {
        self.sms.lock().len() + self.email.lock().len()
    }

    /// What there is to do on a channel.
    pub fn look(&self, channel: Channel, now: Monotonic) -> Waiting {
        let mut side = self.side(channel).lock();
        let next = side.open_what_is_due(now);
        Waiting {
            open: side.open_len(),
            opens_in: next.map(|until| until.since(now)),
        }
    }

    /// Whether there is anything that may go through a gateway of a channel now.
    pub fn has_for(&self, channel: Channel, gateway: &str) -> bool {
        self.side(channel).lock().has_for(gateway)
    }

    /// Passes over an agency on a channel until then: its own rate is used up.
    pub fn close(&self, channel: Channel, agency: AgencyNo, until: Monotonic) {
        self.side(channel).lock().close(agency, until);
    }

    /// Nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds at the end of the turn.
    pub fn push(&self, ready: Vec<Ready>) {
        for ready in ready {
            self.side(ready.outbound.channel()).lock().push(ready);
        }
    }

    /// Puts back what got no slot, the first last, so that the order is as before.
    pub fn put_back(&self, channel: Channel, ready: Vec<Ready>) {
        let mut side = self.side(channel).lock();
        for ready in ready.into_iter().rev() {
            side.put_back(ready);
        }
    }

    /// Takes the next for a gateway by lane and turn, at most `limit`.
    pub fn take(&self, channel: Channel, gateway: &str, limit: usize) -> Vec<Ready> {
        let mut side = self.side(channel).lock();
        let mut taken = Vec::with_capacity(limit.min(side.len()));
        while taken.len() < limit {
            let Some(ready) = side.next(gateway) else {
                break;
            };
            taken.push(ready);
        }
        taken
    }

    /// Takes one that may go through a gateway, of the least urgent lane that has one.
    pub fn take_least_urgent(&self, channel: Channel, gateway: &str) -> Option<Ready> {
        self.side(channel).lock().least_urgent(gateway)
    }

    /// Takes out everything, for example at the end.
    pub fn drain(&self) -> Vec<Ready> {
        self.drain_held_before(None)
    }

    /// Takes out what is held since before `limit`.
    pub fn drain_held_before(&self, limit: Option<Monotonic>) -> Vec<Ready> {
        let leave = |ready: &Ready| limit.is_none_or(|limit| ready.held.since < limit);
        let mut gone = self.sms.lock().drain_where(leave);
        gone.extend(self.email.lock().drain_where(leave));
        gone
    }

    /// Takes out what is bound to one of a channel's `gateways`; with `keep`, also what may go through
    /// any, but for so many of the least urgent for which `is_worth` holds.
    pub fn drain_stuck(
        &self,
        channel: Channel,
        gateways: &[&str],
        keep: Option<usize>,
        is_worth: impl Fn(&Held) -> bool,
    ) -> Vec<Ready> {
        let mut side = self.side(channel).lock();
        side.drain_stuck(gateways, keep, |ready| is_worth(&ready.held))
    }
}
