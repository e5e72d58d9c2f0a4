//! Claiming what is due.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::time::Instant;

use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::Fault;
use crate::adapters::postgres::now;
use crate::adapters::postgres::rows::{lane, large};
use crate::domain::ids::{AgencyNo, ClaimId, DeliveryId, WorkerId};
use crate::domain::time::Timestamp;
use crate::ports::store::{Claim, Claimed, StoreError, Want};

/// One statement: look, make an epoch if anything was found, take. `FOR UPDATE SKIP LOCKED` inside
/// the materialized part keeps callers apart, and the rows where they are: they are taken by their
/// place. The predicates are those of the index `delivery_due` to the letter, and what `Marks` tells to
/// leave out is the beginning of its order. A worker that was taken for dead gets nothing.
const CLAIM: &str = concat!(
    "WITH clock AS MATERIALIZED (SELECT ",
    now!(),
    " AS now), \
     found AS MATERIALIZED ( \
        SELECT d.ctid AS place \
        FROM unnest($2::int[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[], \
            $7::bigint[]) AS w (agency, lane, channel, most, after_due, after_id) \
        JOIN agency a ON a.no = w.agency AND a.stopped_at IS NULL \
        CROSS JOIN LATERAL ( \
            SELECT delivery.ctid FROM delivery \
            WHERE delivery.agency = w.agency AND delivery.lane = w.lane \
                AND (id & 1) = w.channel AND state IN (4, 5) AND due <= (SELECT now FROM clock) \
                AND (due, id) > (w.after_due, w.after_id) \
            ORDER BY due, id LIMIT w.most FOR UPDATE SKIP LOCKED) d \
        WHERE EXISTS (SELECT FROM worker WHERE id = $1 AND ended_at IS NULL) \
            AND NOT EXISTS (SELECT FROM fleet WHERE id = 1 AND stopped_at IS NOT NULL)), \
     made AS ( \
        INSERT INTO claim (worker, at) SELECT $1, now FROM clock WHERE EXISTS (SELECT FROM found) \
        RETURNING id) \
     UPDATE delivery d SET state = 6, claim = made.id \
     FROM made WHERE d.ctid = ANY (ARRAY(SELECT place FROM found)) \
     RETURNING made.id, d.due, d.id, d.agency, d.lane, d.fixed, d.slot, d.attempts, \
        d.tries"
);

pub(super) async fn claim(
    store: &PostgresStore,
    worker: WorkerId,
    wants: &[Want],
) -> Result<Claim, StoreError> {
    let nothing = Claim {
        id: ClaimId(0),
        deliveries: Vec::new(),
    };
    if wants.is_empty() {
        return Ok(nothing);
    }
    let began = Instant::now();
    let after = store.marks.after(wants, began);
    let statement = sqlx::query(CLAIM)
        .bind(worker.0)
        .bind(wants.iter().map(|w| w.agency.0).collect::<Vec<_>>())
        .bind(wants.iter().map(|w| w.lane.code()).collect::<Vec<_>>())
        .bind(
            wants
                .iter()
                .map(|w| i64::from(w.channel.code()))
                .collect::<Vec<_>>(),
        )
        .bind(wants.iter().map(|w| i64::from(w.limit)).collect::<Vec<_>>())
        .bind(after.iter().map(|(due, _)| due.0).collect::<Vec<_>>())
        .bind(after.iter().map(|(_, id)| id.0).collect::<Vec<_>>());
    let rows = store.fetch(statement).await?;
    let id = match rows.first() {
        Some(row) => ClaimId(row.try_get(0).map_err(Fault::from)?),
        None => ClaimId(0),
    };
    let places: HashMap<_, usize> = wants
        .iter()
        .enumerate()
        .map(|(place, want)| ((want.agency, want.lane, want.channel), place))
        .collect();
    let place = |claimed: &Claimed| {
        let pile = (claimed.agency, claimed.lane, claimed.delivery.channel());
        places.get(&pile).copied()
    };
    let mut deliveries = rows.iter().map(read).collect::<Result<Vec<_>, Fault>>()?;
    deliveries.sort_by_cached_key(|claimed| (place(claimed), claimed.due, claimed.delivery));
    for (at, (want, after)) in wants.iter().zip(after).enumerate() {
        let from = deliveries.partition_point(|claimed| place(claimed) < Some(at));
        let upto = deliveries.partition_point(|claimed| place(claimed) <= Some(at));
        let taken = deliveries.get(from..upto).unwrap_or_default();
        store.marks.note(want, after, taken, began);
    }
    Ok(Claim { id, deliveries })
}

fn read(row: &PgRow) -> Result<Claimed, Fault> {
    let id = DeliveryId(row.try_get(2)?);
    Ok(Claimed {
        delivery: id,
        agency: AgencyNo(row.try_get(3)?),
        lane: lane("delivery", row.try_get(4)?, id)?,
        fixed: row.try_get(5)?,
        slot: u8::from(row.try_get::<i16, _>(6)? != 0),
        attempts: large(row.try_get(7)?),
        tries: large(row.try_get(8)?),
        due: Timestamp(row.try_get(1)?),
    })
}
