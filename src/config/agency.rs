//! `[[agency]]`: who may enqueue jobs, and on which terms.

use super::reader::section;
use super::senders::{Mailbox, MunicipalityNumber, SmsSender};
use super::window::Window;
use super::words::words;
use crate::domain::event::EventFilter;
use crate::domain::ids::AgencyId;
use crate::domain::kinds::Class;
use crate::domain::org_number::OrgNumber;

words! {
    /// What an agency is in law.
    AgencyKind {
        /// A municipality.
        Municipality = "municipality",
        /// A county.
        County = "county",
        /// A body of the state.
        State = "state",
        /// A private body that acts on behalf of a public one.
        OnBehalf = "on_behalf",
    }
}

section! {
    /// One agency.
    Agency {
        /// Its short id, known by which entries of several files merge.
        id: AgencyId,
        /// Its name.
        name: String,
        /// Its organisation number.
        org_number: OrgNumber,
        /// What it is in law.
        kind: AgencyKind,
        /// Which classes of jobs it may enqueue.
        classes: Vec<Class> = Class::ALL.to_vec(),
        /// Why it may look persons up; required when the register is KRR.
        legal_basis: Option<String>,
        /// The municipality that a street audience may reach.
        municipality_number: Option<MunicipalityNumber>,
        /// Its user at the broker; absent: its id.
        broker_user: Option<String>,
        /// What phones show as the sender; absent: made of the id.
        sms_sender: Option<SmsSender>,
        /// The sender of its e-mails; required when there is a relay.
        email_from: Option<Mailbox>,
        /// Its share of a gateway when others wait too.
        weight: u32 [1, 1_000] = 1,
        /// SMS parts a second that it may send, over all gateways of the fleet; 0: no limit of its own.
        sms_rate: f64 [0.0, 1_000_000.0] = 0.0,
        /// E-mails a second that it may send, over all relays of the fleet; 0: no limit of its own.
        email_rate: f64 [0.0, 1_000_000.0] = 0.0,
        /// SMS parts and e-mails in lane urgent within an hour; what is above goes as normal.
        urgent_per_hour: u32 [0, 100_000_000] = 600,
        /// Which events it wants.
        events: EventFilter = EventFilter::ALL,
        /// What `daytime` means for it; absent: the section `[window]`.
        window: Option<Window>,
    }
}

impl Agency {
    /// The user that the broker vouches for.
    pub fn broker_user(&self) -> &str {
        self.broker_user.as_deref().unwrap_or(self.id.as_str())
    }

    /// What phones show: the sender configured, else letters and digits of the id.
    pub fn sms_sender(&self) -> String {
        self.sms_sender.as_ref().map_or_else(
            || {
                self.id
                    .as_str()
                    .chars()
                    .filter(|c| *c != '-')
                    .take(11)
                    .collect()
            },
            |sender| sender.as_str().to_owned(),
        )
    }

    /// The agency's own window, else the one given.
    pub fn window_or<'a>(&'a self, general: &'a Window) -> &'a Window {
        self.window.as_ref().unwrap_or(general)
    }
}
