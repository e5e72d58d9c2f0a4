//! Who is logged in to their page, and one-time codes.

use async_trait::async_trait;
use sqlx::SqliteConnection;
use subtle::ConstantTimeEq as _;

use super::connect::SqliteStore;
use super::error::{Failure, Work, corrupt};
use super::write::Verdict;
use crate::domain::kinds::Channel;
use crate::domain::person::PersonNumber;
use crate::domain::time::Timestamp;
use crate::ports::store::{
    CODE_GUESSES, CODE_LIFE, CODE_WINDOW, Guess, NewCode, NewSession, SESSION_AT_MOST,
    SESSION_IDLE, Session, Sessions, StoreError,
};

const PUT: &str = "INSERT INTO page_session (id, provider, person, id_token, began_at, used_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?5)";
const USE: &str = "UPDATE page_session SET used_at = max(used_at, ?2)
    WHERE id = ?1 AND used_at > ?3 AND began_at > ?4 RETURNING person, id_token";
const END_CODES: &str = "DELETE FROM page_code WHERE session = ?1";
const END: &str = "DELETE FROM page_session WHERE id = ?1";
const END_PROVIDER_CODES: &str = "DELETE FROM page_code WHERE session IN
    (SELECT id FROM page_session WHERE provider = ?1)";
const END_PROVIDER: &str = "DELETE FROM page_session WHERE provider = ?1";

/// Nothing comes back when there have been too many.
const COUNT: &str = "INSERT INTO page_sent (key, times, latest) VALUES (?1, json_array(?2), ?2)
    ON CONFLICT (key) DO UPDATE SET latest = excluded.latest, times = json_insert(
        (SELECT json_group_array(value) FROM json_each(page_sent.times) WHERE value > ?3),
        '$[#]', excluded.latest)
    WHERE (SELECT count(*) FROM json_each(page_sent.times) WHERE value > ?3) < ?4
    RETURNING 1";
const PUT_CODE: &str = "INSERT INTO page_code (session, channel, address, digest, made_at)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (session, channel) DO UPDATE SET address = excluded.address,
        digest = excluded.digest, guesses = 0, made_at = excluded.made_at";
const GUESS: &str = "UPDATE page_code SET guesses = guesses + 1
    WHERE session = ?1 AND channel = ?2 AND made_at > ?3 AND guesses < ?4
    RETURNING address, digest, guesses";
const USED_UP: &str = "DELETE FROM page_code WHERE session = ?1 AND channel = ?2";
const ADDRESS: &str = "SELECT address FROM page_code
    WHERE session = ?1 AND channel = ?2 AND made_at > ?3 AND guesses < ?4";

#[async_trait]
impl Sessions for SqliteStore {
    async fn put_session(&self, session: NewSession) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(PUT)
                    .bind(session.id.to_vec())
                    .bind(session.provider_session.map(|id| id.to_vec()))
                    .bind(session.person.expose())
                    .bind(&session.id_token)
                    .bind(session.at.0)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    async fn session(&self, id: [u8; 32], now: Timestamp) -> Result<Option<Session>, StoreError> {
        let found: Option<(String, String)> = self
            .write(move |connection| {
                Box::pin(async move {
                    let used = sqlx::query_as(USE)
                        .bind(id.to_vec())
                        .bind(now.0)
                        .bind(now.minus(SESSION_IDLE).0)
                        .bind(now.minus(SESSION_AT_MOST).0);
                    Ok(used.fetch_optional(connection).await?)
                })
            })
            .await?;
        let Some((person, id_token)) = found else {
            return Ok(None);
        };
        let person = PersonNumber::parse(&person)
            .map_err(|source| corrupt("page_session", "of a person", source))?;
        Ok(Some(Session { person, id_token }))
    }

    async fn end_session(&self, id: [u8; 32]) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                for sql in [END_CODES, END] {
                    let end = sqlx::query(sql).bind(id.to_vec());
                    end.execute(&mut *connection).await?;
                }
                Ok(())
            })
        })
        .await
    }

    async fn end_provider_session(&self, provider_session: [u8; 32]) -> Result<u64, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let mut ended = 0;
                for sql in [END_PROVIDER_CODES, END_PROVIDER] {
                    let end = sqlx::query(sql).bind(provider_session.to_vec());
                    ended = end.execute(&mut *connection).await?.rows_affected();
                }
                Ok(ended)
            })
        })
        .await
    }

    async fn put_code(&self, code: NewCode) -> Result<bool, StoreError> {
        self.decide(move |connection| Box::pin(async move { put_code(connection, &code).await }))
            .await
    }

    async fn guess_code(
        &self,
        session: [u8; 32],
        channel: Channel,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<Guess, StoreError> {
        self.write(move |connection| {
            Box::pin(async move { guess(connection, session, channel, digest, now).await })
        })
        .await
    }

    async fn code_address(
        &self,
        session: [u8; 32],
        channel: Channel,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let address = sqlx::query_scalar(ADDRESS)
            .bind(session.to_vec())
            .bind(channel.code())
            .bind(now.minus(CODE_LIFE).0)
            .bind(CODE_GUESSES)
            .fetch_optional(self.readers())
            .await
            .map_err(Failure::from)?;
        Ok(address)
    }
}

async fn put_code(connection: &mut SqliteConnection, code: &NewCode) -> Work<Verdict<bool>> {
    for (key, most) in [&code.person, &code.to] {
        let room: Option<i64> = sqlx::query_scalar(COUNT)
            .bind(key.to_vec())
            .bind(code.at.0)
            .bind(code.at.minus(CODE_WINDOW).0)
            .bind(*most)
            .fetch_optional(&mut *connection)
            .await?;
        if room.is_none() {
            return Ok(Verdict::NothingToDo(false));
        }
    }
    sqlx::query(PUT_CODE)
        .bind(code.session.to_vec())
        .bind(code.channel.code())
        .bind(&code.address)
        .bind(code.digest.to_vec())
        .bind(code.at.0)
        .execute(connection)
        .await?;
    Ok(Verdict::Commit(true))
}

async fn guess(
    connection: &mut SqliteConnection,
    session: [u8; 32],
    channel: Channel,
    digest: [u8; 32],
    now: Timestamp,
) -> Work<Guess> {
    let found: Option<(String, Vec<u8>, u32)> = sqlx::query_as(GUESS)
        .bind(session.to_vec())
        .bind(channel.code())
        .bind(now.minus(CODE_LIFE).0)
        .bind(CODE_GUESSES)
        .fetch_optional(&mut *connection)
        .await?;
    let Some((address, kept, guesses)) = found else {
        return Ok(Guess::Gone);
    };
    let is_right = bool::from(kept.ct_eq(&digest));
    if is_right || guesses >= CODE_GUESSES {
        let used_up = sqlx::query(USED_UP).bind(session.to_vec());
        used_up
            .bind(channel.code())
            .execute(&mut *connection)
            .await?;
    }
    Ok(match is_right {
        true => Guess::Right(address),
        false => Guess::Wrong(CODE_GUESSES.saturating_sub(guesses)),
    })
}
