//! Answers from the store's table, in the register's own words.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::contact::Contact;
use crate::domain::krr_person::KrrPerson;
use crate::domain::person::PersonNumber;
use crate::ports::register::{ContactRegister, Inquiry, Logbook, LookedUp, RegisterError};
use crate::ports::store::{Store, StoreError};

/// The register as a table of our own.
#[derive(Debug)]
pub struct LocalRegister {
    store: Arc<dyn Store>,
}

impl LocalRegister {
    /// Over the table of `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    async fn read(&self, persons: &[PersonNumber]) -> Result<Vec<Contact>, RegisterError> {
        let rows = self.store.contacts(persons).await.map_err(unavailable)?;
        let mut known: HashMap<&PersonNumber, Contact> = HashMap::with_capacity(rows.len());
        for row in &rows {
            match serde_json::from_str::<KrrPerson>(&row.document) {
                Ok(krr) => {
                    known.insert(&row.person, krr.to_contact(row.person.clone()));
                }
                // Nobody is told that a person cannot be reached because of a row we cannot read.
                Err(error) => {
                    return Err(RegisterError::Unavailable {
                        retry_after: None,
                        source: format!(
                            "a row of the local register cannot be read: {}",
                            error.classify_text()
                        )
                        .into(),
                    });
                }
            }
        }
        Ok(persons
            .iter()
            .map(|person| {
                known
                    .get(person)
                    .cloned()
                    .unwrap_or_else(|| Contact::not_registered(person.clone()))
            })
            .collect())
    }
}

#[async_trait]
impl ContactRegister for LocalRegister {
    /// Nobody leaves us: what fails is our own table.
    async fn lookup(
        &self,
        _inquiry: &Inquiry,
        persons: &[PersonNumber],
        _logbook: &dyn Logbook,
    ) -> LookedUp {
        self.read(persons).await.into()
    }

    async fn probe(&self) -> Result<(), RegisterError> {
        self.store.ping().await.map_err(unavailable)
    }
}

fn unavailable(error: StoreError) -> RegisterError {
    RegisterError::Unavailable {
        retry_after: None,
        source: Box::new(error),
    }
}

/// What is wrong with a JSON text, without any of it.
trait ClassifyText {
    fn classify_text(&self) -> &'static str;
}

impl ClassifyText for serde_json::Error {
    fn classify_text(&self) -> &'static str {
        match self.classify() {
            serde_json::error::Category::Io => "it ends early",
            serde_json::error::Category::Syntax => "it is no JSON",
            serde_json::error::Category::Data => "it is no Person object",
            serde_json::error::Category::Eof => "it ends early",
        }
    }
}
