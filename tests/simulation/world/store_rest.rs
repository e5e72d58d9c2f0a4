//! The rest of the store's traits: outbox, workers, receipts, keys, contacts, retention.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use budstikke::adapters::sqlite::SqliteStore;
use budstikke::domain::event::Event;
use budstikke::domain::health::Tally;
use budstikke::domain::ids::{AgencyNo, DeliveryId, WorkerId};
use budstikke::domain::person::PersonNumber;
use budstikke::domain::receipt::{Receipt, ReceiptKey};
use budstikke::domain::time::Timestamp;
use budstikke::ports::store::*;

use super::outside::Outside;
use super::store::FarStore;
use super::time::note;

#[async_trait]
impl Outbox for FarStore {
    async fn lease(&self, role: &str, worker: WorkerId, ttl: Duration) -> Result<bool, StoreError> {
        let role = role.to_owned();
        self.call("lease", async move |s: SqliteStore, _| {
            s.lease(&role, worker, ttl).await
        })
        .await
    }

    async fn release(&self, role: &str, worker: WorkerId) -> Result<(), StoreError> {
        let role = role.to_owned();
        self.call("release", async move |s: SqliteStore, _| {
            s.release(&role, worker).await
        })
        .await
    }

    async fn unpublished(
        &self,
        published: &[(AgencyNo, i64)],
        resting: &[AgencyNo],
        limit: u32,
    ) -> Result<Vec<Unpublished>, StoreError> {
        let (published, resting) = (published.to_vec(), resting.to_vec());
        self.call("unpublished", async move |s: SqliteStore, _| {
            s.unpublished(&published, &resting, limit).await
        })
        .await
    }

    async fn feed(
        &self,
        agency: AgencyNo,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        self.call("feed", async move |s: SqliteStore, _| {
            s.feed(agency, after, limit).await
        })
        .await
    }
}

#[async_trait]
impl Workers for FarStore {
    async fn start_worker(&self, name: &str) -> Result<WorkerId, StoreError> {
        let (name, life) = (name.to_owned(), self.life);
        self.call(
            "start_worker",
            async move |s: SqliteStore, out: Arc<Outside>| {
                let worker = s.start_worker(&name).await?;
                note!(out.sim, "w{life} is worker {worker}");
                Ok(worker)
            },
        )
        .await
    }

    async fn heartbeat(&self, worker: WorkerId) -> Result<Option<Timestamp>, StoreError> {
        let life = self.life;
        self.call(
            "heartbeat",
            async move |s: SqliteStore, out: Arc<Outside>| {
                let alive = s.heartbeat(worker).await?;
                if alive.is_none() {
                    note!(out.sim, "w{life} was taken for dead");
                    out.count("worker taken for dead");
                }
                Ok(alive)
            },
        )
        .await
    }

    async fn end_worker(
        &self,
        worker: WorkerId,
        unknown_sms: Duration,
        unknown_email: Duration,
    ) -> Result<(), StoreError> {
        self.call("end_worker", async move |s: SqliteStore, _| {
            s.end_worker(worker, unknown_sms, unknown_email).await
        })
        .await
    }

    async fn reap(
        &self,
        dead_after: Duration,
        unknown_sms: Duration,
        unknown_email: Duration,
    ) -> Result<Reaped, StoreError> {
        let life = self.life;
        self.call("reap", async move |s: SqliteStore, out: Arc<Outside>| {
            let reaped = s.reap(dead_after, unknown_sms, unknown_email).await?;
            if reaped.workers > 0 {
                note!(out.sim, "w{life} reaps {reaped:?}");
                out.reaped(reaped);
            }
            Ok(reaped)
        })
        .await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        self.call("backlog", async move |s: SqliteStore, _| s.backlog().await)
            .await
    }

    async fn raise_lanes(&self, after: Duration, limit: u32) -> Result<u64, StoreError> {
        self.call("raise_lanes", async move |s: SqliteStore, _| {
            s.raise_lanes(after, limit).await
        })
        .await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.call("ping", async move |s: SqliteStore, _| s.ping().await)
            .await
    }
}

#[async_trait]
impl Parking for FarStore {
    async fn find_tries(
        &self,
        gateway: &str,
        keys: &[ReceiptKey],
        not_before: Timestamp,
    ) -> Result<Vec<Option<FoundTry>>, StoreError> {
        let (gateway, keys) = (gateway.to_owned(), keys.to_vec());
        self.call("find_tries", async move |s: SqliteStore, _| {
            s.find_tries(&gateway, &keys, not_before).await
        })
        .await
    }

    async fn park(
        &self,
        gateway: &str,
        receipts: &[Receipt],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (gateway, receipts) = (gateway.to_owned(), receipts.to_vec());
        self.call("park", async move |s: SqliteStore, out: Arc<Outside>| {
            out.count("receipt parked");
            s.park(&gateway, &receipts, at).await
        })
        .await
    }

