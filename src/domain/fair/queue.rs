//! The queue.
//!
//! Tiers are strict – urgent, raised, normal, bulk – except that bulk keeps a share of what is
//! served. Within a tier agencies take turns by deficit round robin: each turn an agency may
//! spend `weight · quantum` more parts, so a long queue never delays a short one by more
//! than a round. An agency whose own rate is used up is closed for a while and passed over.

use std::collections::BTreeSet;

use crate::domain::ids::AgencyNo;
use crate::domain::kinds::Lane;

use super::tier::{AgencyQueue, TierQueue};

/// Parts that an agency of weight 1 may spend per turn.
pub const QUANTUM: u32 = 20;

/// Of so many parts served, bulk gets at least one when it waits: 10 %.
pub const BULK_KEEPS_ONE_IN: u32 = 10;

/// What a part of bulk is worth in parts of the others.
const BULK_PART: i64 = BULK_KEEPS_ONE_IN as i64 - 1;

/// Bulk is owed no more than lets its next message go, and owes no more than one of ten parts.
const OWED: std::ops::RangeInclusive<i64> = -10 * BULK_PART..=2 * BULK_KEEPS_ONE_IN as i64;

/// Waiting raises a delivery from lane normal to urgent while fewer than so many of its agency and
/// channel are due there: what is raised never stands in front of the agency's own urgent work in
/// numbers.
pub const RAISED_AT_MOST: u32 = 100;

/// Where in the order of lanes an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Asked for as urgent.
    Urgent,
    /// Raised to lane urgent by waiting: after what was asked for as urgent, before the rest.
    Raised,
    /// The default.
    Normal,
    /// Large and patient.
    Bulk,
}

impl Tier {
    /// Of a delivery in lane `lane` whose job asked for lane `asked`.
    pub const fn of(lane: Lane, asked: Lane) -> Self {
        match (lane, asked) {
            (Lane::Urgent, Lane::Urgent) => Self::Urgent,
            (Lane::Urgent, Lane::Normal | Lane::Bulk) => Self::Raised,
            (Lane::Normal, _) => Self::Normal,
            (Lane::Bulk, _) => Self::Bulk,
        }
    }

    /// The tiers of a lane.
    pub const fn of_lane(lane: Lane) -> &'static [Self] {
        match lane {
            Lane::Urgent => &[Self::Urgent, Self::Raised],
            Lane::Normal => &[Self::Normal],
            Lane::Bulk => &[Self::Bulk],
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Urgent => 0,
            Self::Raised => 1,
            Self::Normal => 2,
            Self::Bulk => BULK,
        }
    }
}

const BULK: usize = 3;
pub(super) const IN_ORDER: [Tier; 4] = [Tier::Urgent, Tier::Raised, Tier::Normal, Tier::Bulk];
const BULK_FIRST: [Tier; 4] = [Tier::Bulk, Tier::Urgent, Tier::Raised, Tier::Normal];
const LAST_FIRST: [Tier; 4] = [Tier::Bulk, Tier::Normal, Tier::Raised, Tier::Urgent];

/// What waits for its turn.
#[derive(Debug)]
pub struct FairQueue<T> {
    tiers: [TierQueue<T>; 4],
    closed: BTreeSet<AgencyNo>,
    /// Parts that others were served while bulk waited, less [`BULK_PART`] for each of its own.
    owed: i64,
    len: usize,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            tiers: Default::default(),
            closed: BTreeSet::new(),
            owed: 0,
            len: 0,
        }
    }
}

impl<T> FairQueue<T> {
    /// How many items wait, those of closed agencies included.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Nothing waits.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many items wait that [`Self::pop`] may give.
    pub fn open_len(&self) -> usize {
        let of_tier = |tier: &TierQueue<T>, agency| {
            let queue = tier.queues.get(agency);
            queue.map_or(0, |queue| queue.items.len())
        };
        let closed = self
            .closed
            .iter()
            .map(|agency| self.tiers.iter().map(|t| of_tier(t, agency)).sum::<usize>());
        self.len - closed.sum::<usize>()
    }

    /// How many items of the agency wait in the tier.
    pub fn held(&self, agency: AgencyNo, tier: Tier) -> usize {
        self.tiers[tier.index()]
            .queues
            .get(&agency)
            .map_or(0, |queue| queue.items.len())
    }

