//! The audit of look-ups of the store far away.

use async_trait::async_trait;
use budstikke::adapters::sqlite::SqliteStore;
use budstikke::domain::audit::{End, Link};
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