    async fn parked(&self, after: i64, limit: u32) -> Result<Vec<ParkedReceipt>, StoreError> {
        self.call("parked", async move |s: SqliteStore, _| {
            s.parked(after, limit).await
        })
        .await
    }

    async fn unpark(&self, ids: &[i64]) -> Result<(), StoreError> {
        let ids = ids.to_vec();
        self.call("unpark", async move |s: SqliteStore, _| {
            s.unpark(&ids).await
        })
        .await
    }
}

#[async_trait]
impl Keys for FarStore {
    async fn add_key(
        &self,
        agency: AgencyNo,
        hash: [u8; 32],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.call("add_key", async move |s: SqliteStore, _| {
            s.add_key(agency, hash, at).await
        })
        .await
    }

    async fn key_owner(&self, hash: [u8; 32]) -> Result<Option<AgencyNo>, StoreError> {
        self.call("key_owner", async move |s: SqliteStore, _| {
            s.key_owner(hash).await
        })
        .await
    }
}

#[async_trait]
impl Contacts for FarStore {
    async fn put_contacts(&self, rows: &[ContactRow]) -> Result<(), StoreError> {
        let rows = rows.to_vec();
        self.call("put_contacts", async move |s: SqliteStore, _| {
            s.put_contacts(&rows).await
        })
        .await
    }

    async fn contacts(&self, persons: &[PersonNumber]) -> Result<Vec<ContactRow>, StoreError> {
        let persons = persons.to_vec();
        self.call("contacts", async move |s: SqliteStore, _| {
            s.contacts(&persons).await
        })
        .await
    }

    async fn contact(
        &self,
        person: &PersonNumber,
    ) -> Result<Option<(i64, ContactRow)>, StoreError> {
        let person = person.clone();
        self.call("contact", async move |s: SqliteStore, _| {
            s.contact(&person).await
        })
        .await
    }

    async fn replace_contact(
        &self,
        row: &ContactRow,
        last: Option<i64>,
    ) -> Result<bool, StoreError> {
        let row = row.clone();
        self.call("replace_contact", async move |s: SqliteStore, _| {
            s.replace_contact(&row, last).await
        })
        .await
    }

    async fn contacts_after(
        &self,
        after: Option<&PersonNumber>,
        limit: u32,
    ) -> Result<Vec<ContactRow>, StoreError> {
        let after = after.cloned();
        self.call("contacts_after", async move |s: SqliteStore, _| {
            s.contacts_after(after.as_ref(), limit).await
        })
        .await
    }

    async fn contact_changes(&self, from: i64, limit: u32) -> Result<ContactChanges, StoreError> {
        self.call("contact_changes", async move |s: SqliteStore, _| {
            s.contact_changes(from, limit).await
        })
        .await
    }
}

#[async_trait]
impl Retention for FarStore {
    async fn erase(
        &self,
        texts: Timestamp,
        identities: Timestamp,
        facts: Timestamp,
        events: Timestamp,
        limit: u32,
    ) -> Result<Erased, StoreError> {
        self.call("erase", async move |s: SqliteStore, _| {
            s.erase(texts, identities, facts, events, limit).await
        })
        .await
    }
}

#[async_trait]
impl Health for FarStore {
    async fn tally(
        &self,
        bin: Duration,
        keep: Duration,
        counts: &[(String, Tally)],
    ) -> Result<(), StoreError> {
        let counts = counts.to_vec();
        self.call("tally", async move |s: SqliteStore, _| {
            s.tally(bin, keep, &counts).await
        })
        .await
    }

    async fn fleet_view(&self, window: Duration) -> Result<FleetView, StoreError> {
        self.call("fleet_view", async move |s: SqliteStore, _| {
            s.fleet_view(window).await
        })
        .await
    }

    async fn change_gateway(&self, change: GatewayChange) -> Result<bool, StoreError> {
        self.call("change_gateway", async move |s: SqliteStore, _| {
            s.change_gateway(change).await
        })
        .await
    }

    async fn take_probe(&self, gateway: &str, every: Duration) -> Result<bool, StoreError> {
        let gateway = gateway.to_owned();
        self.call("take_probe", async move |s: SqliteStore, _| {
            s.take_probe(&gateway, every).await
        })
        .await
    }

    async fn gateway_history(&self, limit: u32) -> Result<Vec<GatewayStep>, StoreError> {
        self.call("gateway_history", async move |s: SqliteStore, _| {
            s.gateway_history(limit).await
        })
        .await
    }

    async fn tried_through(
        &self,
        deliveries: &[DeliveryId],
    ) -> Result<Vec<(DeliveryId, String)>, StoreError> {
        let deliveries = deliveries.to_vec();
        self.call("tried_through", async move |s: SqliteStore, _| {
            s.tried_through(&deliveries).await
        })
        .await
    }
}
