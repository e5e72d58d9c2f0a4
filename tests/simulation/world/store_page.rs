//! The rest of the store that no pipeline calls: the persons' page.

use async_trait::async_trait;
use budstikke::adapters::sqlite::SqliteStore;
use budstikke::domain::kinds::Channel;
use budstikke::domain::person::PersonNumber;
use budstikke::domain::time::Timestamp;
use budstikke::ports::store::{
    Guess, History, NewCode, NewSession, PersonMessage, Session, Sessions, StoreError,
};

use super::store::FarStore;

#[async_trait]
impl Sessions for FarStore {
    async fn put_session(&self, session: NewSession) -> Result<(), StoreError> {
        self.call("put_session", async move |s: SqliteStore, _| {
            s.put_session(session).await
        })
        .await
    }

    async fn session(&self, id: [u8; 32], now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.call("session", async move |s: SqliteStore, _| {
            s.session(id, now).await
        })
        .await
    }

    async fn end_session(&self, id: [u8; 32]) -> Result<(), StoreError> {
        self.call("end_session", async move |s: SqliteStore, _| {
            s.end_session(id).await
        })
        .await
    }

    async fn end_provider_session(&self, provider: [u8; 32]) -> Result<u64, StoreError> {
        self.call("end_provider_session", async move |s: SqliteStore, _| {
            s.end_provider_session(provider).await
        })
        .await
    }

    async fn put_code(&self, code: NewCode) -> Result<bool, StoreError> {
        self.call("put_code", async move |s: SqliteStore, _| {
            s.put_code(code).await
        })
        .await
    }

    async fn guess_code(
        &self,
        session: [u8; 32],
        channel: Channel,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<Guess, StoreError> {
        self.call("guess_code", async move |s: SqliteStore, _| {
            s.guess_code(session, channel, digest, now).await
        })
        .await
    }

    async fn code_address(
        &self,
        session: [u8; 32],
        channel: Channel,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        self.call("code_address", async move |s: SqliteStore, _| {
            s.code_address(session, channel, now).await
        })
        .await
    }
}

#[async_trait]
impl History for FarStore {
    fn keep_history(&self) {}

    async fn messages_to(
        &self,
        person: &PersonNumber,
        limit: u32,
    ) -> Result<Vec<PersonMessage>, StoreError> {
        let person = person.clone();
        self.call("messages_to", async move |s: SqliteStore, _| {
            s.messages_to(&person, limit).await
        })
        .await
    }
}
