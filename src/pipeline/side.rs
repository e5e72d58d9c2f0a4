//! What waits for a slot on one channel: for any gateway, or for the one that it is bound to.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::fair::FairQueue;
use crate::domain::ids::AgencyNo;
use crate::domain::kinds::{Channel, Lane};
use crate::ports::clock::Monotonic;

use super::ready::Ready;

/// Of so many that are taken, one is bound to its gateway, if any such waits.
const BOUND_ONE_IN: u32 = 4;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// What may go through any gateway.
    free: FairQueue<Ready>,
    /// What may go through one only.
    bound: BTreeMap<Arc<str>, FairQueue<Ready>>,
    /// Taken since the last bound one.
    since_bound: u32,
    /// Agencies that are passed over, and until when.
    closed: BTreeMap<AgencyNo, Monotonic>,
    /// How many are held of each pile.
    piles: BTreeMap<Pile, usize>,
}

/// What is claimed together: an agency's work in a lane on a channel, that of the row.
pub(super) type Pile = (AgencyNo, Lane, Channel);

fn pile_of(ready: &Ready) -> Pile {
    let claimed = &ready.held.claimed;
    (claimed.agency, claimed.lane, claimed.delivery.channel())
}

impl Side {
    fn queues(&self) -> impl Iterator<Item = &FairQueue<Ready>> {
        std::iter::once(&self.free).chain(self.bound.values())
    }

    fn queues_mut(&mut self) -> impl Iterator<Item = &mut FairQueue<Ready>> {
        std::iter::once(&mut self.free).chain(self.bound.values_mut())
    }

    fn queue_of(&mut self, ready: &Ready) -> &mut FairQueue<Ready> {
        let Some(gateway) = &ready.held.through else {
            return &mut self.free;
        };
        let closed = &self.closed;
        self.bound.entry(Arc::clone(gateway)).or_insert_with(|| {
            let mut queue = FairQueue::default();
            for agency in closed.keys() {
                queue.close(*agency);
            }
            queue
        })
    }

    /// How many are held of a pile.
    pub(super) fn claimed(&self, pile: Pile) -> usize {
        self.piles.get(&pile).copied().unwrap_or_default()
    }

    /// How many are held that were claimed on a channel, of agencies that are not passed over.
    pub(super) fn claimed_on(&self, channel: Channel) -> usize {
        let open = |pile: &Pile| pile.2 == channel && !self.closed.contains_key(&pile.0);
        let piles = self.piles.iter().filter(|(pile, _)| open(pile));
        piles.map(|(_, held)| held).sum()
    }

    fn comes(&mut self, ready: &Ready) {
        *self.piles.entry(pile_of(ready)).or_default() += 1;
    }

    fn goes(&mut self, ready: &Ready) {
        if let Some(held) = self.piles.get_mut(&pile_of(ready)) {
            *held = held.saturating_sub(1);
        }
    }

    /// How many are held.
    pub(super) fn len(&self) -> usize {
        self.queues().map(FairQueue::len).sum()
    }

    /// How many are held of agencies that are not passed over.
    pub(super) fn open_len(&self) -> usize {
        self.queues().map(FairQueue::open_len).sum()
    }

    /// Whether there is anything that may go through a gateway now.
    pub(super) fn has_for(&self, gateway: &str) -> bool {
        let waits = |queue: &FairQueue<Ready>| queue.front().is_some();
        waits(&self.free) || self.bound.get(gateway).is_some_and(waits)
    }

    /// Passes over an agency until then.
    pub(super) fn close(&mut self, agency: AgencyNo, until: Monotonic) {
        self.closed.insert(agency, until);
        for queue in self.queues_mut() {
            queue.close(agency);
        }
    }

    /// Agencies whose time is over take turns again. Answers until when the next one is passed over.
    pub(super) fn open_what_is_due(&mut self, now: Monotonic) -> Option<Monotonic> {
        let mut due = Vec::new();
        self.closed.retain(|agency, until| {
            let stays = *until > now;
            if !stays {
                due.push(*agency);
            }
            stays
        });
        for queue in self.queues_mut() {
            due.iter().for_each(|agency| queue.open(*agency));
        }
        self.closed.values().min().copied()
    }

