//! Erasing what may not be kept.
//!
//! Each kind is a transaction of its own, bounded by `limit`; the caller comes back until nothing
//! is left. Rows go by `UPDATE` and `DELETE`; autovacuum frees what they leave (see the module
//! above).

use std::time::Duration;

use async_trait::async_trait;
use sqlx::Row;

use super::connect::PostgresStore;
use super::error::classify;
use super::now;
use crate::domain::address_limit::KEEP;
use crate::domain::time::{Timestamp, micros};
use crate::ports::store::{CODE_LIFE, CODE_WINDOW, Erased, Retention, SESSION_AT_MOST, StoreError};

/// A job that a late receipt opened again is left alone until it is settled again.
const TEXTS: &str = "WITH j AS MATERIALIZED ( \
        SELECT no FROM job WHERE erased = 0 AND finished_at < $1 AND open = 0 \
        ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED), \
    c AS (UPDATE chunk SET message = NULL, contents = NULL FROM j WHERE chunk.job = j.no), \
    k AS (DELETE FROM cover USING j WHERE cover.job = j.no) \
    UPDATE job SET erased = 1 FROM j WHERE job.no = j.no";

/// With the identity whatever was left goes too.
const IDENTITIES: &str = "WITH j AS MATERIALIZED ( \
        SELECT no FROM job WHERE erased IN (0, 1) AND finished_at < $1 AND open = 0 \
        ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED), \
    c AS (UPDATE chunk SET message = NULL, contents = NULL, persons = NULL FROM j \
        WHERE chunk.job = j.no), \
    h AS (DELETE FROM person_job USING j WHERE person_job.job = j.no), \
    k AS (DELETE FROM cover USING j WHERE cover.job = j.no) \
    UPDATE job SET erased = 2 FROM j WHERE job.no = j.no";

/// Jobs of together some ten thousand recipients at once, at least one.
const FACTS: &str = "WITH o AS MATERIALIZED ( \
        SELECT no, recipients, finished_at FROM job \
        WHERE erased IN (0, 1, 2) AND finished_at < $1 AND open = 0 \
        ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED), \
    j AS MATERIALIZED ( \
        SELECT no FROM (SELECT no, sum(recipients) OVER (ORDER BY finished_at, no) - recipients \
            AS before FROM o) s WHERE before < 10000), \
    t AS (DELETE FROM try USING j \
        WHERE try.delivery >= (j.no << 18) AND try.delivery < ((j.no + 1) << 18)), \
    d AS (DELETE FROM delivery USING j \
        WHERE delivery.id >= (j.no << 18) AND delivery.id < ((j.no + 1) << 18)), \
    l AS (DELETE FROM letter_fact USING j \
        WHERE letter_fact.delivery >= (j.no << 18) AND letter_fact.delivery < ((j.no + 1) << 18)), \
    c AS (DELETE FROM chunk USING j WHERE chunk.job = j.no), \
    h AS (DELETE FROM person_job USING j WHERE person_job.job = j.no), \
    k AS (DELETE FROM cover USING j WHERE cover.job = j.no), \
    p AS (DELETE FROM opened USING j WHERE opened.job = j.no) \
    DELETE FROM job USING j WHERE job.no = j.no";

/// The head of every agency's stream, as far as it is old and published; a stream of which nothing
/// was ever published has no broker.
const EVENTS: &str = "WITH head AS MATERIALIZED ( \
        SELECT h.agency, h.sequence FROM stream s LEFT JOIN publication p USING (agency) \
        CROSS JOIN LATERAL ( \
            SELECT agency, sequence, bool_and(at < $1) OVER (ORDER BY sequence) AS old FROM ( \
                SELECT e.agency, e.sequence, e.at FROM event e WHERE e.agency = s.agency \
                    AND e.sequence > COALESCE(p.erased, 0) \
                    AND (COALESCE(p.published, 0) = 0 OR e.sequence <= p.published) \
                ORDER BY e.sequence LIMIT $2) e) h \
        WHERE h.old ORDER BY h.agency, h.sequence LIMIT $2), \
    s AS (INSERT INTO publication AS p (agency, erased) \
            SELECT agency, max(sequence) FROM head GROUP BY agency ORDER BY agency \
        ON CONFLICT (agency) DO UPDATE SET erased = GREATEST(p.erased, excluded.erased)) \
    DELETE FROM event e USING head h WHERE e.agency = h.agency AND e.sequence = h.sequence";

