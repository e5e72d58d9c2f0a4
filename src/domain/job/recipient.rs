//! One recipient of a job.

use crate::domain::email::EmailAddress;
use crate::domain::ids::Reference;
use crate::domain::person::PersonNumber;
use crate::domain::phone::PhoneNumber;
use crate::domain::street::Home;

/// The values that fill the templates: strings, numbers and booleans by name.
pub type Values = serde_json::Map<String, serde_json::Value>;

/// One entry of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipient {
    /// The agency's own reference, unique in the job.
    pub reference: Reference,
    /// Who.
    pub to: To,
    /// Values for the templates.
    pub values: Values,
    /// Where a recipient of a street lives; `None` for those that the job names itself.
    pub home: Option<Home>,
}

/// Who a recipient is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// A person, looked up in the register for every sending.
    Person(PersonNumber),
    /// A phone number given by the agency.
    Phone(PhoneNumber),
    /// An e-mail address given by the agency.
    Email(EmailAddress),
}
