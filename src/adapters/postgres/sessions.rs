//! Who is logged in to their page, and one-time codes.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use subtle::ConstantTimeEq as _;

use super::connect::PostgresStore;
use super::error::{Fault, classify, corrupt};
use super::rows::{int, large};
use crate::domain::kinds::Channel;
use crate::domain::person::PersonNumber;
use crate::domain::time::Timestamp;
use crate::ports::store::{
    CODE_GUESSES, CODE_LIFE, CODE_WINDOW, Guess, NewCode, NewSession, SESSION_AT_MOST,
    SESSION_IDLE, Session, Sessions, StoreError,
};

const PUT: &str = "INSERT INTO page_session (id, provider, person, id_token, began_at, used_at) \
    VALUES ($1, $2, $3, $4, $5, $5)";
const USE: &str = "UPDATE page_session SET used_at = GREATEST(used_at, $2) \
    WHERE id = $1 AND used_at > $3 AND began_at > $4 RETURNING person, id_token";
const END: &str = "WITH c AS (DELETE FROM page_code WHERE session = $1) \
    DELETE FROM page_session WHERE id = $1";
const END_PROVIDER: &str = "WITH s AS (DELETE FROM page_session WHERE provider = $1 RETURNING id), \
    c AS (DELETE FROM page_code USING s WHERE page_code.session = s.id) SELECT id FROM s";

/// Whoever counts holds the rows until the transaction ends; in the order of the keys, so that two
/// do not wait for each other.
const COUNT: &str = "INSERT INTO page_sent (key, times, latest) \
    SELECT k, '{}', $2 FROM unnest($1::bytea[]) k ORDER BY k \
    ON CONFLICT (key) DO UPDATE SET latest = page_sent.latest \
    RETURNING key, (SELECT count(*) FROM unnest(page_sent.times) t WHERE t > $3)";
const SENT: &str = "UPDATE page_sent SET latest = $2, times = array_append( \
        ARRAY(SELECT t FROM unnest(page_sent.times) t WHERE t > $3), $2) WHERE key = ANY($1)";
const PUT_CODE: &str = "INSERT INTO page_code (session, channel, address, digest, made_at) \
    VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (session, channel) DO UPDATE SET address = excluded.address, \
        digest = excluded.digest, guesses = 0, made_at = excluded.made_at";
const GUESS: &str = "UPDATE page_code SET guesses = guesses + 1 \
    WHERE session = $1 AND channel = $2 AND made_at > $3 AND guesses < $4 \
    RETURNING address, digest, guesses";
/// Not a newer code that took its place meanwhile.
const USED_UP: &str = "DELETE FROM page_code WHERE session = $1 AND channel = $2 AND digest = $3";
const ADDRESS: &str = "SELECT address FROM page_code \
    WHERE session = $1 AND channel = $2 AND made_at > $3 AND guesses < $4";

#[async_trait]
impl Sessions for PostgresStore {
    async fn put_session(&self, session: NewSession) -> Result<(), StoreError> {
        let statement = sqlx::query(PUT)
            .bind(session.id.to_vec())
            .bind(session.provider_session.map(|id| id.to_vec()))
            .bind(session.person.expose())
            .bind(&session.id_token)
            .bind(session.at.0);
        self.execute(statement).await.map(|_rows| ())
    }

    async fn session(&self, id: [u8; 32], now: Timestamp) -> Result<Option<Session>, StoreError> {
        let statement = sqlx::query(USE)
            .bind(id.to_vec())
            .bind(now.0)
            .bind(now.minus(SESSION_IDLE).0)
            .bind(now.minus(SESSION_AT_MOST).0);
        self.fetch(statement).await?.first().map(read).transpose()
    }

    async fn end_session(&self, id: [u8; 32]) -> Result<(), StoreError> {
        let statement = sqlx::query(END).bind(id.to_vec());
        self.execute(statement).await.map(|_rows| ())
    }

    async fn end_provider_session(&self, provider_session: [u8; 32]) -> Result<u64, StoreError> {
        let statement = sqlx::query(END_PROVIDER).bind(provider_session.to_vec());
        Ok(self.fetch(statement).await?.len() as u64)
    }

    async fn put_code(&self, code: NewCode) -> Result<bool, StoreError> {
        let code = Arc::new(code);
        self.transact(move |connection| {
            let code = Arc::clone(&code);
            Box::pin(async move { put_code(connection, &code).await })
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
        let statement = sqlx::query(GUESS)
            .bind(session.to_vec())
            .bind(channel.code())
            .bind(now.minus(CODE_LIFE).0)
            .bind(int(CODE_GUESSES));
        let rows = self.fetch(statement).await?;
        let Some(row) = rows.first() else {
            return Ok(Guess::Gone);
        };
        let kept: Vec<u8> = row.try_get(1).map_err(classify)?;
        let guesses = large(row.try_get(2).map_err(classify)?);
        let is_right = bool::from(kept.ct_eq(&digest));
        let mut gone = 0;
        if is_right || guesses >= CODE_GUESSES {
            let statement = sqlx::query(USED_UP).bind(session.to_vec());
            let statement = statement.bind(channel.code()).bind(kept);
            gone = self.execute(statement).await?;
        }
        Ok(match is_right {
            // Of two right guesses at once one is right.
            true if gone == 0 => Guess::Gone,
            true => Guess::Right(row.try_get(0).map_err(classify)?),
            false => Guess::Wrong(CODE_GUESSES.saturating_sub(guesses)),
        })
    }

    async fn code_address(
        &self,
        session: [u8; 32],
        channel: Channel,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let statement = sqlx::query(ADDRESS)
            .bind(session.to_vec())
            .bind(channel.code())
            .bind(now.minus(CODE_LIFE).0)
            .bind(int(CODE_GUESSES));
        let rows = self.fetch(statement).await?;
        rows.first()
            .map(|row| row.try_get(0).map_err(classify))
            .transpose()
    }
}

fn read(row: &PgRow) -> Result<Session, StoreError> {
    let person: &str = row.try_get(0).map_err(classify)?;
    Ok(Session {
        person: PersonNumber::parse(person)
            .map_err(|error| corrupt("page_session", "of a person", error))?,
        id_token: row.try_get(1).map_err(classify)?,
    })
}

async fn put_code(connection: &mut PgConnection, code: &NewCode) -> Result<bool, Fault> {
    let limits = [&code.person, &code.to];
    let keys = limits.map(|(key, _)| key.to_vec()).to_vec();
    let since = code.at.minus(CODE_WINDOW).0;
    let counts = sqlx::query(COUNT).bind(&keys).bind(code.at.0).bind(since);
    for row in counts.fetch_all(&mut *connection).await? {
        let (key, count): (Vec<u8>, i64) = (row.try_get(0)?, row.try_get(1)?);
        let limit = limits.iter().find(|(known, _)| known[..] == key[..]);
        if limit.is_none_or(|(_, most)| count >= i64::from(*most)) {
            return Ok(false);
        }
    }
    let sent = sqlx::query(SENT).bind(&keys).bind(code.at.0).bind(since);
    sent.execute(&mut *connection).await?;
    sqlx::query(PUT_CODE)
        .bind(code.session.to_vec())
        .bind(code.channel.code())
        .bind(&code.address)
        .bind(code.digest.to_vec())
        .bind(code.at.0)
        .execute(connection)
        .await?;
    Ok(true)
}
