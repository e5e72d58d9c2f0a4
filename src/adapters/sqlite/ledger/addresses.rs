//! How much one address may get: looked at and noted by the one connection that writes.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::super::error::{Work, corrupt};
use super::super::rows::{execute_all, json};
use crate::domain::address_limit::{AddressLimits, AddressLog, AddressUse};
use crate::domain::time::Timestamp;

const LOGS: &str = "SELECT e.key, a.log FROM json_each(?1) e
    JOIN address_use a ON a.key = unhex(e.value)";
const NOTE: &str = "INSERT INTO address_use (key, log, latest)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2 FROM json_each(?1) WHERE TRUE
    ON CONFLICT (key) DO UPDATE SET log = excluded.log, latest = max(latest, excluded.latest)";

/// Notes tries that are about to be written: index, whom and what, and who, each address once.
/// Answers those for which there is no room, and until when.
pub(super) async fn admit(
    connection: &mut SqliteConnection,
    limits: AddressLimits,
    now: Timestamp,
    asks: &[(usize, AddressUse, i64)],
) -> Work<HashMap<usize, Timestamp>> {
    if asks.is_empty() {
        return Ok(HashMap::new());
    }
    let keys: Vec<String> = asks
        .iter()
        .map(|(_, to, _)| hex::encode(to.address))
        .collect();
    let stored: Vec<(i64, String)> = sqlx::query_as(LOGS)
        .bind(json(&keys))
        .fetch_all(&mut *connection)
        .await?;
    let mut logs = vec![AddressLog::default(); asks.len()];
    for (place, log) in stored {
        let log = AddressLog::decode(&log)
            .map_err(|error| corrupt("address_use", "of an address", error))?;
        if let Some(place) = usize::try_from(place).ok().and_then(|p| logs.get_mut(p)) {
            *place = log;
        }
    }
    let mut over = HashMap::new();
    let mut notes = Vec::with_capacity(asks.len());
    for ((key, log), (index, to, by)) in keys.iter().zip(&mut logs).zip(asks) {
        match log.admit(limits, now, to.text, *by) {
            Ok(()) => notes.push((key, log.encode(), now.0)),
            Err(until) => {
                over.insert(*index, until);
            }
        }
    }
    execute_all(connection, NOTE, &notes).await?;
    Ok(over)
}
