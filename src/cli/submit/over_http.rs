//! Jobs over HTTP: a few at a time, again when the API is busy, and no further once it is clear that
//! none can go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use indicatif::ProgressBar;

use super::check::Ready;
use crate::adapters::api_client::client::Taken;
use crate::adapters::api_client::wire::JobAnswer;
use crate::adapters::api_client::{ApiClient, ApiError};

/// Requests in flight.
const AT_ONCE: usize = 4;
/// How often a job is offered.
const ATTEMPTS: u32 = 8;
/// The longest pause between two offers.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What became of an offer; `None`: it was not made.
pub(super) type Offered = Option<Result<(Taken, JobAnswer), ApiError>>;

struct Offering<'a> {
    client: &'a ApiClient,
    /// Somebody has answered: what cannot be reached now was there before.
    answered: AtomicBool,
    stopped: AtomicBool,
}

/// Offers all jobs; the answers stand in the order of the jobs.
pub(super) async fn send(client: &ApiClient, jobs: &[Ready], bar: &ProgressBar) -> Vec<Offered> {
    let offering = Offering {
        client,
        answered: AtomicBool::new(false),
        stopped: AtomicBool::new(false),
    };
    let offers = jobs.iter().map(|job| {
        let offering = &offering;
        async move {
            let offered = offering.offer(job).await;
            bar.inc(job.recipients as u64);
            offered
        }
    });
    futures::stream::iter(offers)
        .buffered(AT_ONCE)
        .collect()
        .await
}

impl Offering<'_> {
    async fn offer(&self, job: &Ready) -> Offered {
        let mut pause = Duration::from_millis(250);
        for attempt in 1.. {
            if self.stopped.load(Ordering::Relaxed) {
                return None;
            }
            let error = match self.client.enqueue(job.body.clone()).await {
                Ok(answer) => {
                    self.answered.store(true, Ordering::Relaxed);
                    return Some(Ok(answer));
                }
                Err(error) => error,
            };
            let was_there = self.answered.load(Ordering::Relaxed);
            let may_pass = error.is_passing() || (was_there && error.is_out_of_reach());
            if !may_pass || attempt == ATTEMPTS {
                if !error.is_about_the_job() {
                    self.stopped.store(true, Ordering::Relaxed);
                }
                return Some(Err(error));
            }
            let asked = error.retry_after().unwrap_or_default();
            tokio::time::sleep(pause.max(asked).min(LONGEST_PAUSE)).await;
            pause *= 2;
        }
        None
    }
}
