//! The table behind the local register.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::connect::PostgresStore;
use super::error::{Fault, classify, corrupt};
use crate::domain::person::PersonNumber;
use crate::ports::store::{ContactChanges, ContactRow, Contacts, StoreError};

/// Holds the numbers of changes until the transaction ends.
const HOLD: &str = "SELECT last FROM contact_change FOR UPDATE";
/// Who is new or another than before gets the next numbers.
const PUT: &str = "INSERT INTO contact (person, document, change) \
    SELECT n.person, n.document, $3 + row_number() OVER (ORDER BY n.person) \
    FROM unnest($1::text[], $2::text[]) AS n (person, document) \
    WHERE NOT EXISTS (SELECT FROM contact c \
        WHERE c.person = n.person AND c.document = n.document) \
    ON CONFLICT (person) DO UPDATE SET document = excluded.document, change = excluded.change";
/// Of a person.
const ONE: &str = "SELECT person, document, change FROM contact WHERE person = $1";
const LAST: &str = "SELECT change FROM contact WHERE person = $1";
const MOVE: &str = "UPDATE contact_change SET last = last + $1";
const GET: &str = "SELECT person, document FROM contact WHERE person = ANY($1)";
const AFTER: &str =
    "SELECT person, document FROM contact WHERE person > $1 ORDER BY person LIMIT $2";
const CHANGES: &str = "SELECT c.person, c.document, c.change, l.last FROM contact_change l \
    LEFT JOIN LATERAL (SELECT person, document, change FROM contact \
        WHERE change >= $1 ORDER BY change LIMIT $2) c ON TRUE \
    ORDER BY c.change";

#[async_trait]
impl Contacts for PostgresStore {
    async fn put_contacts(&self, rows: &[ContactRow]) -> Result<(), StoreError> {
        // Of the same person the last.
        let rows: BTreeMap<String, String> = rows
            .iter()
            .map(|row| (row.person.expose().to_owned(), row.document.clone()))
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let (persons, documents): (Vec<String>, Vec<String>) = rows.into_iter().unzip();
        self.transact(move |connection| {
            let (persons, documents) = (persons.clone(), documents.clone());
            Box::pin(put(connection, persons, documents))
        })
        .await
    }

    async fn contacts(&self, persons: &[PersonNumber]) -> Result<Vec<ContactRow>, StoreError> {
        if persons.is_empty() {
            return Ok(Vec::new());
        }
        let persons: Vec<&str> = persons.iter().map(PersonNumber::expose).collect();
        let rows = self.fetch(sqlx::query(GET).bind(persons)).await?;
        rows.iter().map(contact).collect()
    }

    async fn contact(
        &self,
        person: &PersonNumber,
    ) -> Result<Option<(i64, ContactRow)>, StoreError> {
        let rows = self.fetch(sqlx::query(ONE).bind(person.expose())).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some((row.try_get(2).map_err(classify)?, contact(row)?)))
    }

    async fn replace_contact(
        &self,
        row: &ContactRow,
        last: Option<i64>,
    ) -> Result<bool, StoreError> {
        let (person, document) = (row.person.expose().to_owned(), row.document.clone());
        self.transact(move |connection| {
            let (person, document) = (person.clone(), document.clone());
            Box::pin(replace(connection, person, document, last))
        })
        .await
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

    async fn contact_changes(&self, from: i64, limit: u32) -> Result<ContactChanges, StoreError> {
        let statement = sqlx::query(CHANGES).bind(from).bind(i64::from(limit));
        let rows = self.fetch(statement).await?;
        let latest = match rows.first() {
            Some(row) => row.try_get(3).map_err(classify)?,
            None => 0,
        };
        let mut changes = Vec::with_capacity(rows.len());
        for row in &rows {
            // Without any change there is one row, with the latest alone.
            if let Some(change) = row.try_get::<Option<i64>, _>(2).map_err(classify)? {
                changes.push((change, contact(row)?));
            }
        }
        Ok(ContactChanges {
            rows: changes,
            latest,
        })
    }
}

async fn put(
    connection: &mut PgConnection,
    persons: Vec<String>,
    documents: Vec<String>,
) -> Result<(), Fault> {
    let last: i64 = sqlx::query_scalar(HOLD).fetch_one(&mut *connection).await?;
    let changed = sqlx::query(PUT)
        .bind(persons)
        .bind(documents)
        .bind(last)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    if changed > 0 {
        sqlx::query(MOVE)
            .bind(i64::try_from(changed).unwrap_or(i64::MAX))
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn replace(
    connection: &mut PgConnection,
    person: String,
    document: String,
    last: Option<i64>,
) -> Result<bool, Fault> {
    // Whoever changes anything holds this, so that what is read next stays as it is.
    sqlx::query(HOLD).execute(&mut *connection).await?;
    let now: Option<i64> = sqlx::query_scalar(LAST)
        .bind(&person)
        .fetch_optional(&mut *connection)
        .await?;
    if now != last {
        return Ok(false);
    }
    put(connection, vec![person], vec![document]).await?;
    Ok(true)
}

fn contact(row: &PgRow) -> Result<ContactRow, StoreError> {
    let person: &str = row.try_get(0).map_err(classify)?;
    Ok(ContactRow {
        person: PersonNumber::parse(person)
            .map_err(|error| corrupt("contact", "of a person", error))?,
        document: row.try_get(1).map_err(classify)?,
    })
}
