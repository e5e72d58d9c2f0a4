//! Looks at the jobs until all are settled.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use futures::StreamExt as _;

use crate::adapters::api_client::wire::{JobAnswer, Totals};
use crate::adapters::api_client::{ApiClient, ApiError};
use crate::cli::progress;
use crate::domain::ids::JobName;

/// Requests in flight.
const AT_ONCE: usize = 4;
/// The first pause between two looks, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// How long the API may be away, and how long a job over the broker may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the jobs are known to be; filled while they are followed, so that it is there when somebody
/// stops waiting.
pub(super) type Known = BTreeMap<JobName, JobAnswer>;

/// Returns once all jobs are settled.
///
/// # Errors
/// The API is away, or does not know a job, for longer than a minute; or it refuses.
pub(super) async fn until_settled(
    client: &ApiClient,
    jobs: &[JobName],
    known: &mut Known,
) -> anyhow::Result<()> {
    let bar = progress::bar(0, "settled");
    let mut pause = PAUSES.0;
    let mut trouble: Option<Instant> = None;
    loop {
        let open: Vec<&JobName> = jobs
            .iter()
            .filter(|job| known.get(*job).is_none_or(|answer| !answer.is_settled()))
            .collect();
        if open.is_empty() {
            bar.finish_and_clear();
            return Ok(());
        }
        let looks = open
            .into_iter()
            .map(|job| async move { (job, client.job(job).await) });
        let answers: Vec<_> = futures::stream::iter(looks)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut failure = None;
        for (job, answer) in answers {
            match answer {
                Ok(answer) => drop(known.insert(job.clone(), answer)),
                Err(error) => failure = Some((job, error)),
            }
        }
        trouble = match failure {
            None => None,
            Some((job, error)) => {
                let since = trouble.unwrap_or_else(Instant::now);
                give_up(job, error, since.elapsed())?;
                Some(since)
            }
        };
        let totals = sum(known);
        bar.set_length(totals.all());
        bar.set_position(totals.settled());
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(PAUSES.1);
    }
}

/// Whether it is time to give up.
fn give_up(job: &JobName, error: ApiError, trouble: Duration) -> anyhow::Result<()> {
    let may_pass = error.is_passing() || error.is_out_of_reach() || error.is_not_found();
    if may_pass && trouble < PATIENCE {
        return Ok(());
    }
    if error.is_not_found() {
        return Err(anyhow!(
            "the API does not know job {job}: it may have been refused (the agency got the event job.rejected, \
             `budstikke dead list` shows what could not be read), or another worker's database is asked"
        ));
    }
    Err(anyhow::Error::from(error)
        .context("the jobs were handed in and go on, but cannot be followed"))
}

/// The totals of all.
pub(super) fn sum(known: &Known) -> Totals {
    let mut totals = Totals::default();
    for answer in known.values() {
        totals.add(&answer.totals);
    }
    totals
}