    /// Passes over the agency until it is opened again.
    pub fn close(&mut self, agency: AgencyNo) {
        if self.closed.insert(agency) {
            for tier in &mut self.tiers {
                tier.turns.retain(|other| *other != agency);
            }
        }
    }

    /// The agency takes turns again, as the last.
    pub fn open(&mut self, agency: AgencyNo) {
        if self.closed.remove(&agency) {
            for tier in &mut self.tiers {
                if tier
                    .queues
                    .get(&agency)
                    .is_some_and(|q| !q.items.is_empty())
                {
                    tier.turns.push_back(agency);
                }
            }
        }
    }

    /// Adds an item of `cost` parts at the end of its agency's queue.
    pub fn push(&mut self, agency: AgencyNo, weight: u32, tier: Tier, cost: u32, item: T) {
        self.queue(agency, weight, tier)
            .items
            .push_back((cost, item));
        self.len += 1;
    }

    /// Puts an item back that was taken and could not go: it is the first of its agency again, and
    /// its cost is given back.
    pub fn put_back(&mut self, agency: AgencyNo, weight: u32, tier: Tier, cost: u32, item: T) {
        self.len += 1;
        if self.closed.contains(&agency) {
            let queue = self.queue(agency, weight, tier);
            queue.items.push_front((cost, item));
            queue.deficit = queue.deficit.saturating_add(cost);
        } else {
            self.tiers[tier.index()].put_back(agency, weight, cost, item);
        }
        self.owe(-self.change(tier, cost));
    }

    /// The queue that an item goes into.
    fn queue(&mut self, agency: AgencyNo, weight: u32, tier: Tier) -> &mut AgencyQueue<T> {
        let closed = self.closed.contains(&agency);
        self.tiers[tier.index()].queue(agency, weight, closed)
    }

    fn waits(&self, tier: Tier) -> bool {
        !self.tiers[tier.index()].turns.is_empty()
    }

    /// By how much serving `cost` parts of a tier changes what bulk is owed.
    fn change(&self, tier: Tier, cost: u32) -> i64 {
        match tier {
            Tier::Bulk
                if [Tier::Urgent, Tier::Raised, Tier::Normal]
                    .map(|t| self.waits(t))
                    .contains(&true) =>
            {
                -BULK_PART * i64::from(cost)
            }
            Tier::Urgent | Tier::Raised | Tier::Normal if self.waits(Tier::Bulk) => cost.into(),
            Tier::Urgent | Tier::Raised | Tier::Normal | Tier::Bulk => 0,
        }
    }

    fn owe(&mut self, change: i64) {
        self.owed = (self.owed + change).clamp(*OWED.start(), *OWED.end());
    }

    /// The most urgent tier in which anything waits for its turn.
    pub fn front(&self) -> Option<Tier> {
        IN_ORDER.into_iter().find(|tier| self.waits(*tier))
    }

    /// The next item by tier and turn.
    pub fn pop(&mut self) -> Option<(AgencyNo, Tier, u32, T)> {
        let bulk_first = self.owed >= BULK_PART && self.waits(Tier::Bulk);
        self.pop_from(if bulk_first { BULK_FIRST } else { IN_ORDER })
    }

    /// The next item of the least urgent tier that has one.
    pub fn pop_least_urgent(&mut self) -> Option<(AgencyNo, Tier, u32, T)> {
        self.pop_from(LAST_FIRST)
    }

    fn pop_from(&mut self, order: [Tier; 4]) -> Option<(AgencyNo, Tier, u32, T)> {
        for tier in order {
            if let Some((agency, cost, item)) = self.tiers[tier.index()].pop() {
                self.len -= 1;
                self.owe(self.change(tier, cost));
                return Some((agency, tier, cost, item));
            }
        }
        None
    }

    /// Takes out everything that `leave` says, for example what has waited too long.
    pub fn drain_where(&mut self, mut leave: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut gone = Vec::new();
        for tier in &mut self.tiers {
            for queue in tier.queues.values_mut() {
                for (cost, item) in std::mem::take(&mut queue.items) {
                    if leave(&item) {
                        gone.push(item);
                    } else {
                        queue.items.push_back((cost, item));
                    }
                }
            }
            tier.forget_the_empty();
        }
        self.len -= gone.len();
        gone
    }
}
