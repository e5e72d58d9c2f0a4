//! The audit of look-ups and the opt-out lists of the store far away.

use async_trait::async_trait;
use budstikke::adapters::sqlite::SqliteStore;
use budstikke::domain::audit::{End, Link};
use budstikke::domain::ids::{AgencyNo, JobName, Reference};
use budstikke::domain::opt_out::OptOutHash;
use budstikke::domain::time::Timestamp;
use budstikke::ports::store::*;

use super::store::FarStore;

#[async_trait]
impl Audit for FarStore {
    async fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let name = name.to_owned();
        self.call("secret", async move |s: SqliteStore, _| {
            s.secret(&name, fresh).await
        })
        .await
    }

    async fn start_strand(&self, at: Timestamp) -> Result<i32, StoreError> {
        self.call("start_strand", async move |s: SqliteStore, _| {
            s.start_strand(at).await
        })
        .await
    }

    async fn append_audit(&self, after: &End, links: &[Link]) -> Result<bool, StoreError> {
        let (after, links) = (*after, links.to_vec());
        self.call("append_audit", async move |s: SqliteStore, _| {
            s.append_audit(&after, &links).await
        })
        .await
    }

    async fn strands(&self) -> Result<Vec<Strand>, StoreError> {
        self.call("strands", async move |s: SqliteStore, _| s.strands().await)
            .await
    }

    async fn links(&self, strand: i32, after: i64, limit: u32) -> Result<Vec<Link>, StoreError> {
        self.call("links", async move |s: SqliteStore, _| {
            s.links(strand, after, limit).await
        })
        .await
    }

    async fn find_links(
        &self,
        query: &AuditQuery,
        before: Option<&End>,
        limit: u32,
    ) -> Result<Vec<Link>, StoreError> {
        let (query, before) = (query.clone(), before.copied());
        self.call("find_links", async move |s: SqliteStore, _| {
            s.find_links(&query, before.as_ref(), limit).await
        })
        .await
    }

    async fn erase_audit(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.call("erase_audit", async move |s: SqliteStore, _| {
            s.erase_audit(before, limit).await
        })
        .await
    }
}

#[async_trait]
impl OptOuts for FarStore {
    async fn put_opt_outs(
        &self,
        agency: AgencyNo,
        entries: &[OptOutEntry],
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        let entries = entries.to_vec();
        self.call("put_opt_outs", async move |s: SqliteStore, _| {
            s.put_opt_outs(agency, &entries, at).await
        })
        .await
    }

    async fn opt_out_changes(&self, after: i64, limit: u32) -> Result<Vec<OptOutRow>, StoreError> {
        self.call("opt_out_changes", async move |s: SqliteStore, _| {
            s.opt_out_changes(after, limit).await
        })
        .await
    }

    async fn opt_outs(
        &self,
        agency: AgencyNo,
        after: Option<OptOutHash>,
        limit: u32,
    ) -> Result<Vec<OptOutRow>, StoreError> {
        self.call("opt_outs", async move |s: SqliteStore, _| {
            s.opt_outs(agency, after, limit).await
        })
        .await
    }
}

#[async_trait]
impl Evidence for FarStore {
    async fn put_letter_facts(&self, facts: &[LetterFact]) -> Result<(), StoreError> {
        let facts = facts.to_vec();
        self.call("put_letter_facts", async move |s: SqliteStore, _| {
            s.put_letter_facts(&facts).await
        })
        .await
    }

    async fn letter_file(
        &self,
        agency: AgencyNo,
        name: &JobName,
        reference: &Reference,
    ) -> Result<Option<LetterFile>, StoreError> {
        let (name, reference) = (name.clone(), reference.clone());
        self.call("letter_file", async move |s: SqliteStore, _| {
            s.letter_file(agency, &name, &reference).await
        })
        .await
    }
}
