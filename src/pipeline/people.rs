//! The recipients of claimed deliveries, as they lie in the store: by chunks.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::email::EmailAddress;
use crate::domain::ids::{DeliveryId, JobNo, Position, Reference};
use crate::domain::job::{To, Values};
use crate::domain::phone::PhoneNumber;
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

/// The recipients of the loaded chunks.
pub(super) struct People {
    chunks: HashMap<(JobNo, u16), Chunk>,
}

impl People {
    pub(super) fn new(chunks: Vec<Chunk>) -> Self {
        Self {
            chunks: chunks
                .into_iter()
                .map(|chunk| ((chunk.job, chunk.no), chunk))
                .collect(),
        }
    }

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
