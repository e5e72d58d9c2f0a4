//! The small leased ready set: planned deliveries that wait for a slot, per channel, by lane and
//! turn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::contact::Contact;
use crate::domain::fair::{FairQueue, Tier};
use crate::domain::ids::{AgencyNo, ClaimId, Reference};
use crate::domain::job::template::Templates;
use crate::domain::job::{To, Values};
use crate::domain::kinds::{Channel, Lane};
use crate::ports::clock::Monotonic;
use crate::ports::gateway::Outbound;
use crate::ports::store::{Claimed, JobRecord, Label};

use super::deps::Agency;

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
    /// The register's answer and when it came.
    pub contact: Option<(Arc<Contact>, Monotonic)>,
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

    /// Where in the order of lanes it stands.
    pub fn tier(&self) -> Tier {
        Tier::of(self.claimed.lane, self.job.record.rules.lane)
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

/// One channel.
#[derive(Debug, Default)]
struct Side {
    queue: FairQueue<Ready>,
    /// Agencies that are passed over, and until when.
    closed: BTreeMap<AgencyNo, Monotonic>,
}

impl Side {
    fn open_what_is_due(&mut self, now: Monotonic) {
        let queue = &mut self.queue;
        self.closed.retain(|agency, until| {
            let stays = *until > now;
            if !stays {
                queue.open(*agency);
            }
            stays
        });
    }
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

    /// How many are held for `agency` in `lane`, on both channels.
    pub fn held(&self, agency: AgencyNo, lane: Lane) -> usize {
        self.held_on(Channel::Sms, agency, lane) + self.held_on(Channel::Email, agency, lane)
    }

    /// How many are held for `agency` in `lane` on a channel.
    pub fn held_on(&self, channel: Channel, agency: AgencyNo, lane: Lane) -> usize {
        let side = self.side(channel).lock();
        let tiers = Tier::of_lane(lane).iter();
        tiers.map(|tier| side.queue.held(agency, *tier)).sum()
    }

    /// How many are held in all.
    pub fn len(&self) -> usize {
        self.sms.lock().queue.len() + self.email.lock().queue.len()
    }

    /// How many are held of agencies that are not passed over just now.
    pub fn open_len(&self) -> usize {
        self.sms.lock().queue.open_len() + self.email.lock().queue.open_len()
    }

    /// What there is to do on a channel.
    pub fn look(&self, channel: Channel, now: Monotonic) -> Waiting {
        let mut side = self.side(channel).lock();
        side.open_what_is_due(now);
        let next = side.closed.values().min();
        Waiting {
            open: side.queue.open_len(),
            opens_in: next.map(|until| until.since(now)),
        }
    }

    /// Passes over an agency on a channel until then: its own rate is used up.
    pub fn close(&self, channel: Channel, agency: AgencyNo, until: Monotonic) {
        let mut side = self.side(channel).lock();
        side.queue.close(agency);
        side.closed.insert(agency, until);
    }

    /// Nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds at the end of the turn.
    pub fn push(&self, ready: Vec<Ready>) {
        for ready in ready {
            let queue = &mut self.side(ready.outbound.channel()).lock().queue;
            let (agency, tier) = (ready.held.claimed.agency, ready.held.tier());
            let weight = ready.held.job.agency.weight;
            let cost = ready.outbound.cost();
            queue.push(agency, weight, tier, cost, ready);
        }
    }

    /// Puts back what got no slot, the first last, so that the order is as before.
    pub fn put_back(&self, channel: Channel, ready: Vec<Ready>) {
        let queue = &mut self.side(channel).lock().queue;
        for ready in ready.into_iter().rev() {
            let (agency, tier) = (ready.held.claimed.agency, ready.held.tier());
            let weight = ready.held.job.agency.weight;
            let cost = ready.outbound.cost();
            queue.put_back(agency, weight, tier, cost, ready);
        }
    }

    /// Takes the next by lane and turn, at most `limit`.
    pub fn take(&self, channel: Channel, limit: usize) -> Vec<Ready> {
        let queue = &mut self.side(channel).lock().queue;
        let mut taken = Vec::with_capacity(limit.min(queue.len()));
        while taken.len() < limit {
            let Some((.., ready)) = queue.pop() else {
                break;
            };
            taken.push(ready);
        }
        taken
    }

    /// Takes out everything, for example at the end.
    pub fn drain(&self) -> Vec<Ready> {
        self.drain_held_before(None)
    }

    /// Takes out what is held since before `limit`.
    pub fn drain_held_before(&self, limit: Option<Monotonic>) -> Vec<Ready> {
        let leave = |ready: &Ready| limit.is_none_or(|limit| ready.held.since < limit);
        let mut gone = self.sms.lock().queue.drain_where(leave);
        gone.extend(self.email.lock().queue.drain_where(leave));
        gone
    }
}
