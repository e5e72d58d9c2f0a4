//! What an intent batch asks of its buckets and addresses: what both stores work out alike.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::{IntentBatch, IntentEntry};
use crate::domain::address_limit::{self, AddressUse};
use crate::domain::ids::AgencyNo;
use crate::domain::kinds::Channel;
use crate::domain::pace::joint::{Ask, Bucket, JointSlots, take};
use crate::domain::pace::{self, Rate};
use crate::domain::time::Timestamp;

/// The rate of one agency on one channel, over all gateways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgencyRate {
    /// Whose.
    pub agency: AgencyNo,
    /// Where.
    pub channel: Channel,
    /// SMS parts or e-mails per second.
    pub rate: Rate,
}

impl AgencyRate {
    /// The name of its bucket. No gateway can have it: their names have no colon.
    pub fn bucket(&self) -> String {
        format!("agency:{}:{}", self.agency.0, self.channel)
    }
}

/// A bucket's row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BucketRow {
    /// Its theoretical arrival time.
    pub tat: Timestamp,
    /// Nothing begins before this.
    pub paused_until: Option<Timestamp>,
}

/// The buckets of a batch: the gateway's, and those of agencies with rates of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets<'a> {
    batch: &'a IntentBatch,
    /// By the name, which is the order in which they are locked.
    agencies: BTreeMap<String, AgencyRate>,
}

/// Slots of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSlots {
    /// Index in the batch, and when the slot starts.
    pub starts: Vec<(usize, Timestamp)>,
    /// How long until the gateway's bucket has a slot within reach again; zero if it has.
    pub next_in: Duration,
    /// The same of agencies that have none.
    pub agencies: Vec<(AgencyNo, Duration)>,
    /// The new theoretical arrival times, by the buckets' names.
    pub tats: Vec<(String, Timestamp)>,
}

impl<'a> Buckets<'a> {
    /// Those that entries of `batch` pay into.
    pub fn of(batch: &'a IntentBatch) -> Self {
        let paid: HashSet<(AgencyNo, Channel)> = if batch.agency_rates.is_empty() {
            HashSet::new()
        } else {
            batch
                .entries
                .iter()
                .map(|e| (e.agency, e.channel))
                .collect()
        };
        let agencies = batch
            .agency_rates
            .iter()
            .filter(|rate| paid.contains(&(rate.agency, rate.channel)))
            .map(|rate| (rate.bucket(), *rate))
            .collect();
        Self { batch, agencies }
    }

