//! The entries of an intent batch: which of them may have a slot.

use std::collections::{HashMap, HashSet};

use sqlx::{PgConnection, Row};

use crate::adapters::postgres::error::Fault;
use crate::adapters::postgres::rows::{int, short, small};
use crate::domain::ids::{DeliveryId, JobNo, Position};
use crate::ports::store::{IntentEntry, Refused};

/// Why an entry may not be written, as one code: 1 fenced, or not as it was claimed; 2 a live try;
/// 3 cancelled; 4 opened; 5 stopped; 0 none of these; and who holds its cover. Of most entries there
/// is neither to say, and nothing is said.
///
/// Read after the clock of the slots: what is cancelled or stopped later than this leaves within the
/// slots' reach or not at all, so no job has to be held. Claim and state are compared here and not in
/// the join: there the planner may read all that is claimed, by `delivery_claim`, once for every entry.
/// The few jobs and agencies are read once. Who asks again has a live try of this claim.
const JUDGE: &str = "SELECT place, code, holder FROM (SELECT e.place, CASE \
        WHEN d.id IS NULL OR d.state <> 6 OR d.claim IS DISTINCT FROM e.claim THEN 1 \
        WHEN e.again AND (SELECT TRUE FROM try t WHERE t.delivery = e.target \
            AND t.slot = e.slot AND t.freed = 0 AND t.no = e.attempt AND t.claim = e.claim \
            AND t.outcome IS NULL LIMIT 1) IS NULL THEN 1 \
        WHEN NOT e.again AND (SELECT TRUE FROM try t WHERE t.delivery = e.target \
            AND t.slot = e.slot AND t.freed = 0 LIMIT 1) THEN 2 \
        WHEN NOT e.again AND (d.slot <> e.slot OR d.attempts <> e.attempt) THEN 1 \
        WHEN e.target <> e.delivery AND (d.fixed OR d.attempts > 0 \
            OR (SELECT TRUE FROM try t WHERE t.delivery = e.delivery LIMIT 1) \
            OR (SELECT TRUE FROM delivery o WHERE o.id = e.target)) THEN 1 \
        WHEN e.delivery >> 18 IN (SELECT j.no FROM job j \
            WHERE j.no = ANY($8) AND j.cancelled_at IS NOT NULL) THEN 3 \
        WHEN ((e.delivery >> 1) & 7) > 0 AND (SELECT TRUE FROM opened o \
            WHERE o.job = e.delivery >> 18 AND o.position = (e.delivery >> 4) & 16383) THEN 4 \
        WHEN d.agency IN (SELECT a.no FROM agency a WHERE a.stopped_at IS NOT NULL) \
            OR EXISTS (SELECT FROM fleet WHERE id = 1 AND stopped_at IS NOT NULL) THEN 5 \
        ELSE 0 END AS code, \
        CASE WHEN e.cover IS NOT NULL THEN (SELECT c.position FROM cover c \
            WHERE c.job = e.delivery >> 18 AND c.key = e.cover) END AS holder \
    FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bytea[], \
        $6::int[], $7::bool[]) \
        WITH ORDINALITY AS e (delivery, target, slot, claim, cover, attempt, again, place) \
    LEFT JOIN delivery d ON d.id = e.delivery OFFSET 0) judged \
    WHERE code <> 0 OR holder IS NOT NULL";

/// The key of a cover: the digest, and the occasion.
pub(super) fn cover_key(entry: &IntentEntry) -> Option<Vec<u8>> {
    let mut key = entry.cover?.to_vec();
    key.push(entry.delivery.occasion());
    Some(key)
}

/// Which entries may have a slot, and which may not, and why.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// In order of precedence.
    pub(super) eligible: Vec<usize>,
    pub(super) refused: Vec<(usize, Refused)>,
    /// Eligible entries that are the first with their cover.
    pub(super) covering: HashMap<usize, Vec<u8>>,
    /// Entries that will be covered by an eligible one, if that one is granted.
    pub(super) behind: Vec<(usize, usize)>,
}

