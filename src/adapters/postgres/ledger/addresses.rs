//! How much one address may get: one statement for a batch, exact whoever else is asking.

use std::collections::HashMap;

use sqlx::{PgConnection, Row};

use crate::adapters::postgres::error::Fault;
use crate::adapters::postgres::rows::int;
use crate::domain::address_limit::{AddressLimits, AddressUse, KEEP, WINDOW};
use crate::domain::time::{Timestamp, micros};

/// What [`AddressLog::admit`](crate::domain::address_limit::AddressLog::admit) says, in SQL. In the
/// order of the keys, so that two batches wait for each other in one order; who waited sees what
/// the other noted. `over_until` tells what became of the try: null if there was room. The n-th
/// newest of those that count is null if they are fewer, and so is the 0th.
const ADMIT: &str = "WITH asked AS (INSERT INTO address_use AS a (key, times, texts, tries, latest) \
    SELECT e.key, ARRAY[$4::bigint], ARRAY[e.text], ARRAY[e.try], $4 \
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) AS e (key, text, try) \
    ON CONFLICT (key) DO UPDATE SET (times, texts, tries, latest, over_until) = ( \
        SELECT \
            CASE WHEN v.until IS NULL THEN v.times || excluded.times ELSE v.times END, \
            CASE WHEN v.until IS NULL THEN v.texts || excluded.texts ELSE v.texts END, \
            CASE WHEN v.until IS NULL THEN v.tries || excluded.tries ELSE v.tries END, \
            CASE WHEN v.until IS NULL THEN greatest(a.latest, $4) ELSE a.latest END, \
            v.until \
        FROM (SELECT \
            coalesce(array_agg(l.time), '{}') AS times, \
            coalesce(array_agg(l.text), '{}') AS texts, \
            coalesce(array_agg(l.try), '{}') AS tries, \
            greatest( \
                (array_agg(l.time ORDER BY l.time DESC) \
                    FILTER (WHERE l.time > $4 - $7::bigint))[$5::int] + $7, \
                (array_agg(l.time ORDER BY l.time DESC) \
                    FILTER (WHERE l.time > $4 - $7 AND l.text = excluded.texts[1]))[$6::int] + $7 \
            ) AS until \
            FROM unnest(a.times, a.texts, a.tries) AS l (time, text, try) \
            WHERE l.time > $4 - $8::bigint AND l.try <> excluded.tries[1]) v) \
    RETURNING a.key, a.over_until) \
    SELECT key, over_until FROM asked WHERE over_until IS NOT NULL";

/// Notes tries that are about to be written: index, whom and what, and who, in the order of the
/// addresses, each address once. Answers those for which there is no room, and until when.
pub(super) async fn admit(
    connection: &mut PgConnection,
    limits: AddressLimits,
    now: Timestamp,
    asks: &[(usize, AddressUse, i64)],
) -> Result<HashMap<usize, Timestamp>, Fault> {
    if asks.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(ADMIT)
        .bind(asks.iter().map(|a| &a.1.address[..]).collect::<Vec<_>>())
        .bind(asks.iter().map(|a| a.1.text).collect::<Vec<_>>())
        .bind(asks.iter().map(|a| a.2).collect::<Vec<_>>())
        .bind(now.0)
        .bind(int(limits.any_per_hour))
        .bind(int(limits.identical_per_hour))
        .bind(micros(WINDOW))
        .bind(micros(KEEP))
        .fetch_all(connection)
        .await?;
    let mut over = HashMap::new();
    for row in &rows {
        let until: i64 = row.try_get(1)?;
        let key: &[u8] = row.try_get(0)?;
        let place = asks.binary_search_by(|(_, to, _)| to.address[..].cmp(key));
        if let Ok(place) = place {
            over.insert(asks[place].0, Timestamp(until));
        }
    }
    Ok(over)
}
