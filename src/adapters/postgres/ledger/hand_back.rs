//! Letting go of what is claimed: handed back without an open try, unknown with one.
//!
//! An intent holds its claims' rows while it works. Whoever lets go takes them for itself first, in
//! a statement of its own, so that the statements after it see either a written try or that none
//! will be written.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{PgConnection, Row};

use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::Fault;
use crate::adapters::postgres::now;
use crate::domain::ids::{ClaimId, DeliveryId, WorkerId};
use crate::domain::time::{Timestamp, micros};
use crate::ports::store::StoreError;

/// How long an unknown try waits for a receipt, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(in crate::adapters::postgres) struct Patience {
    sms: i64,
    email: i64,
}

impl Patience {
    /// By channel.
    pub(in crate::adapters::postgres) fn new(sms: Duration, email: Duration) -> Self {
        Self {
            sms: micros(sms),
            email: micros(email),
        }
    }
}

const LOCK: &str = "SELECT id FROM claim WHERE id = ANY($1) ORDER BY id FOR UPDATE";

/// Keeps intents of these claims out until the end of the transaction.
pub(in crate::adapters::postgres) async fn lock_claims(
    connection: &mut PgConnection,
    claims: &[i64],
) -> Result<(), Fault> {
    sqlx::query(LOCK).bind(claims).execute(connection).await?;
    Ok(())
}

/// Those which still have an open try are left alone. The `CASE` keeps the planner from
/// reading all that is claimed, by `delivery_claim`, once for every row.
const HAND_BACK: &str = "UPDATE delivery d SET state = 5, claim = NULL, due = COALESCE($3, d.due) \
    FROM unnest($1::bigint[], $2::bigint[]) AS b (id, claim) \
    WHERE d.id = b.id AND CASE WHEN d.state = 6 THEN d.claim = b.claim END \
        AND (SELECT TRUE FROM try t WHERE t.delivery = d.id AND t.freed = 0 \
            AND t.outcome IS NULL LIMIT 1) IS NULL";