/// Judges all entries.
pub(super) async fn judge(
    connection: &mut PgConnection,
    entries: &[IntentEntry],
) -> Result<Verdict, Fault> {
    let covers: Vec<Option<Vec<u8>>> = entries.iter().map(cover_key).collect();
    let mut jobs: Vec<i64> = entries.iter().map(|e| e.delivery.job().0).collect();
    jobs.sort_unstable();
    jobs.dedup();
    let rows = sqlx::query(JUDGE)
        .bind(entries.iter().map(|e| e.delivery.0).collect::<Vec<_>>())
        .bind(entries.iter().map(|e| target(e).0).collect::<Vec<_>>())
        .bind(
            entries
                .iter()
                .map(|e| i16::from(e.slot))
                .collect::<Vec<_>>(),
        )
        .bind(entries.iter().map(|e| e.claim.0).collect::<Vec<_>>())
        .bind(covers.iter().map(Option::as_deref).collect::<Vec<_>>())
        .bind(entries.iter().map(|e| int(e.attempt)).collect::<Vec<_>>())
        .bind(entries.iter().map(|e| e.again).collect::<Vec<_>>())
        .bind(jobs)
        .fetch_all(connection)
        .await?;
    let mut judged = vec![(0, None); entries.len()];
    for row in &rows {
        let place = usize::try_from(row.try_get::<i64, _>(0)? - 1).unwrap_or(usize::MAX);
        if let Some(slot) = judged.get_mut(place) {
            *slot = (row.try_get::<i32, _>(1)?, row.try_get::<Option<i16>, _>(2)?);
        }
    }
    let mut verdict = Verdict::default();
    let mut seen: HashSet<DeliveryId> = HashSet::with_capacity(entries.len());
    let mut first: HashMap<(JobNo, &[u8]), usize> = HashMap::new();
    for (index, (entry, (code, holder))) in entries.iter().zip(judged).enumerate() {
        let holder = holder.map(small);
        let refused = refusal(entry, code, holder)
            .or_else(|| (!seen.insert(entry.delivery)).then_some(Refused::Fenced));
        if let Some(refused) = refused {
            verdict.refused.push((index, refused));
            continue;
        }
        if let (Some(key), None) = (&covers[index], holder) {
            let first = *first
                .entry((entry.delivery.job(), key.as_slice()))
                .or_insert(index);
            if first == index {
                verdict.covering.insert(index, key.clone());
            } else if entries[first].delivery.position() != entry.delivery.position() {
                verdict.behind.push((index, first));
                continue;
            }
        }
        verdict.eligible.push(index);
    }
    Ok(verdict)
}

fn refusal(entry: &IntentEntry, code: i32, holder: Option<Position>) -> Option<Refused> {
    let covered = holder.filter(|position| *position != entry.delivery.position());
    match code {
        1 => Some(Refused::Fenced),
        2 => Some(Refused::LiveTry),
        3 => Some(Refused::Cancelled),
        4 => Some(Refused::Opened),
        5 => Some(Refused::Stopped),
        _ => covered.map(Refused::Covered),
    }
}

/// The id that the row has while it is tried.
pub(super) fn target(entry: &IntentEntry) -> DeliveryId {
    entry.delivery.on(entry.channel)
}

/// In the order of their keys, so that two batches wait for each other in one order. A key that
/// another transaction is just inserting is waited for.
const COVER: &str = "INSERT INTO cover (job, key, position) \
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::smallint[]) \
    ON CONFLICT (job, key) DO NOTHING RETURNING job, key";
const HOLDERS: &str = "SELECT c.job, c.key, c.position \
    FROM unnest($1::bigint[], $2::bytea[]) AS k (job, key) \
    JOIN cover c ON c.job = k.job AND c.key = k.key";

/// Takes covers for granted entries; answers those that another batch took first.
pub(super) async fn take_covers(
    connection: &mut PgConnection,
    entries: &[IntentEntry],
    granted: impl Iterator<Item = (usize, Vec<u8>)>,
) -> Result<Vec<(usize, Position)>, Fault> {
    let mut wanted: Vec<(i64, Vec<u8>, usize)> = granted
        .map(|(index, key)| (entries[index].delivery.job().0, key, index))
        .collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    wanted.sort_unstable();
    let jobs: Vec<i64> = wanted.iter().map(|(job, _, _)| *job).collect();
    let keys: Vec<&[u8]> = wanted.iter().map(|(_, key, _)| key.as_slice()).collect();
    let positions: Vec<i16> = wanted
        .iter()
        .map(|(_, _, index)| short(entries[*index].delivery.position()))
        .collect();
    let taken = sqlx::query(COVER)
        .bind(&jobs)
        .bind(&keys)
        .bind(positions)
        .fetch_all(&mut *connection)
        .await?;
    if taken.len() == wanted.len() {
        return Ok(Vec::new());
    }
    let holders = sqlx::query(HOLDERS)
        .bind(&jobs)
        .bind(&keys)
        .fetch_all(connection)
        .await?;
    let mut by_key: HashMap<(i64, Vec<u8>), Position> = HashMap::new();
    for row in &holders {
        by_key.insert((row.try_get(0)?, row.try_get(1)?), small(row.try_get(2)?));
    }
    Ok(wanted
        .into_iter()
        .filter_map(|(job, key, index)| {
            let position = *by_key.get(&(job, key))?;
            (position != entries[index].delivery.position()).then_some((index, position))
        })
        .collect())
}