/// Pages of addresses in one statement, some ten thousand rows: who asks for one of them waits.
const ADDRESS_PAGES: i64 = 500;

const GATEWAYS: &str = "DELETE FROM gateway_history WHERE at < $1";
const WORKERS: &str = concat!(
    "DELETE FROM worker w USING (SELECT ",
    now!(),
    " - 86400000000 AS before) c WHERE w.ended_at < c.before \
      AND NOT EXISTS (SELECT FROM claim WHERE claim.worker = w.id)"
);
const CLAIMS: &str = concat!(
    "DELETE FROM claim WHERE id IN (SELECT c.id FROM claim c WHERE c.at < (SELECT ",
    now!(),
    " - 600000000) AND NOT EXISTS ( \
        SELECT FROM delivery d WHERE d.claim = c.id AND d.state = 6) \
      ORDER BY c.id LIMIT $1 FOR UPDATE SKIP LOCKED)"
);
const RECEIPTS: &str = concat!(
    "DELETE FROM parked_receipt WHERE received_at < (SELECT ",
    now!(),
    " - 604800000000)"
);

/// Sessions, codes and the counts of codes, by when the caller says that they are over.
const PAGE: [(&str, Duration); 3] = [
    (
        "DELETE FROM page_session WHERE began_at < $1",
        SESSION_AT_MOST,
    ),
    ("DELETE FROM page_code WHERE made_at < $1", CODE_LIFE),
    ("DELETE FROM page_sent WHERE latest < $1", CODE_WINDOW),
];
const NOW: &str = concat!("SELECT ", now!());

/// Page by page: an index by age would cost each message more than all of this. Who is just asking for
/// an address keeps it.
const ADDRESSES: &str = concat!(
    "DELETE FROM address_use WHERE ctid = ANY (ARRAY( \
        SELECT ctid FROM address_use WHERE latest < (SELECT ",
    now!(),
    ") - $1 AND ctid >= format('(%s,0)', $2::bigint)::tid \
            AND ctid < format('(%s,0)', $2::bigint + $3::bigint)::tid \
        FOR UPDATE SKIP LOCKED))"
);
const SIZE: &str = "SELECT pg_relation_size('address_use') / current_setting('block_size')::bigint";

#[async_trait]
impl Retention for PostgresStore {
    async fn erase(
        &self,
        texts: Timestamp,
        identities: Timestamp,
        facts: Timestamp,
        events: Timestamp,
        limit: u32,
    ) -> Result<Erased, StoreError> {
        let jobs = i64::from(limit);
        let erased = Erased {
            texts: self.erase_kind(TEXTS, texts, jobs).await?,
            identities: self.erase_kind(IDENTITIES, identities, jobs).await?,
            jobs: self.erase_kind(FACTS, facts, jobs).await?,
            events: self.erase_kind(EVENTS, events, jobs * 100).await?,
        };
        let claims = sqlx::query(CLAIMS).bind(jobs * 100);
        self.execute(claims).await?;
        if erased.is_nothing() {
            // Last, since all of them are looked through.
            self.erase_addresses().await?;
        }
        self.execute(sqlx::query(WORKERS)).await?;
        self.execute(sqlx::query(GATEWAYS).bind(facts.0)).await?;
        self.execute(sqlx::query(RECEIPTS)).await?;
        if let Some(row) = self.fetch(sqlx::query(NOW)).await?.first() {
            let now = Timestamp(row.try_get(0).map_err(classify)?);
            for (statement, age) in PAGE {
                let before = now.minus(age).0;
                self.execute(sqlx::query(statement).bind(before)).await?;
            }
        }
        Ok(erased)
    }
}

impl PostgresStore {
    async fn erase_addresses(&self) -> Result<(), StoreError> {
        let rows = self.fetch(sqlx::query(SIZE)).await?;
        let Some(row) = rows.first() else {
            return Ok(());
        };
        let pages: i64 = row.try_get(0).map_err(classify)?;
        let mut first = 0;
        while first < pages {
            let addresses = sqlx::query(ADDRESSES)
                .bind(micros(KEEP))
                .bind(first)
                .bind(ADDRESS_PAGES);
            self.execute(addresses).await?;
            first += ADDRESS_PAGES;
        }
        Ok(())
    }

    async fn erase_kind(
        &self,
        statement: &'static str,
        before: Timestamp,
        limit: i64,
    ) -> Result<u64, StoreError> {
        self.execute(sqlx::query(statement).bind(before.0).bind(limit))
            .await
    }
}