    /// The names of all of them, in the order of their bytes.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.agencies.keys().cloned().collect();
        names.push(self.batch.gateway.clone());
        names.sort_unstable();
        names
    }

    /// Takes slots for the entries of these indexes. Rows that are missing are new.
    pub fn take(
        &self,
        rows: &HashMap<String, BucketRow>,
        now: Timestamp,
        indexes: &[usize],
    ) -> BatchSlots {
        let batch = self.batch;
        let row = |name: &str| rows.get(name).copied().unwrap_or_default();
        let bucket = |name: &str, rate: Rate| {
            let row = row(name);
            Bucket {
                rate,
                tat: row.tat,
                paused_until: row.paused_until,
            }
        };
        let slots = if self.agencies.is_empty() {
            let row = row(&batch.gateway);
            let costs = indexes.iter().map(|index| batch.entries[*index].cost);
            let slots = pace::take(
                batch.rate,
                row.tat,
                row.paused_until,
                now,
                batch.ahead,
                batch.turns,
                costs,
            );
            JointSlots {
                starts: slots.starts.into_iter().enumerate().collect(),
                tat: slots.tat,
                next_in: slots.next_in,
                agency_tats: Vec::new(),
                agency_next_in: Vec::new(),
            }
        } else {
            let places: HashMap<(AgencyNo, Channel), usize> = self
                .agencies
                .values()
                .enumerate()
                .map(|(place, rate)| ((rate.agency, rate.channel), place))
                .collect();
            let asks: Vec<Ask> = indexes
                .iter()
                .map(|index| &batch.entries[*index])
                .map(|entry| Ask {
                    cost: entry.cost,
                    agency: places.get(&(entry.agency, entry.channel)).copied(),
                })
                .collect();
            let agencies: Vec<Bucket> = self
                .agencies
                .iter()
                .map(|(name, of)| bucket(name, of.rate))
                .collect();
            let gateway = bucket(&batch.gateway, batch.rate);
            take(gateway, &agencies, now, batch.ahead, batch.turns, &asks)
        };
        let starts = slots.starts.into_iter();
        let waits = slots.agency_next_in.into_iter().zip(self.agencies.values());
        let tats = self.agencies.keys().cloned().zip(slots.agency_tats);
        BatchSlots {
            starts: starts.map(|(place, at)| (indexes[place], at)).collect(),
            next_in: slots.next_in,
            agencies: waits
                .filter(|(next_in, _)| !next_in.is_zero())
                .map(|(next_in, rate)| (rate.agency, next_in))
                .collect(),
            tats: tats
                .chain(std::iter::once((batch.gateway.clone(), slots.tat)))
                .collect(),
        }
    }

    /// Slots again without entries whose addresses got enough, which take none. `before`: what was
    /// taken with them.
    pub fn take_again(
        &self,
        rows: &HashMap<String, BucketRow>,
        now: Timestamp,
        before: BatchSlots,
        over: &HashMap<usize, Timestamp>,
    ) -> BatchSlots {
        if over.is_empty() {
            return before;
        }
        let mut left: Vec<usize> = before.starts.iter().map(|(index, _)| *index).collect();
        left.retain(|index| !over.contains_key(index));
        left.sort_unstable();
        let mut slots = self.take(rows, now, &left);
        // Agencies that nothing was given back to still have no slot.
        let freed: HashSet<AgencyNo> = over.keys().map(|i| self.batch.entries[*i].agency).collect();
        slots.agencies = before.agencies;
        slots.agencies.retain(|(agency, _)| !freed.contains(agency));
        slots
    }
}

/// Whom the entries of a batch go to, if that is limited.
#[derive(Debug, Default)]
pub struct Addressees {
    /// Entries whose address an earlier one of the batch has, and that one: they get no slot now.
    pub behind: Vec<(usize, usize)>,
}

impl Addressees {
    /// Leaves in `eligible` the first entry of each address.
    pub fn first_of_each(batch: &IntentBatch, eligible: &mut Vec<usize>) -> Self {
        let mut behind = Vec::new();
        if !batch.address_limits.is_none() {
            let mut first: HashMap<[u8; 16], usize> = HashMap::with_capacity(eligible.len());
            eligible.retain(|index| {
                let Some(to) = batch.entries[*index].address else {
                    return true;
                };
                let first = *first.entry(to.address).or_insert(*index);
                if first != *index {
                    behind.push((*index, first));
                }
                first == *index
            });
        }
        Self { behind }
    }

    /// The entries that got slots and whose addresses are limited: index, whom and what, and who
    /// takes it; in the order of the addresses.
    pub fn asks(batch: &IntentBatch, slots: &BatchSlots) -> Vec<(usize, AddressUse, i64)> {
        if batch.address_limits.is_none() {
            return Vec::new();
        }
        let by =
            |entry: &IntentEntry| address_limit::by(entry.delivery.on(entry.channel), entry.slot);
        let mut asks: Vec<_> = slots
            .starts
            .iter()
            .filter_map(|(index, _)| {
                let entry = &batch.entries[*index];
                Some((*index, entry.address?, by(entry)))
            })
            .collect();
        asks.sort_unstable_by_key(|(_, to, _)| *to);
        asks
    }

    /// With an entry that is over a limit the later ones of the same address and text are.
    pub fn also(
        &self,
        batch: &IntentBatch,
        over: &HashMap<usize, Timestamp>,
    ) -> Vec<(usize, Timestamp)> {
        self.behind
            .iter()
            .filter(|(index, first)| batch.entries[*index].address == batch.entries[*first].address)
            .filter_map(|(index, first)| Some((*index, *over.get(first)?)))
            .collect()
    }
}
