//! The table behind the local register.

use async_trait::async_trait;

use super::connect::SqliteStore;
use super::error::{Failure, corrupt};
use super::rows::{execute_all, json};
use crate::domain::person::PersonNumber;
use crate::ports::store::{ContactRow, Contacts, StoreError};

const PUT: &str = "INSERT INTO contact (person, document)
    SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE TRUE ORDER BY key
    ON CONFLICT (person) DO UPDATE SET document = excluded.document";

const GET: &str = "SELECT person, document FROM contact
    WHERE person IN (SELECT value FROM json_each(?1))";

const AFTER: &str = "SELECT person, document FROM contact
    WHERE person > ?1 ORDER BY person LIMIT ?2";

fn contact((person, document): (String, String)) -> Result<ContactRow, StoreError> {
    Ok(ContactRow {
        // The row's key is the number itself, which no error may show.
        person: PersonNumber::parse(&person).map_err(|source| corrupt("contact", "***", source))?,
        document,
    })
}

#[async_trait]
impl Contacts for SqliteStore {
    async fn put_contacts(&self, rows: &[ContactRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let rows: Vec<(String, String)> = rows
            .iter()
            .map(|row| (row.person.expose().to_owned(), row.document.clone()))
            .collect();
        self.write(move |connection| {
            Box::pin(async move { execute_all(connection, PUT, &rows).await.map(drop) })
        })
        .await
    }

    async fn contacts(&self, persons: &[PersonNumber]) -> Result<Vec<ContactRow>, StoreError> {
        if persons.is_empty() {
            return Ok(Vec::new());
        }
        let persons: Vec<&str> = persons.iter().map(PersonNumber::expose).collect();
        let rows: Vec<(String, String)> = sqlx::query_as(GET)
            .bind(json(&persons))
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        rows.into_iter().map(contact).collect()
    }

    async fn contacts_after(
        &self,
        after: Option<&PersonNumber>,
        limit: u32,
    ) -> Result<Vec<ContactRow>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(AFTER)
            .bind(after.map_or("", PersonNumber::expose))
            .bind(limit)
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        rows.into_iter().map(contact).collect()
    }
}