pub(super) async fn hand_back(
    store: &PostgresStore,
    deliveries: &[(DeliveryId, ClaimId)],
    due: Option<Timestamp>,
) -> Result<(), StoreError> {
    let pairs = Arc::new(Pairs::of(deliveries, false));
    store
        .transact(move |connection| {
            let pairs = Arc::clone(&pairs);
            Box::pin(async move {
                lock_claims(connection, &pairs.claims).await?;
                sqlx::query(HAND_BACK)
                    .bind(&pairs.ids)
                    .bind(&pairs.claims)
                    .bind(due.map(|due| due.0))
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
}

/// Found through what is held: that is little, while claims are many.
const STRAYS: &str = concat!(
    "SELECT DISTINCT c.id FROM delivery d JOIN claim c ON c.id = d.claim \
     WHERE d.state = 6 AND c.worker = $1 AND c.id <> ALL ($3) AND c.at < (SELECT ",
    now!(),
    ") - $2"
);

pub(super) async fn strays(
    store: &PostgresStore,
    worker: WorkerId,
    older_than: Duration,
    known: &[ClaimId],
) -> Result<u64, StoreError> {
    let known: Arc<[i64]> = known.iter().map(|claim| claim.0).collect();
    store
        .transact(move |connection| {
            let known = Arc::clone(&known);
            Box::pin(async move {
                let claims: Vec<i64> = sqlx::query(STRAYS)
                    .bind(worker.0)
                    .bind(micros(older_than))
                    .bind(&*known)
                    .fetch_all(&mut *connection)
                    .await?
                    .iter()
                    .map(|row| row.try_get(0))
                    .collect::<Result<_, _>>()?;
                if claims.is_empty() {
                    return Ok(0);
                }
                lock_claims(connection, &claims).await?;
                let pairs = Pairs::held(connection, &claims).await?;
                let handed_back = sqlx::query(HAND_BACK)
                    .bind(&pairs.ids)
                    .bind(&pairs.claims)
                    .bind(None::<i64>)
                    .execute(connection)
                    .await?;
                Ok(handed_back.rows_affected())
            })
        })
        .await
}

/// Makes open tries unknown. The wait for a receipt counts from the intent (`$3` false, the reaper)
/// or from now (a worker whose commit is in doubt).
const UNKNOWN: &str = concat!(
    "WITH clock AS MATERIALIZED (SELECT ",
    now!(),
    " AS now), \
     held AS MATERIALIZED ( \
        SELECT d.id FROM delivery d JOIN unnest($1::bigint[], $2::bigint[]) AS b (id, claim) \
            ON d.id = b.id AND CASE WHEN d.state = 6 THEN d.claim = b.claim END \
        ORDER BY d.id FOR UPDATE OF d), \
     opened AS ( \
        UPDATE try t SET outcome = 3, outcome_at = clock.now FROM clock, held \
        WHERE t.delivery = held.id AND t.freed = 0 AND t.outcome IS NULL \
        RETURNING t.delivery, t.slot, t.no, t.intent_at) \
     UPDATE delivery d SET state = 7, slot = o.slot, reason = NULL, claim = NULL, chosen = TRUE, \
        attempts = GREATEST(d.attempts, o.no + 1), duplicate = d.duplicate OR o.slot = 1, \
        due = CASE WHEN $3 THEN clock.now ELSE o.intent_at END \
            + CASE d.id & 1 WHEN 0 THEN $4::bigint ELSE $5::bigint END, \
        changed_at = clock.now \
     FROM clock, opened o WHERE d.id = o.delivery"
);

pub(super) async fn abandon(
    store: &PostgresStore,
    deliveries: &[(DeliveryId, ClaimId)],
    patience: Patience,
) -> Result<(), StoreError> {
    let pairs = Arc::new(Pairs::of(deliveries, true));
    store
        .transact(move |connection| {
            let pairs = Arc::clone(&pairs);
            Box::pin(async move {
                lock_claims(connection, &pairs.claims).await?;
                release(connection, &pairs, Since::Now, patience).await?;
                Ok(())
            })
        })
        .await
}

/// From when an unknown try waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::adapters::postgres) enum Since {
    /// From its intent.
    Intent,
    /// From now.
    Now,
}

/// How many became unknown and how many were handed back.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::adapters::postgres) struct Released {
    pub(in crate::adapters::postgres) unknown: u64,
    pub(in crate::adapters::postgres) handed_back: u64,
}

/// Lets go of deliveries whose claims are locked.
pub(in crate::adapters::postgres) async fn release(
    connection: &mut PgConnection,
    pairs: &Pairs,
    since: Since,
    patience: Patience,
) -> Result<Released, Fault> {
    let unknown = sqlx::query(UNKNOWN)
        .bind(&pairs.ids)
        .bind(&pairs.claims)
        .bind(since == Since::Now)
        .bind(patience.sms)
        .bind(patience.email)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    let handed_back = sqlx::query(HAND_BACK)
        .bind(&pairs.ids)
        .bind(&pairs.claims)
        .bind(None::<i64>)
        .execute(connection)
        .await?
        .rows_affected();
    Ok(Released {
        unknown,
        handed_back,
    })
}

/// Deliveries with the claims that should hold them, in order of their ids.
#[derive(Debug, Default)]
pub(in crate::adapters::postgres) struct Pairs {
    ids: Vec<i64>,
    claims: Vec<i64>,
}

const HELD: &str = "SELECT d.id, d.claim FROM unnest($1::bigint[]) AS c (id) \
    JOIN delivery d ON d.claim = c.id AND d.state = 6 ORDER BY d.id";

impl Pairs {
    /// From what a worker holds; `moved`: also under the id that an intent on the other channel
    /// would have given the row.
    fn of(deliveries: &[(DeliveryId, ClaimId)], moved: bool) -> Self {
        let mut pairs: Vec<(i64, i64)> = deliveries
            .iter()
            .flat_map(|(id, claim)| {
                let other = id.on(id.channel().other());
                std::iter::once((id.0, claim.0)).chain(moved.then_some((other.0, claim.0)))
            })
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let (ids, claims) = pairs.into_iter().unzip();
        Self { ids, claims }
    }

    /// All that claims hold.
    pub(in crate::adapters::postgres) async fn held(
        connection: &mut PgConnection,
        claims: &[i64],
    ) -> Result<Self, Fault> {
        let rows = sqlx::query(HELD).bind(claims).fetch_all(connection).await?;
        let mut pairs = Self::default();
        for row in rows {
            pairs.ids.push(row.try_get(0)?);
            pairs.claims.push(row.try_get(1)?);
        }
        Ok(pairs)
    }
}
