//! Agencies get their numbers.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::Row;

use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::{classify, corrupt};
use crate::adapters::postgres::events::Filters;
use crate::domain::ids::AgencyNo;
use crate::ports::BoxError;
use crate::ports::store::{AgencyRecord, StoreError};

/// In the order given; numbers are not used up by those that are there.
const ADD: &str = "INSERT INTO agency (id) \
    SELECT n.id FROM unnest($1::text[]) WITH ORDINALITY AS n (id, place) \
    WHERE NOT EXISTS (SELECT FROM agency a WHERE a.id = n.id) ORDER BY n.place \
    ON CONFLICT (id) DO NOTHING";
const STREAMS: &str = "INSERT INTO stream (agency) SELECT no FROM agency WHERE id = ANY($1) ORDER BY no \
    ON CONFLICT (agency) DO NOTHING";
const NUMBERS: &str = "SELECT id, no FROM agency WHERE id = ANY($1)";

pub(super) async fn sync(
    store: &PostgresStore,
    agencies: &[AgencyRecord],
) -> Result<Vec<AgencyNo>, StoreError> {
    if agencies.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<&str> = agencies.iter().map(|agency| agency.id.as_str()).collect();
    store.execute(sqlx::query(ADD).bind(&ids)).await?;
    store.execute(sqlx::query(STREAMS).bind(&ids)).await?;
    let rows = store.fetch(sqlx::query(NUMBERS).bind(&ids)).await?;
    let numbers: HashMap<&str, AgencyNo> = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, AgencyNo(row.try_get(1)?))))
        .collect::<Result<_, sqlx::Error>>()
        .map_err(classify)?;
    let numbers: Vec<AgencyNo> = ids
        .iter()
        .map(|id| {
            let missing = || corrupt("agency", id, BoxError::from("it is gone again"));
            numbers.get(id).copied().ok_or_else(missing)
        })
        .collect::<Result<_, _>>()?;
    let mut filters = store.filters.write();
    let mut known = filters.0.clone();
    known.extend(
        numbers
            .iter()
            .zip(agencies)
            .map(|(no, agency)| (*no, agency.filter)),
    );
    *filters = Arc::new(Filters(known));
    drop(filters);
    Ok(numbers)
}
