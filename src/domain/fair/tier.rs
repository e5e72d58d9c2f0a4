//! The agencies of one tier and their turns.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::ids::AgencyNo;

use super::queue::QUANTUM;

/// What waits in one tier.
#[derive(Debug)]
pub(super) struct TierQueue<T> {
    pub(super) queues: BTreeMap<AgencyNo, AgencyQueue<T>>,
    /// Open agencies with work, in the order of their turns; the front has the turn.
    pub(super) turns: VecDeque<AgencyNo>,
    /// Whose work was taken away before its turn came, in the order of their turns. Comes it again,
    /// it goes on where it stood: else whoever stands first would be first again each time, and with
    /// slow gateways the others would never be served.
    away: VecDeque<(AgencyNo, Place)>,
    /// Rises whenever an agency is put last.
    clock: u64,
}

/// Where an agency stands among the others.
#[derive(Debug, Clone, Copy)]
struct Place {
    deficit: u32,
    /// When it was put last.
    since: u64,
}

/// What waits of one agency.
#[derive(Debug)]
pub(super) struct AgencyQueue<T> {
    pub(super) items: VecDeque<(u32, T)>,
    pub(super) deficit: u32,
    /// When it was put last.
    since: u64,
    weight: u32,
    /// Turns that ended and gave it a fresh quantum, without those that were taken back.
    turns: u32,
}

impl<T> Default for TierQueue<T> {
    fn default() -> Self {
        Self {
            queues: BTreeMap::new(),
            turns: VecDeque::new(),
            away: VecDeque::new(),
            clock: 1 << 32,
        }
    }
}

impl<T> TierQueue<T> {
    /// The queue of an agency; one that had no work takes its turn last, unless its work was only
    /// taken away.
    pub(super) fn queue(
        &mut self,
        agency: AgencyNo,
        weight: u32,
        closed: bool,
    ) -> &mut AgencyQueue<T> {
        let weight = weight.max(1);
        let known = self.queues.contains_key(&agency);
        let place = (!known).then(|| self.place(agency, weight));
        if let (Some(place), false) = (place, closed) {
            let since = |no: &AgencyNo| self.queues.get(no).map_or(0, |queue| queue.since);
            let later = self.turns.iter().position(|no| since(no) > place.since);
            let at = later.unwrap_or(self.turns.len());
            self.turns.insert(at, agency);
        }
        self.queues.entry(agency).or_insert_with(|| AgencyQueue {
            items: VecDeque::new(),
            deficit: place.map_or(0, |place| place.deficit),
            since: place.map_or(0, |place| place.since),
            weight,
            turns: 0,
        })
    }

    /// When the agency whose turn it is was put last.
    fn first_since(&self) -> u64 {
        let first = self.turns.front().and_then(|no| self.queues.get(no));
        first.map_or(self.clock, |queue| queue.since)
    }

    /// Where an agency that had no work begins.
    fn place(&mut self, agency: AgencyNo, weight: u32) -> Place {
        if let Some(at) = self.away.iter().position(|(no, _)| *no == agency)
            && let Some((_, place)) = self.away.remove(at)
        {
            return place;
        }
        self.clock += 1;
        Place {
            deficit: weight * QUANTUM,
            since: self.clock,
        }
    }

    /// Agencies whose last item was taken away have no turn, and keep their place.
    pub(super) fn forget_the_empty(&mut self) {
        let turns = std::mem::take(&mut self.turns);
        for agency in turns {
            match self.queues.get(&agency) {
                Some(queue) if queue.items.is_empty() => {
                    let place = Place {
                        deficit: queue.deficit,
                        since: queue.since,
                    };
                    self.away.push_back((agency, place));
                }
                Some(_) => self.turns.push_back(agency),
                None => {}
            }
        }
        self.queues.retain(|_, queue| !queue.items.is_empty());
    }

    /// The inverse of [`Self::pop`], when what was taken last is put back first: turns that ended
    /// since then have not. Otherwise each batch that takes more than can go would hand out quanta
    /// for nothing, most to the heaviest.
    pub(super) fn put_back(&mut self, agency: AgencyNo, weight: u32, cost: u32, item: T) {
        if self.turns.contains(&agency) {
            while self.turns.front() != Some(&agency) {
                let first = self.first_since();
                self.turns.rotate_right(1);
                let Some(other) = self.turns.front().and_then(|no| self.queues.get_mut(no)) else {
                    continue;
                };
                other.since = first.saturating_sub(1);
                if other.turns > 0 {
                    other.turns -= 1;
                    other.deficit = other.deficit.saturating_sub(other.weight * QUANTUM);
                }
            }
        } else {
            // Its last item went, and its turn with it.
            let first = self.first_since();
            self.turns.push_front(agency);
            let queue = self.queue(agency, weight, true);
            queue.deficit = 0;
            queue.since = first.saturating_sub(1);
        }
        if let Some(queue) = self.queues.get_mut(&agency) {
            queue.items.push_front((cost, item));
            queue.deficit = queue.deficit.saturating_add(cost);
        }
    }

    pub(super) fn pop(&mut self) -> Option<(AgencyNo, u32, T)> {
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
                    queue.turns += 1;
                    self.clock += 1;
                    queue.since = self.clock;
                    self.turns.rotate_left(1);
                }
            }
        }
    }
}
