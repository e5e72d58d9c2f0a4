//! The table behind the local population register.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::connect::PostgresStore;
use super::error::{classify, corrupt};
use super::rows::{int, large};
use crate::domain::job::Side;
use crate::domain::person::PersonNumber;
use crate::domain::street::{Resident, street_key};
use crate::domain::time::Timestamp;
use crate::ports::population::StreetQuery;
use crate::ports::store::{Residents, StoreError};

const PUT: &str = "INSERT INTO resident (person, municipality, street, street_key, number, letter, \
        household, birth_year, put_at) \
    SELECT r.*, $9 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], \
        $6::text[], $7::text[], $8::smallint[]) AS r \
    ON CONFLICT (person) DO UPDATE SET municipality = excluded.municipality, \
        street = excluded.street, street_key = excluded.street_key, number = excluded.number, \
        letter = excluded.letter, household = excluded.household, \
        birth_year = excluded.birth_year, put_at = excluded.put_at";
const DROP: &str = "DELETE FROM resident WHERE municipality = ANY($1) AND put_at < $2";
const AT: &str = "SELECT person, municipality, street, number, letter, household, birth_year \
    FROM resident \
    WHERE municipality = $1 AND street_key = $2 AND number BETWEEN $3 AND $4 \
        AND ($5::int IS NULL OR number % 2 = $5) AND birth_year <= $6 \
    LIMIT $7";
const IS_STREET: &str = "SELECT EXISTS (SELECT FROM resident \
    WHERE municipality = $1 AND street_key = $2)";

/// The remainder of the numbers of a side; both sides have none in common.
const fn remainder(side: Side) -> Option<i32> {
    match side {
        Side::Both => None,
        Side::Odd => Some(1),
        Side::Even => Some(0),
    }
}

fn resident(row: &PgRow) -> Result<Resident, StoreError> {
    let person: &str = row.try_get(0).map_err(classify)?;
    Ok(Resident {
        // The row's key is the number itself, which no error may show.
        person: PersonNumber::parse(person).map_err(|error| corrupt("resident", "***", error))?,
        municipality: row.try_get(1).map_err(classify)?,
        street: row.try_get(2).map_err(classify)?,
        number: large(row.try_get(3).map_err(classify)?),
        letter: row.try_get(4).map_err(classify)?,
        household: row.try_get(5).map_err(classify)?,
        birth_year: row.try_get(6).map_err(classify)?,
    })
}

#[async_trait]
impl Residents for PostgresStore {
    async fn put_residents(&self, residents: &[Resident], at: Timestamp) -> Result<(), StoreError> {
        // In order, so that two of these do not wait for each other; of the same person the last.
        let rows: BTreeMap<&str, &Resident> = residents
            .iter()
            .map(|one| (one.person.expose(), one))
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let all = || rows.values();
        let texts = |text: fn(&Resident) -> &str| all().map(|one| text(one)).collect::<Vec<_>>();
        let statement = sqlx::query(PUT)
            .bind(rows.keys().copied().collect::<Vec<_>>())
            .bind(texts(|one| &one.municipality))
            .bind(texts(|one| &one.street))
            .bind(all().map(|one| street_key(&one.street)).collect::<Vec<_>>())
            .bind(all().map(|one| int(one.number)).collect::<Vec<_>>())
            .bind(texts(|one| &one.letter))
            .bind(texts(|one| &one.household))
            .bind(all().map(|one| one.birth_year).collect::<Vec<_>>())
            .bind(at.0);
        self.execute(statement).await.map(|_rows| ())
    }

    async fn drop_residents(
        &self,
        municipalities: &[String],
        before: Timestamp,
    ) -> Result<u64, StoreError> {
        if municipalities.is_empty() {
            return Ok(0);
        }
        let statement = sqlx::query(DROP).bind(municipalities).bind(before.0);
        self.execute(statement).await
    }

    async fn residents(&self, query: StreetQuery<'_>) -> Result<Vec<Resident>, StoreError> {
        let statement = sqlx::query(AT)
            .bind(&query.street.municipality)
            .bind(street_key(&query.street.street))
            .bind(int(query.street.from))
            .bind(int(query.street.to))
            .bind(remainder(query.street.side))
            .bind(query.youngest_birth_year)
            .bind(i64::from(query.limit));
        self.fetch(statement).await?.iter().map(resident).collect()
    }

    async fn is_street(&self, municipality: &str, street: &str) -> Result<bool, StoreError> {
        let statement = sqlx::query(IS_STREET)
            .bind(municipality)
            .bind(street_key(street));
        let rows = self.fetch(statement).await?;
        match rows.first() {
            Some(row) => row.try_get(0).map_err(classify),
            None => Ok(false),
        }
    }
}
