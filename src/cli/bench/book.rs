//! What was published and what came back, matched by the job's id and the recipient's place.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::make::Recipe;
use crate::adapters::api_client::wire::FeedEvent;
use crate::domain::status::Status;

/// Not published yet.
const NEVER: u64 = u64::MAX;
/// The longest time that is told apart: an hour, in microseconds.
const LONGEST: u64 = 3_600_000_000;

/// Points of time of one kind: how many, the first and the last, in microseconds since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// How many.
    pub count: u64,
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Marks {
    fn add(&mut self, count: u64, at: u64) {
        if self.count == 0 {
            self.first = at;
        }
        self.count += count;
        self.last = self.last.max(at);
    }
}

/// The numbers of one moment.
#[derive(Debug, Clone)]
pub struct Numbers {
    /// Jobs that the broker or the API has.
    pub published: Marks,
    /// Jobs answered by `job.accepted`, or by the API.
    pub accepted: Marks,
    /// Jobs answered by `job.rejected`, or refused.
    pub rejected: u64,
    /// Why the first was.
    pub rejection: Option<String>,
    /// Notifications settled for the first time.
    pub settled: Marks,
    /// Settled statuses, each notification by its first.
    pub statuses: BTreeMap<String, u64>,
    /// Later events of notifications that were settled before: receipts, bounces.
    pub corrections: u64,
    /// From publishing a job to its answer, in microseconds.
    pub to_accepted: Histogram<u64>,
    /// From publishing a job to each notification's first settled event, in microseconds.
    pub to_settled: Histogram<u64>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Jobs that the broker or the API has.
    pub published: u64,
    /// Jobs accepted.
    pub accepted: u64,
    /// Jobs refused.
    pub rejected: u64,
    /// Notifications settled.
    pub settled: u64,
}

/// The book of a run.
#[derive(Debug)]
pub struct Book {
    recipe: Recipe,
    jobs: usize,
    started: Instant,
    published_at: Vec<AtomicU64>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    numbers: Numbers,
    /// One bit for each job, then one for each notification.
    answered: Vec<u64>,
    settled: Vec<u64>,
    /// When anything came last.
    heard: Instant,
}

/// A histogram of microseconds up to an hour, three digits exact.
///
/// # Errors
/// Never in practice: the bounds are constants.
pub fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LONGEST, 3)?)
}

impl Book {
    /// An empty book of `jobs` jobs, started now.
    ///
    /// # Errors
    /// Never in practice; see [`histogram`].
    pub fn new(recipe: Recipe, jobs: usize) -> anyhow::Result<Self> {
        let notifications = jobs * recipe.recipients;
        let started = Instant::now();
        Ok(Self {
            recipe,
            jobs,
            started,
            published_at: (0..jobs).map(|_| AtomicU64::new(NEVER)).collect(),
            state: Mutex::new(State {
                numbers: Numbers {
                    published: Marks::default(),
                    accepted: Marks::default(),
                    rejected: 0,
                    rejection: None,
                    settled: Marks::default(),
                    statuses: BTreeMap::new(),
                    corrections: 0,
                    to_accepted: histogram()?,
                    to_settled: histogram()?,
                },
                answered: bits(jobs),
                settled: bits(notifications),
                heard: started,
            }),
        })
    }

    /// What the jobs are like.
    pub const fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// How many jobs the run has.
    pub const fn jobs(&self) -> usize {
        self.jobs
    }

    /// How many notifications the run has.
    pub const fn notifications(&self) -> usize {
        self.jobs * self.recipe.recipients
    }

    /// When the run began.
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// How long nothing has come.
    pub fn quiet(&self) -> Duration {
        self.state.lock().heard.elapsed()
    }

    /// The numbers now.
    pub fn numbers(&self) -> Numbers {
        self.state.lock().numbers.clone()
    }

    /// How far the run is.
    pub fn counts(&self) -> Counts {
        let state = self.state.lock();
        let numbers = &state.numbers;
        Counts {
            published: numbers.published.count,
            accepted: numbers.accepted.count,
            rejected: numbers.rejected,
            settled: numbers.settled.count,
        }
    }

    /// The job is on its way from now on.
    pub fn leaving(&self, job: usize) {
        if let Some(at) = self.published_at.get(job) {
            at.store(self.now(), Ordering::Relaxed);
        }
    }

    /// When the job left, if it has.
    pub fn left_at(&self, job: usize) -> Option<Instant> {
        let at = self.published_at.get(job)?.load(Ordering::Relaxed);
        (at != NEVER).then(|| self.started + Duration::from_micros(at))
    }

    /// So many jobs more are with the broker or the API.
    pub fn published(&self, jobs: u64) {
        let now = self.now();
        let mut state = self.state.lock();
        state.numbers.published.add(jobs, now);
        state.heard = Instant::now();
    }

    /// The API has answered the job.
    pub fn accepted(&self, job: usize) {
        let now = self.now();
        self.answer(&mut self.state.lock(), job, now);
    }

    /// A job was refused.
    pub fn refused(&self, job: usize, why: impl FnOnce() -> String) {
        let mut state = self.state.lock();
        state.heard = Instant::now();
        if set(&mut state.answered, job) {
            state.numbers.rejected += 1;
            state.numbers.rejection.get_or_insert_with(why);
        }
    }

