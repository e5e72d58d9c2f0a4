//! The table behind the local register.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::connect::PostgresStore;
use super::error::{classify, corrupt};
use crate::domain::person::PersonNumber;
use crate::ports::store::{ContactRow, Contacts, StoreError};

const PUT: &str = "INSERT INTO contact (person, document) SELECT * FROM unnest($1::text[], $2::text[]) \
    ON CONFLICT (person) DO UPDATE SET document = excluded.document";
const GET: &str = "SELECT person, document FROM contact WHERE person = ANY($1)";
const AFTER: &str =
    "SELECT person, document FROM contact WHERE person > $1 ORDER BY person LIMIT $2";

#[async_trait]
impl Contacts for PostgresStore {
    async fn put_contacts(&self, rows: &[ContactRow]) -> Result<(), StoreError> {
        // In order, so that two of these do not wait for each other; of the same person the last.
        let rows: BTreeMap<&str, &str> = rows
            .iter()
            .map(|row| (row.person.expose(), row.document.as_str()))
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let (persons, documents): (Vec<&str>, Vec<&str>) = rows.into_iter().unzip();
        let statement = sqlx::query(PUT).bind(persons).bind(documents);
        self.execute(statement).await.map(|_rows| ())
    }

    async fn contacts(&self, persons: &[PersonNumber]) -> Result<Vec<ContactRow>, StoreError> {
        if persons.is_empty() {
            return Ok(Vec::new());
        }
        let persons: Vec<&str> = persons.iter().map(PersonNumber::expose).collect();
        let rows = self.fetch(sqlx::query(GET).bind(persons)).await?;
        rows.iter().map(contact).collect()
    }

    async fn contacts_after(
        &self,
        after: Option<&PersonNumber>,
        limit: u32,
    ) -> Result<Vec<ContactRow>, StoreError> {
        let after = after.map_or("", PersonNumber::expose);
        let statement = sqlx::query(AFTER).bind(after).bind(i64::from(limit));
        self.fetch(statement).await?.iter().map(contact).collect()
    }
}

fn contact(row: &PgRow) -> Result<ContactRow, StoreError> {
    let person: &str = row.try_get(0).map_err(classify)?;
    Ok(ContactRow {
        person: PersonNumber::parse(person)
            .map_err(|error| corrupt("contact", "of a person", error))?,
        document: row.try_get(1).map_err(classify)?,
    })
}
