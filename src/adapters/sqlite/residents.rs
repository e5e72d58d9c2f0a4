//! The table behind the local population register.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::connect::SqliteStore;
use super::error::{Failure, corrupt};
use super::rows::{execute_all, json, narrow};
use crate::domain::job::Side;
use crate::domain::person::PersonNumber;
use crate::domain::street::{Resident, street_key};
use crate::domain::time::Timestamp;
use crate::ports::population::StreetQuery;
use crate::ports::store::{Residents, StoreError};

const PUT: &str = "INSERT INTO resident (person, municipality, street, street_key, number, letter,
        household, birth_year, put_at)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
        value ->> 6, value ->> 7, value ->> 8
    FROM json_each(?1) WHERE TRUE ORDER BY key
    ON CONFLICT (person) DO UPDATE SET municipality = excluded.municipality,
        street = excluded.street, street_key = excluded.street_key, number = excluded.number,
        letter = excluded.letter, household = excluded.household,
        birth_year = excluded.birth_year, put_at = excluded.put_at";

const DROP: &str = "DELETE FROM resident
    WHERE municipality IN (SELECT value FROM json_each(?1)) AND put_at < ?2";

const AT: &str = "SELECT person, municipality, street, number, letter, household, birth_year
    FROM resident
    WHERE municipality = ?1 AND street_key = ?2 AND number BETWEEN ?3 AND ?4
        AND (?5 IS NULL OR number % 2 = ?5) AND birth_year <= ?6
    LIMIT ?7";

const IS_STREET: &str = "SELECT EXISTS (SELECT 1 FROM resident
    WHERE municipality = ?1 AND street_key = ?2)";

type Row = (String, String, String, i64, String, String, i64);

/// The remainder of the numbers of a side; both sides have none in common.
const fn remainder(side: Side) -> Option<i64> {
    match side {
        Side::Both => None,
        Side::Odd => Some(1),
        Side::Even => Some(0),
    }
}

fn resident(row: Row) -> Result<Resident, StoreError> {
    let (person, municipality, street, number, letter, household, birth_year) = row;
    Ok(Resident {
        // The row's key is the number itself, which no error may show.
        person: PersonNumber::parse(&person).map_err(|error| corrupt("resident", "***", error))?,
        municipality,
        street,
        number: narrow("resident", 0, number)?,
        letter,
        household,
        birth_year: narrow("resident", 0, birth_year)?,
    })
}

#[async_trait]
impl Residents for SqliteStore {
    async fn put_residents(&self, residents: &[Resident], at: Timestamp) -> Result<(), StoreError> {
        // Of the same person the last.
        let rows: BTreeMap<&str, _> = residents
            .iter()
            .map(|one| (one.person.expose(), one))
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(person, one)| {
                (
                    person.to_owned(),
                    one.municipality.clone(),
                    one.street.clone(),
                    street_key(&one.street),
                    one.number,
                    one.letter.clone(),
                    one.household.clone(),
                    one.birth_year,
                    at.0,
                )
            })
            .collect();
        self.write(move |connection| {
            Box::pin(async move { execute_all(connection, PUT, &rows).await.map(drop) })
        })
        .await
    }

    async fn drop_residents(
        &self,
        municipalities: &[String],
        before: Timestamp,
    ) -> Result<u64, StoreError> {
        if municipalities.is_empty() {
            return Ok(0);
        }
        let municipalities = json(municipalities);
        self.write(move |connection| {
            Box::pin(async move {
                let gone = sqlx::query(DROP).bind(municipalities).bind(before.0);
                Ok(gone.execute(connection).await?.rows_affected())
            })
        })
        .await
    }

    async fn residents(&self, query: StreetQuery<'_>) -> Result<Vec<Resident>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(AT)
            .bind(&query.street.municipality)
            .bind(street_key(&query.street.street))
            .bind(query.street.from)
            .bind(query.street.to)
            .bind(remainder(query.street.side))
            .bind(query.youngest_birth_year)
            .bind(query.limit)
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        rows.into_iter().map(resident).collect()
    }

    async fn is_street(&self, municipality: &str, street: &str) -> Result<bool, StoreError> {
        let found: bool = sqlx::query_scalar(IS_STREET)
            .bind(municipality)
            .bind(street_key(street))
            .fetch_one(self.readers())
            .await
            .map_err(Failure::from)?;
        Ok(found)
    }
}