    /// An event came; one of another run is passed over.
    pub fn heard(&self, event: &FeedEvent) {
        let Some(job) = event
            .subject
            .as_deref()
            .and_then(|name| self.recipe.index_of(name))
            .filter(|job| *job < self.jobs)
        else {
            return;
        };
        let now = self.now();
        match event.kind() {
            "job.accepted" => self.answer(&mut self.state.lock(), job, now),
            "job.rejected" => {
                let reason = || event.data.reason.clone().unwrap_or_default();
                self.refused(job, reason);
            }
            kind if kind.starts_with("notification.") => self.settle(job, event, now),
            _ => {}
        }
    }

    fn answer(&self, state: &mut State, job: usize, now: u64) {
        state.heard = Instant::now();
        if set(&mut state.answered, job) {
            state.numbers.accepted.add(1, now);
            if let Some(took) = self.took(job, now) {
                state.numbers.to_accepted.saturating_record(took);
            }
        }
    }

    fn settle(&self, job: usize, event: &FeedEvent, now: u64) {
        let position: Option<usize> = event.data.reference.as_deref().and_then(|r| r.parse().ok());
        let Some(position) = position.filter(|one| (1..=self.recipe.recipients).contains(one))
        else {
            return;
        };
        let Some(status) = event.data.status.as_deref() else {
            return;
        };
        let is_settled = Status::from_word(status).is_none_or(Status::is_settled);
        let mut state = self.state.lock();
        state.heard = Instant::now();
        if !is_settled {
            return;
        }
        if set(
            &mut state.settled,
            job * self.recipe.recipients + position - 1,
        ) {
            state.numbers.settled.add(1, now);
            let count = state.numbers.statuses.entry(status.to_owned());
            *count.or_default() += 1;
            if let Some(took) = self.took(job, now) {
                state.numbers.to_settled.saturating_record(took);
            }
        } else {
            state.numbers.corrections += 1;
        }
    }

    fn took(&self, job: usize, now: u64) -> Option<u64> {
        let left = self.published_at.get(job)?.load(Ordering::Relaxed);
        (left != NEVER).then(|| now.saturating_sub(left))
    }

    fn now(&self) -> u64 {
        micros(self.started.elapsed())
    }
}

/// Whole microseconds.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn bits(count: usize) -> Vec<u64> {
    vec![0; count.div_ceil(64)]
}

/// Sets a bit; true if it was not set before.
fn set(bits: &mut [u64], index: usize) -> bool {
    let Some(word) = bits.get_mut(index / 64) else {
        return false;
    };
    let bit = 1 << (index % 64);
    let is_new = *word & bit == 0;
    *word |= bit;
    is_new
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::bench::options::Share;
    use crate::domain::kinds::Lane;

    fn book() -> Book {
        let recipe = Recipe {
            run: "bench-x".to_owned(),
            recipients: 2,
            sms: Share::parse("50%").unwrap(),
            parts: 1,
            lane: Lane::Normal,
        };
        Book::new(recipe, 2).unwrap()
    }

    fn event(kind: &str, job: &str, data: serde_json::Value) -> FeedEvent {
        let text = json!({
            "type": format!("no.budstikke.{kind}"), "subject": job, "sequence": "1", "data": data,
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn events_are_matched_with_what_was_published_and_counted_once() {
        let book = book();
        book.leaving(1);
        book.published(1);
        book.heard(&event(
            "job.accepted",
            "bench-x-1",
            json!({"job": "bench-x-1"}),
        ));
        let sent = json!({"ref": "2", "status": "sent"});
        book.heard(&event("notification.sent", "bench-x-1", sent));
        let delivered = json!({"ref": "2", "status": "delivered"});
        book.heard(&event("notification.delivered", "bench-x-1", delivered));
        let numbers = book.numbers();
        let counts = book.counts();
        assert_eq!(
            (counts.published, counts.accepted, counts.settled),
            (1, 1, 1)
        );
        assert_eq!(numbers.statuses, BTreeMap::from([("sent".to_owned(), 1)]));
        assert_eq!(numbers.corrections, 1);
        assert_eq!(
            (numbers.to_accepted.len(), numbers.to_settled.len()),
            (1, 1)
        );
    }

    #[test]
    fn what_belongs_to_another_run_or_to_nothing_is_passed_over() {
        let book = book();
        let sent = |reference: &str| json!({"ref": reference, "status": "sent"});
        book.heard(&event("notification.sent", "bench-y-1", sent("1")));
        book.heard(&event("notification.sent", "bench-x-9", sent("1")));
        book.heard(&event("notification.sent", "bench-x-1", sent("3")));
        book.heard(&event("notification.sent", "bench-x-1", sent("row")));
        book.heard(&event("job.accepted", "letter-1", json!({})));
        assert_eq!(book.counts(), Counts::default());
    }

    #[test]
    fn a_refused_job_is_an_answer_with_its_reason() {
        let book = book();
        book.heard(&event(
            "job.rejected",
            "bench-x-0",
            json!({"reason": "invalid"}),
        ));
        assert_eq!(book.counts().rejected, 1);
        assert_eq!(book.numbers().rejection.as_deref(), Some("invalid"));
    }
}
