//! Who goes next: lanes, and agencies within a lane.
//!
//! Lanes are strict – urgent, normal, bulk – except that bulk keeps a share of what is served
//! . Within a lane agencies take turns by deficit round robin: each turn an agency may
//! spend `weight · quantum` more parts, so a long queue never delays a short one by more
//! than a round.

use std::collections::{BTreeMap, VecDeque};

use super::ids::AgencyNo;
use super::kinds::Lane;

/// Parts that an agency of weight 1 may spend per turn.
pub const QUANTUM: u32 = 20;

/// Of so many parts served, bulk gets at least one when it waits: 10 %.
pub const BULK_KEEPS_ONE_IN: u32 = 10;

/// What waits for its turn.
#[derive(Debug)]
pub struct FairQueue<T> {
    lanes: [LaneQueue<T>; 3],
    since_bulk: u32,
    len: usize,
}

#[derive(Debug)]
struct LaneQueue<T> {
    queues: BTreeMap<AgencyNo, AgencyQueue<T>>,
    /// Agencies with work, in the order of their turns; the front has the turn.
    turns: VecDeque<AgencyNo>,
}

#[derive(Debug)]
struct AgencyQueue<T> {
    items: VecDeque<(u32, T)>,
    deficit: u32,
    weight: u32,
}

impl<T> Default for LaneQueue<T> {
    fn default() -> Self {
        Self {
            queues: BTreeMap::new(),
            turns: VecDeque::new(),
        }
    }
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            lanes: Default::default(),
            since_bulk: 0,
            len: 0,
        }
    }
}

const fn index(lane: Lane) -> usize {
    match lane {
        Lane::Urgent => 0,
        Lane::Normal => 1,
        Lane::Bulk => 2,
    }
}

impl<T> FairQueue<T> {
    /// How many items wait.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Nothing waits.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many items of the agency wait in the lane.
    pub fn held(&self, agency: AgencyNo, lane: Lane) -> usize {
        self.lanes[index(lane)]
            .queues
            .get(&agency)
            .map_or(0, |queue| queue.items.len())
    }

    /// Adds an item of `cost` parts at the end of its agency's queue.
    pub fn push(&mut self, agency: AgencyNo, weight: u32, lane: Lane, cost: u32, item: T) {
        self.len += 1;
        self.lanes[index(lane)]
            .queue(agency, weight)
            .items
            .push_back((cost, item));
    }

    /// Puts an item back that was taken and could not go: it is the first of its agency again, and
    /// its cost is given back.
    pub fn put_back(&mut self, agency: AgencyNo, weight: u32, lane: Lane, cost: u32, item: T) {
        self.len += 1;
        let queue = self.lanes[index(lane)].queue(agency, weight);
        queue.items.push_front((cost, item));
        queue.deficit = queue.deficit.saturating_add(cost);
        if lane == Lane::Bulk {
            self.since_bulk = self.since_bulk.saturating_add(BULK_KEEPS_ONE_IN * cost);
        }
    }

    /// The next item by lane and turn.
    pub fn pop(&mut self) -> Option<(AgencyNo, Lane, u32, T)> {
        let bulk_first = self.since_bulk >= BULK_KEEPS_ONE_IN && !self.lanes[2].turns.is_empty();
        let order: [Lane; 3] = if bulk_first {
            [Lane::Bulk, Lane::Urgent, Lane::Normal]
        } else {
            [Lane::Urgent, Lane::Normal, Lane::Bulk]
        };
        for lane in order {
            if let Some((agency, cost, item)) = self.lanes[index(lane)].pop() {
                self.len -= 1;
                if lane == Lane::Bulk {
                    self.since_bulk = self.since_bulk.saturating_sub(BULK_KEEPS_ONE_IN * cost);
                } else if !self.lanes[2].turns.is_empty() {
                    self.since_bulk = self.since_bulk.saturating_add(cost);
                }
                return Some((agency, lane, cost, item));
            }
        }
        None
    }

    /// Takes out everything that `leave` says, for example what has waited too long.
    pub fn drain_where(&mut self, mut leave: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut gone = Vec::new();
        for lane in &mut self.lanes {
            for queue in lane.queues.values_mut() {
                for (cost, item) in std::mem::take(&mut queue.items) {
                    if leave(&item) {
                        gone.push(item);
                    } else {
                        queue.items.push_back((cost, item));
                    }
                }
            }
            let queues = &lane.queues;
            lane.turns
                .retain(|agency| queues.get(agency).is_some_and(|q| !q.items.is_empty()));
        }
        self.len -= gone.len();
        gone
    }
}

