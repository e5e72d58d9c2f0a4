//! The table behind the local register.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::connect::SqliteStore;
use super::error::{Failure, Work, corrupt};
use super::rows::{execute_all, json};
use super::write::Verdict;
use crate::domain::person::PersonNumber;
use crate::ports::store::{ContactChanges, ContactRow, Contacts, StoreError};

/// Which of the offered are new or another than before.
const CHANGED: &str = "SELECT e.key FROM json_each(?1) e
    LEFT JOIN contact c ON c.person = e.value ->> 0
    WHERE c.person IS NULL OR c.document <> e.value ->> 1 ORDER BY e.key";

const NUMBERS: &str = "UPDATE contact_change SET last = last + ?1 RETURNING last";

const PUT: &str = "INSERT INTO contact (person, document, change)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE TRUE ORDER BY key
    ON CONFLICT (person) DO UPDATE SET document = excluded.document, change = excluded.change";

const GET: &str = "SELECT person, document FROM contact
    WHERE person IN (SELECT value FROM json_each(?1))";

const ONE: &str = "SELECT change, person, document FROM contact WHERE person = ?1";

const LAST: &str = "SELECT change FROM contact WHERE person = ?1";

const AFTER: &str = "SELECT person, document FROM contact
    WHERE person > ?1 ORDER BY person LIMIT ?2";

const CHANGES: &str = "SELECT l.last, c.change, c.person, c.document FROM contact_change l
    LEFT JOIN (SELECT change, person, document FROM contact
        WHERE change >= ?1 ORDER BY change LIMIT ?2) c
    ORDER BY c.change";

/// A row of [`CHANGES`]: the latest, and a person if there is one.
type Change = (i64, Option<i64>, Option<String>, Option<String>);

fn contact((person, document): (String, String)) -> Result<ContactRow, StoreError> {
    Ok(ContactRow {
        // The row's key is the number itself, which no error may show.
        person: PersonNumber::parse(&person).map_err(|source| corrupt("contact", "***", source))?,
        document,
    })
}

async fn put(connection: &mut SqliteConnection, rows: Vec<(String, String)>) -> Work<Verdict<()>> {
    let changed: Vec<i64> = sqlx::query_scalar(CHANGED)
        .bind(json(&rows))
        .fetch_all(&mut *connection)
        .await?;
    let Ok(count) = i64::try_from(changed.len()) else {
        return Ok(Verdict::NothingToDo(()));
    };
    if count == 0 {
        return Ok(Verdict::NothingToDo(()));
    }
    let last: i64 = sqlx::query_scalar(NUMBERS)
        .bind(count)
        .fetch_one(&mut *connection)
        .await?;
    let new: Vec<(&str, &str, i64)> = changed
        .into_iter()
        .filter_map(|key| rows.get(usize::try_from(key).ok()?))
        .zip(last - count + 1..)
        .map(|((person, document), change)| (person.as_str(), document.as_str(), change))
        .collect();
    execute_all(connection, PUT, &new).await?;
    Ok(Verdict::Commit(()))
}

async fn replace(
    connection: &mut SqliteConnection,
    row: (String, String),
    last: Option<i64>,
) -> Work<Verdict<bool>> {
    let now: Option<i64> = sqlx::query_scalar(LAST)
        .bind(&row.0)
        .fetch_optional(&mut *connection)
        .await?;
    if now != last {
        return Ok(Verdict::NothingToDo(false));
    }
    Ok(match put(connection, vec![row]).await? {
        Verdict::Commit(()) => Verdict::Commit(true),
        Verdict::NothingToDo(()) => Verdict::NothingToDo(true),
    })
}

#[async_trait]
impl Contacts for SqliteStore {
    async fn put_contacts(&self, rows: &[ContactRow]) -> Result<(), StoreError> {
        // Of the same person the last.
        let rows: BTreeMap<String, String> = rows
            .iter()
            .map(|row| (row.person.expose().to_owned(), row.document.clone()))
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let rows: Vec<(String, String)> = rows.into_iter().collect();
        self.decide(move |connection| Box::pin(put(connection, rows)))
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

    async fn contact(
        &self,
        person: &PersonNumber,
    ) -> Result<Option<(i64, ContactRow)>, StoreError> {
        let row: Option<(i64, String, String)> = sqlx::query_as(ONE)
            .bind(person.expose())
            .fetch_optional(self.readers())
            .await
            .map_err(Failure::from)?;
        row.map(|(change, person, document)| Ok((change, contact((person, document))?)))
            .transpose()
    }

    async fn replace_contact(
        &self,
        row: &ContactRow,
        last: Option<i64>,
    ) -> Result<bool, StoreError> {
        let row = (row.person.expose().to_owned(), row.document.clone());
        self.decide(move |connection| Box::pin(replace(connection, row, last)))
            .await
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

    async fn contact_changes(&self, from: i64, limit: u32) -> Result<ContactChanges, StoreError> {
        let rows: Vec<Change> = sqlx::query_as(CHANGES)
            .bind(from)
            .bind(limit)
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        let latest = rows.first().map_or(0, |row| row.0);
        let rows = rows
            .into_iter()
            .filter_map(|(_, change, person, document)| Some((change?, (person?, document?))))
            .map(|(change, row)| Ok((change, contact(row)?)))
            .collect::<Result<_, StoreError>>()?;
        Ok(ContactChanges { rows, latest })
    }
}
