//! What the register holds about the person, wherever it is, and writing it where it is ours.

use super::problem::Problem;
use super::state::{PageState, RegisterSource};
use super::texts::number;
use crate::domain::contact::{Contact, Dated, Registration};
use crate::domain::kinds::{Channel, Language};
use crate::domain::krr_person::KrrPerson;
use crate::domain::person::PersonNumber;
use crate::domain::register_edit::{Change, MAILBOX_PROVIDERS};
use crate::domain::time::Timestamp;
use crate::pipeline::look_up::look_up;
use crate::pipeline::own_entry;
use crate::pipeline::trail::ForWhat;
use crate::ports::register::Inquiry;
use crate::ports::store::ContactRow;

/// Why the register is asked, when it is not ours.
const PURPOSE: &str = "The person's own page";

/// One address as it is shown.
pub(super) struct Address {
    pub(super) text: String,
    pub(super) updated: Option<Timestamp>,
    pub(super) verified: Option<Timestamp>,
}

/// What is shown of a person.
#[derive(Default)]
pub(super) struct Held {
    pub(super) registered: bool,
    pub(super) reserved: bool,
    pub(super) mobile: Option<Address>,
    pub(super) email: Option<Address>,
    pub(super) language: Option<Language>,
    /// The provider's organisation number and the address there.
    pub(super) mailbox: Option<(String, String)>,
}

impl Held {
    pub(super) fn address(&self, channel: Channel) -> Option<&Address> {
        match channel {
            Channel::Sms => self.mobile.as_ref(),
            Channel::Email => self.email.as_ref(),
        }
    }

    /// What the mailbox's provider is called.
    pub(super) fn mailbox_provider(&self) -> Option<&str> {
        let (org, _) = self.mailbox.as_ref()?;
        let known = MAILBOX_PROVIDERS.iter().find(|(known, _)| known == org);
        Some(known.map_or(org.as_str(), |(_, name)| name))
    }

    fn of(contact: Contact) -> Self {
        fn shown<A>(dated: Dated<A>, text: impl Fn(&A) -> String) -> Address {
            Address {
                text: dated
                    .address
                    .as_ref()
                    .map_or_else(|_unusable| String::new(), text),
                updated: dated.updated,
                verified: dated.verified,
            }
        }
        Self {
            registered: contact.registration == Registration::Active,
            reserved: contact.reserved,
            mobile: contact
                .mobile
                .map(|dated| shown(dated, |a| number(a.expose()))),
            email: contact
                .email
                .map(|dated| shown(dated, |a| a.expose().to_owned())),
            language: contact.language,
            mailbox: None,
        }
    }
}

/// What is held about a person.
pub(super) async fn held(state: &PageState, person: &PersonNumber) -> Result<Held, Problem> {
    match state.parts().source {
        RegisterSource::National => {
            let inquiry = Inquiry {
                agency: state.parts().agency.clone(),
                purpose: PURPOSE.to_owned(),
            };
            let asked = std::slice::from_ref(person);
            let found = look_up(state.deps(), &inquiry, &ForWhat::NoJob, asked).await;
            if let Some(error) = found.failed {
                return Err(error.into());
            }
            let mut found = found.contacts.into_iter();
            let found = found.find(|contact| contact.person == *person);
            Ok(found.map(Held::of).unwrap_or_default())
        }
        RegisterSource::Local => {
            let Some(row) = row(state, person).await? else {
                return Ok(Held::default());
            };
            let Ok(krr) = serde_json::from_str::<KrrPerson>(&row.document) else {
                tracing::error!("a row of the local register cannot be read");
                return Err(Problem::Trouble);
            };
            let mut held = Held::of(krr.to_contact(person.clone()));
            held.mailbox = krr.digital_post.and_then(|post| {
                let address = post.postkasseadresse?;
                let provider = post.postkasseleverandoeradresse.unwrap_or_default();
                (!address.trim().is_empty()).then_some((provider, address))
            });
            Ok(held)
        }
    }
}

async fn row(state: &PageState, person: &PersonNumber) -> Result<Option<ContactRow>, Problem> {
    let store = &state.deps().store;
    let rows = store.contacts(std::slice::from_ref(person)).await?;
    Ok(rows.into_iter().next())
}

/// Changes our own register.
pub(super) async fn change(
    state: &PageState,
    person: &PersonNumber,
    change: &Change,
) -> Result<(), Problem> {
    let deps = state.deps();
    let changed = own_entry::change(&*deps.store, person, change, state.now()).await;
    // It may be there even if the store failed.
    deps.changed.note(person, deps.clock.monotonic());
    Ok(changed?)
}