impl<T> LaneQueue<T> {
    fn queue(&mut self, agency: AgencyNo, weight: u32) -> &mut AgencyQueue<T> {
        let queue = self.queues.entry(agency).or_insert_with(|| AgencyQueue {
            items: VecDeque::new(),
            deficit: 0,
            weight,
        });
        if queue.items.is_empty() {
            queue.weight = weight.max(1);
            queue.deficit = queue.weight * QUANTUM;
            self.turns.push_back(agency);
        }
        queue
    }

    fn pop(&mut self) -> Option<(AgencyNo, u32, T)> {
        loop {
            let agency = *self.turns.front()?;
            let Some(queue) = self.queues.get_mut(&agency) else {
                self.turns.pop_front();
                continue;
            };
            match queue.items.front() {
                None => {
                    self.turns.pop_front();
                    self.queues.remove(&agency);
                }
                Some((cost, _)) if *cost <= queue.deficit => {
                    let (cost, item) = queue.items.pop_front()?;
                    queue.deficit -= cost;
                    if queue.items.is_empty() {
                        self.turns.pop_front();
                        self.queues.remove(&agency);
                    }
                    return Some((agency, cost, item));
                }
                Some(_) => {
                    // The turn ends; the next one begins with a fresh quantum on top.
                    queue.deficit += queue.weight * QUANTUM;
                    self.turns.rotate_left(1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(queue: &mut FairQueue<u32>, n: usize) -> BTreeMap<(i32, Lane), u32> {
        let mut counts = BTreeMap::new();
        for _ in 0..n {
            let Some((agency, lane, cost, _)) = queue.pop() else {
                break;
            };
            *counts.entry((agency.0, lane)).or_default() += cost;
        }
        counts
    }

    #[test]
    fn a_long_queue_does_not_delay_a_short_one() {
        let mut queue = FairQueue::default();
        (0..10_000).for_each(|i| queue.push(AgencyNo(1), 1, Lane::Normal, 1, i));
        (0..10).for_each(|i| queue.push(AgencyNo(2), 1, Lane::Normal, 1, i));
        let counts = served(&mut queue, 40);
        assert_eq!(counts.get(&(2, Lane::Normal)), Some(&10));
    }

    #[test]
    fn parts_are_shared_by_weight_whatever_a_message_costs() {
        let mut queue = FairQueue::default();
        for i in 0..3_000 {
            queue.push(AgencyNo(1), 1, Lane::Normal, 3, i);
            queue.push(AgencyNo(2), 1, Lane::Normal, 1, i);
            queue.push(AgencyNo(3), 2, Lane::Normal, 1, i);
        }
        let counts = served(&mut queue, 2_000);
        let of = |agency| f64::from(counts[&(agency, Lane::Normal)]);
        assert!((of(1) / of(2) - 1.0).abs() < 0.1, "{counts:?}");
        assert!((of(3) / of(2) - 2.0).abs() < 0.1, "{counts:?}");
    }

    #[test]
    fn urgent_goes_first_and_bulk_keeps_a_tenth() {
        let mut queue = FairQueue::default();
        for i in 0..1_000 {
            queue.push(AgencyNo(1), 1, Lane::Bulk, 1, i);
            queue.push(AgencyNo(2), 1, Lane::Normal, 1, i);
            queue.push(AgencyNo(3), 1, Lane::Urgent, 1, i);
        }
        let counts = served(&mut queue, 1_000);
        assert_eq!(counts.get(&(2, Lane::Normal)), None);
        let bulk = counts[&(1, Lane::Bulk)];
        assert!((90..=110).contains(&bulk), "{bulk}");
    }

    #[test]
    fn what_is_put_back_is_next_and_costs_nothing() {
        let mut queue = FairQueue::default();
        queue.push(AgencyNo(1), 1, Lane::Normal, 1, 10);
        queue.push(AgencyNo(1), 1, Lane::Normal, 1, 11);
        let (agency, lane, cost, item) = queue.pop().unwrap();
        queue.put_back(agency, 1, lane, cost, item);
        assert_eq!(queue.len(), 2);
        assert_eq!(queue.pop().map(|(.., item)| item), Some(10));
        assert_eq!(queue.pop().map(|(.., item)| item), Some(11));
        assert!(queue.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost_or_invented(pushes in proptest::collection::vec((1i32..5, 0usize..3, 1u32..11), 0..300)) {
            let mut queue = FairQueue::default();
            for (i, (agency, lane, cost)) in pushes.iter().enumerate() {
                queue.push(AgencyNo(*agency), 1, Lane::ALL[*lane], *cost, i);
            }
            let gone = queue.drain_where(|i| i % 7 == 0);
            let mut seen: Vec<usize> = gone;
            while let Some((.., item)) = queue.pop() {
                seen.push(item);
            }
            seen.sort_unstable();
            proptest::prop_assert_eq!(seen, (0..pushes.len()).collect::<Vec<_>>());
            proptest::prop_assert!(queue.is_empty());
        }
    }
}
