//! A person changes what is held about her in our own register, perhaps in two places at once.

use crate::domain::person::PersonNumber;
use crate::domain::register_edit::{self, Change, NoObject};
use crate::domain::time::Timestamp;
use crate::ports::store::{ContactRow, Store, StoreError};

/// So often a change is made again because the entry changed meanwhile. Each time somebody else's
/// change came through, and nobody has so many tabs.
const ATTEMPTS: usize = 16;

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The store did not do it.
    #[error("the store did not take the change")]
    Store(#[from] StoreError),
    /// What is there cannot be changed.
    #[error(transparent)]
    NoObject(#[from] NoObject),
    /// The entry changed meanwhile, to something that she has not seen or again and again.
    #[error("the entry was changed elsewhere at the same time")]
    Overtaken,
}

/// Makes a change of the person's, on top of whatever others change at the same time.
///
/// # Errors
/// [`ChangeError`]; but for the store's, nothing was changed.
pub async fn change(
    store: &dyn Store,
    person: &PersonNumber,
    change: &Change,
    now: Timestamp,
) -> Result<(), ChangeError> {
    let mut confirmed: Option<Option<String>> = None;
    for _ in 0..ATTEMPTS {
        let (last, before) = store.contact(person).await?.unzip();
        let before = before.map(|row| row.document);
        // She confirmed what she saw, not what somebody put there since.
        if let Change::Confirm(channel) = change {
            let address = register_edit::address(before.as_deref(), *channel);
            if *confirmed.get_or_insert_with(|| address.clone()) != address {
                return Err(ChangeError::Overtaken);
            }
        }
        let row = ContactRow {
            person: person.clone(),
            document: register_edit::edit(before.as_deref(), person, change, now)?,
        };
        if store.replace_contact(&row, last).await? {
            return Ok(());
        }
    }
    Err(ChangeError::Overtaken)
}
