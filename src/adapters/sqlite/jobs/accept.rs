//! Jobs in: new, repeated, in conflict.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::super::error::{Work, corrupt};
use super::super::history;
use super::super::rows::{self, Filters, execute_all, put_events};
use super::end::{Ended, finish};
use super::{quota, view};
use crate::domain::chunk_text;
use crate::domain::event::{EventKind, NewEvent, Problem, job_accepted, job_rejected};
use crate::domain::ids::{DeliveryId, JobNo, Position};
use crate::domain::kinds::Lane;
use crate::domain::state::State;
use crate::domain::status::Reason;
use crate::domain::time::Timestamp;
use crate::ports::store::{Acceptance, CHUNK_SIZE, NewDelivery, NewJob};

const STORED: &str = "SELECT offered.key, job.content_hash FROM json_each(?1) offered
    JOIN job ON job.agency = offered.value ->> 0 AND job.name = offered.value ->> 1";

const NUMBERS: &str = "UPDATE job_no SET last = last + ?1 RETURNING last";

const PUT_JOBS: &str = "INSERT INTO job
        (no, agency, name, content_hash, lane, rules, recipients, open, accepted_at)
    SELECT value ->> 0, value ->> 1, value ->> 2, unhex(value ->> 3), value ->> 4, value ->> 5,
           value ->> 6, value ->> 7, value ->> 8
    FROM json_each(?1)";

const PUT_CHUNK: &str = "INSERT INTO chunk (job, no, message, refs, persons, contents)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const PUT_DELIVERIES: &str = "INSERT INTO delivery (id, agency, lane, state, reason, fixed,
        version, chosen, covered_by, due, changed_at)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
           value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10
    FROM json_each(?1)";

/// What an offered job turned out to be.
#[derive(Clone, Copy)]
enum Offer {
    New(JobNo),
    Repeat,
    Conflict,
}

pub(super) async fn accept(
    connection: &mut SqliteConnection,
    filters: Filters,
    jobs: Vec<NewJob>,
    now: Timestamp,
    history: bool,
) -> Work<Vec<Acceptance>> {
    let offers = sort_out(connection, &jobs).await?;
    let new = || {
        jobs.iter()
            .zip(&offers)
            .filter_map(|(job, offer)| match offer {
                Offer::New(no) => Some((*no, job)),
                Offer::Repeat | Offer::Conflict => None,
            })
    };
    let rows: Vec<_> = new().map(|(no, job)| job_row(no, job)).collect();
    execute_all(connection, PUT_JOBS, &rows).await?;
    for (no, job) in new() {
        put_chunks(connection, no, job).await?;
    }
    if history {
        history::note(connection, new()).await?;
    }
    let over = quota::take(connection, new(), now).await?;
    let rows: Vec<_> = new()
        .flat_map(|(no, job)| {
            let first = over.get(&no).copied();
            let row = move |d| delivery_row(no, job, d, first);
            job.deliveries.iter().map(row)
        })
        .collect();
    execute_all(connection, PUT_DELIVERIES, &rows).await?;
    answer(connection, &filters, &jobs, &offers, &over).await
}

/// Compares with what is stored and with what came earlier in the batch.
async fn sort_out(connection: &mut SqliteConnection, jobs: &[NewJob]) -> Work<Vec<Offer>> {
    let names: Vec<_> = jobs
        .iter()
        .map(|job| (job.agency.0, job.job.name.as_str()))
        .collect();
    let stored: Vec<(i64, Vec<u8>)> = sqlx::query_as(STORED)
        .bind(rows::json(&names))
        .fetch_all(&mut *connection)
        .await?;
    let stored: HashMap<i64, Vec<u8>> = stored.into_iter().collect();
    let mut seen: HashMap<(i32, &str), &[u8]> = HashMap::new();
    for (index, key) in (0i64..).zip(&names) {
        if let Some(hash) = stored.get(&index) {
            seen.insert(*key, hash);
        }
    }
    let mut offers = Vec::with_capacity(jobs.len());
    let mut new = 0;
    for (key, job) in names.iter().zip(jobs) {
        offers.push(match seen.get(key) {
            Some(hash) if *hash == job.job.content_hash => Offer::Repeat,
            Some(_) => Offer::Conflict,
            None => {
                seen.insert(*key, &job.job.content_hash);
                new += 1;
                Offer::New(JobNo(new))
            }
        });
    }
    if new > 0 {
        let last: i64 = sqlx::query_scalar(NUMBERS)
            .bind(new)
            .fetch_one(connection)
            .await?;
        for offer in &mut offers {
            if let Offer::New(no) = offer {
                no.0 += last - new;
            }
        }
    }
    Ok(offers)
}

