//! The recipients of claimed deliveries, as they lie in the store: by chunks.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::domain::email::EmailAddress;
use crate::domain::ids::{DeliveryId, JobNo, Position, Reference};
use crate::domain::job::{To, Values};
use crate::domain::phone::PhoneNumber;
use crate::ports::clock::Monotonic;
use crate::ports::store::{CHUNK_SIZE, Chunk};

/// The chunk in which a delivery's recipient stands.
pub(super) fn chunk_of(delivery: DeliveryId) -> (JobNo, u16) {
    (delivery.job(), delivery.position() / CHUNK_SIZE)
}

/// A delivery's recipient.
pub(super) struct Recipient {
    pub(super) reference: Arc<Reference>,
    pub(super) to: Option<To>,
    pub(super) values: Arc<Values>,
    /// Who of the household is to be reached before.
    pub(super) after: Option<Position>,
}

/// Chunks in hand at most.
const IN_HAND: usize = 16;

/// Chunks of which some recipients were claimed and others are still to come. What stands in a chunk
/// never changes, and as long as anything of its job is claimed nothing of it is erased.
#[derive(Debug, Default)]
pub(super) struct Begun {
    chunks: Mutex<VecDeque<(Monotonic, Arc<Chunk>)>>,
}

impl Begun {
    /// Those of `wanted` that are in hand, and what is still to be loaded.
    pub(super) fn find(&self, wanted: &[(JobNo, u16)]) -> (Vec<Arc<Chunk>>, Vec<(JobNo, u16)>) {
        let chunks = self.chunks.lock();
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for key in wanted {
            match chunks.iter().find(|(_, c)| (c.job, c.no) == *key) {
                Some((_, chunk)) => found.push(Arc::clone(chunk)),
                None => missing.push(*key),
            }
        }
        (found, missing)
    }

    /// The recipients of claimed deliveries, whose chunks were found here or loaded now. What was loaded
    /// is kept if more of it is to come.
    pub(super) fn people(
        &self,
        deliveries: impl Iterator<Item = DeliveryId>,
        found: Vec<Arc<Chunk>>,
        loaded: Vec<Chunk>,
        now: Monotonic,
    ) -> People {
        let mut claimed: HashMap<(JobNo, u16), usize> = HashMap::new();
        for delivery in deliveries {
            *claimed.entry(chunk_of(delivery)).or_default() += 1;
        }
        let loaded: Vec<_> = loaded.into_iter().map(Arc::new).collect();
        for chunk in &loaded {
            let count = claimed.get(&(chunk.job, chunk.no));
            self.keep(chunk, count.copied().unwrap_or_default(), now);
        }
        let chunks = found.into_iter().chain(loaded);
        People {
            chunks: chunks.map(|c| ((c.job, c.no), c)).collect(),
        }
    }

    /// Keeps a chunk of which `claimed` recipients were claimed, if there are more.
    fn keep(&self, chunk: &Arc<Chunk>, claimed: usize, now: Monotonic) {
        if claimed < chunk.references.len() {
            let mut chunks = self.chunks.lock();
            chunks.truncate(IN_HAND - 1);
            chunks.push_front((now, Arc::clone(chunk)));
        }
    }

    /// Lets go of what was loaded before `limit`: nobody's data stays here for long.
    pub(super) fn forget_before(&self, limit: Monotonic) {
        self.chunks.lock().retain(|(loaded, _)| *loaded >= limit);
    }
}

/// The recipients of the deliveries of a claim.
pub(super) struct People {
    chunks: HashMap<(JobNo, u16), Arc<Chunk>>,
}

impl People {
    pub(super) fn of(&self, delivery: DeliveryId) -> Option<Recipient> {
        let chunk = self.chunks.get(&chunk_of(delivery))?;
        let index = usize::from(delivery.position() % CHUNK_SIZE);
        let reference = chunk.references.get(index)?;
        let content = chunk.contents.get(index);
        let person = chunk.persons.get(index).cloned().flatten();
        let to = person.map(To::Person).or_else(|| {
            let content = content?;
            let phone = content
                .phone
                .as_deref()
                .and_then(|raw| PhoneNumber::parse(raw).ok());
            let email = content
                .email
                .as_deref()
                .and_then(|raw| EmailAddress::parse(raw).ok());
            phone.map(To::Phone).or(email.map(To::Email))
        });
        let home = chunk.homes.get(index).and_then(Option::as_ref);
        let after = home.and_then(|home| home.after);
        let values = content
            .map(|content| content.values.clone())
            .unwrap_or_default();
        Some(Recipient {
            reference: Arc::new(reference.clone()),
            to,
            values: Arc::new(values),
            after,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kinds::Channel;

    #[test]
    fn a_chunk_is_in_hand_until_it_is_old_if_more_of_it_is_to_come() {
        let chunk = |job| Chunk {
            job: JobNo(job),
            no: 0,
            references: (0..3)
                .map(|n| Reference::parse(&format!("r{n}")).unwrap())
                .collect(),
            persons: Vec::new(),
            contents: Vec::new(),
            homes: Vec::new(),
        };
        let delivery = |job, position| DeliveryId::of(JobNo(job), position, 0, Channel::Sms);
        let begun = Begun::default();
        let (some, whole) = ([delivery(1, 0)], [0, 1, 2].map(|n| delivery(2, n)));
        let both = some.into_iter().chain(whole);
        let loaded = vec![chunk(1), chunk(2)];
        let people = begun.people(both, Vec::new(), loaded, Monotonic(7));
        assert!(people.of(delivery(2, 2)).is_some());
        let wanted = [(JobNo(1), 0), (JobNo(2), 0)];
        let (found, missing) = begun.find(&wanted);
        assert_eq!(found, [Arc::new(chunk(1))]);
        assert_eq!(missing, [(JobNo(2), 0)]);
        begun.forget_before(Monotonic(7));
        assert_eq!(begun.find(&wanted).0.len(), 1);
        begun.forget_before(Monotonic(8));
        assert_eq!(begun.find(&wanted).0.len(), 0);
    }
}
