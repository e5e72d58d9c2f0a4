//! The small leased ready set: planned deliveries that wait for a slot, per channel, by lane and
//! turn.

use std::sync::Arc;

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
    sms: Mutex<FairQueue<Ready>>,
    email: Mutex<FairQueue<Ready>>,
}

impl ReadySet {
    fn queue(&self, channel: Channel) -> &Mutex<FairQueue<Ready>> {
        match channel {
            Channel::Sms => &self.sms,
            Channel::Email => &self.email,
        }
    }

    /// How many are held for `agency` in `lane`, on both channels.
    pub fn held(&self, agency: AgencyNo, lane: Lane) -> usize {
        let (sms, email) = (self.sms.lock(), self.email.lock());
        Tier::of_lane(lane)
            .iter()
            .map(|tier| sms.held(agency, *tier) + email.held(agency, *tier))
            .sum()
    }

    /// How many are held in all.
    pub fn len(&self) -> usize {
        self.sms.lock().len() + self.email.lock().len()
    }

    /// How many are held for a channel.
    pub fn len_on(&self, channel: Channel) -> usize {
        self.queue(channel).lock().len()
    }

    /// Nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds at the end of the turn.
    pub fn push(&self, ready: Vec<Ready>) {
        for ready in ready {
            let mut queue = self.queue(ready.outbound.channel()).lock();
            let (agency, tier) = (ready.held.claimed.agency, ready.held.tier());
            let weight = ready.held.job.agency.weight;
            let cost = ready.outbound.cost();
            queue.push(agency, weight, tier, cost, ready);
        }
    }

    /// Puts back what got no slot, the first last, so that the order is as before.
    pub fn put_back(&self, channel: Channel, ready: Vec<Ready>) {
        let mut queue = self.queue(channel).lock();
        for ready in ready.into_iter().rev() {
            let (agency, tier) = (ready.held.claimed.agency, ready.held.tier());
            let weight = ready.held.job.agency.weight;
            let cost = ready.outbound.cost();
            queue.put_back(agency, weight, tier, cost, ready);
        }
    }

    /// Takes the next by lane and turn, at most `limit`.
    pub fn take(&self, channel: Channel, limit: usize) -> Vec<Ready> {
        let mut queue = self.queue(channel).lock();
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
        let mut gone = self.sms.lock().drain_where(leave);
        gone.extend(self.email.lock().drain_where(leave));
        gone
    }
}