    /// Adds at the end of the turn.
    pub(super) fn push(&mut self, ready: Ready) {
        self.comes(&ready);
        let (agency, tier) = (ready.held.claimed.agency, ready.held.tier());
        let weight = ready.held.job.agency.weight;
        let cost = ready.outbound.cost();
        let queue = self.queue_of(&ready);
        queue.push(agency, weight, tier, cost, ready);
    }

    /// Puts back what got no slot: it is the first of its agency again.
    pub(super) fn put_back(&mut self, ready: Ready) {
        self.comes(&ready);
        let (agency, tier) = (ready.held.claimed.agency, ready.held.tier());
        let weight = ready.held.job.agency.weight;
        let cost = ready.outbound.cost();
        let queue = self.queue_of(&ready);
        queue.put_back(agency, weight, tier, cost, ready);
    }

    /// The next for a gateway: what is bound to it if it is more urgent, or else one in some.
    pub(super) fn next(&mut self, gateway: &str) -> Option<Ready> {
        let next = self.take_next(gateway)?;
        self.goes(&next);
        Some(next)
    }

    fn take_next(&mut self, gateway: &str) -> Option<Ready> {
        let bound = self.bound.get_mut(gateway);
        if let Some(queue) = bound
            && let Some(tier) = queue.front()
        {
            let first = self.free.front().is_none_or(|free| tier < free);
            if first || self.since_bound + 1 >= BOUND_ONE_IN {
                self.since_bound = 0;
                return queue.pop().map(|(.., ready)| ready);
            }
        }
        self.since_bound = self.since_bound.saturating_add(1);
        self.free.pop().map(|(.., ready)| ready)
    }

    /// One that may go through a gateway, of the least urgent tier: what is bound to it only if there
    /// is nothing else.
    pub(super) fn least_urgent(&mut self, gateway: &str) -> Option<Ready> {
        let taken = match self.free.pop_least_urgent() {
            Some(taken) => Some(taken),
            None => self.bound.get_mut(gateway)?.pop_least_urgent(),
        };
        let (.., taken) = taken?;
        self.goes(&taken);
        Some(taken)
    }

    /// Takes out everything that `leave` says.
    pub(super) fn drain_where(&mut self, leave: impl Fn(&Ready) -> bool) -> Vec<Ready> {
        let mut gone: Vec<Ready> = Vec::new();
        for queue in self.queues_mut() {
            gone.extend(queue.drain_where(&leave));
        }
        self.bound.retain(|_, queue| !queue.is_empty());
        gone.iter().for_each(|ready| self.goes(ready));
        gone
    }

    /// Takes out what is bound to one of the `gateways`; with `keep`, also what is free, but for so
    /// many of the least urgent for which `is_worth` holds.
    pub(super) fn drain_stuck(
        &mut self,
        gateways: &[&str],
        keep: Option<usize>,
        is_worth: impl Fn(&Ready) -> bool,
    ) -> Vec<Ready> {
        let mut gone = Vec::new();
        if let Some(keep) = keep {
            // The most urgent come first.
            let mut more = self.free.len().saturating_sub(keep);
            gone = self.free.drain_where(|ready| {
                let leaves = more > 0 || !is_worth(ready);
                more = more.saturating_sub(1);
                leaves
            });
        }
        let spare = keep.unwrap_or(0).saturating_sub(self.free.len());
        for (_, queue) in self
            .bound
            .iter_mut()
            .filter(|(name, _)| gateways.contains(&&***name))
        {
            let mut left = spare;
            gone.extend(queue.drain_where(|ready| {
                let stays = left > 0 && is_worth(ready);
                left -= usize::from(stays);
                !stays
            }));
        }
        gone.iter().for_each(|ready| self.goes(ready));
        gone
    }
}