type JobRow<'a> = (i64, i32, &'a str, String, i16, String, usize, usize, i64);

fn job_row(no: JobNo, new: &NewJob) -> JobRow<'_> {
    (
        no.0,
        new.agency.0,
        new.job.name.as_str(),
        hex::encode(new.job.content_hash),
        new.lane.code(),
        chunk_text::encode_rules(&new.job.rules),
        new.job.recipients.len(),
        new.deliveries
            .iter()
            .filter(|d| d.settled.is_none())
            .count(),
        new.accepted_at.0,
    )
}

type DeliveryRow = (
    i64,
    i32,
    i16,
    i16,
    Option<i16>,
    bool,
    i32,
    bool,
    Option<u16>,
    i64,
    i64,
);

/// `over`: the first position that is over the urgent quota.
fn delivery_row(
    no: JobNo,
    new: &NewJob,
    delivery: &NewDelivery,
    over: Option<Position>,
) -> DeliveryRow {
    let lane = match over {
        Some(first) if delivery.position >= first => Lane::Normal,
        Some(_) | None => new.lane,
    };
    let settled = delivery
        .settled
        .and_then(|(status, reason, by)| Some((State::of_settled(status)?, reason, by)));
    let (state, reason, covered_by) = match settled {
        Some((state, reason, by)) => (state, Some(reason.code()), by),
        None => (State::Fresh, None, None),
    };
    (
        DeliveryId::of(no, delivery.position, delivery.occasion, delivery.channel).0,
        new.agency.0,
        lane.code(),
        state.code(),
        reason,
        delivery.fixed,
        i32::from(settled.is_some()),
        // What was settled without a plan had a channel only if there was no choice.
        settled.is_some() && delivery.fixed,
        covered_by,
        delivery.due.0,
        new.accepted_at.0,
    )
}

async fn put_chunks(connection: &mut SqliteConnection, no: JobNo, new: &NewJob) -> Work<()> {
    let mut parts = new.job.recipients.chunks(usize::from(CHUNK_SIZE));
    // A job for a street that nobody lives in still has its texts.
    let first = parts.next().unwrap_or_default();
    for (chunk, recipients) in (0i64..).zip(std::iter::once(first).chain(parts)) {
        let message = (chunk == 0).then(|| chunk_text::encode_message(&new.job.message));
        sqlx::query(PUT_CHUNK)
            .bind(no.0)
            .bind(chunk)
            .bind(message)
            .bind(chunk_text::encode_refs(recipients))
            .bind(chunk_text::encode_persons(recipients))
            .bind(chunk_text::encode_contents(recipients))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Events and answers, in the order of the jobs.
async fn answer(
    connection: &mut SqliteConnection,
    filters: &Filters,
    jobs: &[NewJob],
    offers: &[Offer],
    over: &quota::Over,
) -> Work<Vec<Acceptance>> {
    let mut answers = Vec::with_capacity(jobs.len());
    let mut events: Vec<NewEvent> = Vec::new();
    for (new, offer) in jobs.iter().zip(offers) {
        let name = &new.job.name;
        answers.push(match offer {
            Offer::New(no) => {
                events.extend(new.events.iter().cloned());
                let told = new.events.iter().any(|e| e.kind == EventKind::JobFinished);
                if new.deliveries.iter().all(|d| d.settled.is_some()) {
                    let ended = Ended {
                        job: *no,
                        agency: new.agency,
                        name: name.clone(),
                        at: new.accepted_at,
                    };
                    let finished = finish(connection, ended).await?;
                    events.extend((!told).then_some(finished));
                }
                let first = over.get(no).map_or(usize::MAX, |first| usize::from(*first));
                Acceptance::Accepted {
                    job: *no,
                    urgent_over_quota: new.job.recipients.len().saturating_sub(first) as u64,
                }
            }
            Offer::Repeat => {
                let view = view::of(connection, new.agency, name).await?;
                let (_, view) = view.ok_or_else(|| corrupt("job", name, "it just vanished"))?;
                let at = new.accepted_at;
                events.push(job_accepted(
                    new.agency,
                    name,
                    at,
                    view.recipients,
                    true,
                    &view.totals,
                ));
                Acceptance::Repeated(view)
            }
            Offer::Conflict => {
                let problem = Problem {
                    pointer: "/job".to_owned(),
                    problem: "is the id of a job with other content; choose another id".to_owned(),
                };
                let (at, reason) = (new.accepted_at, Reason::Conflict);
                events.push(job_rejected(new.agency, Some(name), at, reason, &[problem]));
                Acceptance::Conflict
            }
        });
    }
    put_events(connection, filters, &events).await?;
    Ok(answers)
}
