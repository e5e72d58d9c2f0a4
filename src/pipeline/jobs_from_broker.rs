//! Takes messages from the broker: acknowledged only after what they ask for is committed.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::domain::event::{self, NewEvent};
use crate::domain::ids::{JobName, Reference};
use crate::domain::status::Reason;
use crate::ports::job_source::{Handle, Incoming, JobSource, MessageKind, Refusal, SourceError};
use crate::ports::store::StoreError;
use crate::telemetry::record;

use super::deps::{Agency, Deps};
use super::intake::{BATCH, Intake, Offer};

/// Two queues and several workers: a cancel may overtake its job, and its agency is told.
const NOTHING_CANCELLED: &str = "nothing is cancelled: there is no job of this id; should it come \
    later, it is sent unless it is cancelled again";

/// So many messages that ask something of a job are answered at once.
const REQUESTS: usize = 8;

/// The loop between broker and intake.
#[derive(Debug)]
pub struct BrokerIntake {
    deps: Arc<Deps>,
    intake: Intake,
    source: Arc<dyn JobSource>,
    /// How many wait for the store: from the first to the last of them the source is paused.
    waiting: Mutex<usize>,
}

#[derive(Deserialize)]
struct CancelBody {
    job: JobName,
}

#[derive(Deserialize)]
struct OpenedBody {
    job: JobName,
    #[serde(rename = "ref")]
    reference: Reference,
}

/// Reads the body of a message of type `cancel`.
pub fn read_cancel(body: &[u8]) -> Option<JobName> {
    let CancelBody { job } = serde_json::from_slice(body).ok()?;
    Some(job)
}

/// Reads the body of a message of type `opened`.
pub fn read_opened(body: &[u8]) -> Option<(JobName, Reference)> {
    let OpenedBody { job, reference } = serde_json::from_slice(body).ok()?;
    Some((job, reference))
}

/// A batch, sorted by what must be done with it.
#[derive(Debug, Default)]
struct Sorted {
    jobs: Vec<(Offer, Handle)>,
    requests: Vec<(Arc<Agency>, MessageKind, bytes::Bytes, Handle)>,
    refused: Vec<(Refusal, Handle)>,
}

impl BrokerIntake {
    /// Over a source.
    pub fn new(deps: Arc<Deps>, intake: Intake, source: Arc<dyn JobSource>) -> Self {
        Self {
            deps,
            intake,
            source,
            waiting: Mutex::new(0),
        }
    }

    /// Takes messages until the source is stopped.
    ///
    /// # Errors
    /// [`SourceError`] when the broker refuses us for good.
    pub async fn run(self) -> Result<(), SourceError> {
        loop {
            let batch = self.source.next(BATCH).await?;
            if batch.is_empty() {
                return Ok(());
            }
            self.take(batch).await;
        }
    }

    async fn take(&self, batch: Vec<Incoming>) {
        let Sorted {
            jobs,
            requests,
            refused,
        } = self.sort(batch);
        let (offers, handles): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
        if !offers.is_empty() {
            self.until_stored(|| self.intake.store(offers.clone()))
                .await;
            self.source.ack_all(handles).await;
        }
        // Some at the same time: many of one agency should not hold the others' jobs up for long.
        futures::stream::iter(requests)
            .for_each_concurrent(REQUESTS, async |(agency, kind, body, handle)| {
                self.request(&agency, kind, &body).await;
                self.source.ack_all(vec![handle]).await;
            })
            .await;
        let told: Vec<_> = (refused.iter())
            .filter_map(|(refusal, _)| self.refused(refusal))
            .collect();
        if !told.is_empty() {
            self.until_stored(|| self.intake.tell(told.clone())).await;
        }
        for (refusal, Handle(handle)) in refused {
            handle.dead_letter(&refusal.reason).await;
        }
    }

    fn sort(&self, batch: Vec<Incoming>) -> Sorted {
        let mut sorted = Sorted::default();
        for Incoming {
            sender,
            lane,
            kind,
            body,
            handle,
        } in batch
        {
            let agency = match sender {
                Ok(id) => self.deps.directory.by_id(&id).cloned().ok_or(Refusal {
                    reason: format!("agency {id} is not configured here"),
                    tell: None,
                    code: Reason::Unauthenticated,
                }),
                Err(refusal) => Err(refusal),
            };
            match (agency, kind) {
                (Ok(agency), MessageKind::Job) => {
                    sorted.jobs.push((
                        Offer {
                            agency,
                            body,
                            lane: Some(lane),
                        },
                        handle,
                    ));
                }
                (Ok(agency), MessageKind::Cancel | MessageKind::Opened) => {
                    sorted.requests.push((agency, kind, body, handle));
                }
                (Err(refusal), _) => sorted.refused.push((refusal, handle)),
            }
        }
        sorted
    }

    /// Tries until the store takes it. Meanwhile the broker gives us nothing more: what is in
    /// hand stays unacknowledged, and the source is paused.
    async fn until_stored<T, F>(&self, mut work: impl FnMut() -> F) -> T
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut pause = Duration::from_millis(50);
        let mut waits = false;
        loop {
            match work().await {
                Ok(done) => {
                    if waits {
                        let mut waiting = self.waiting.lock().await;
                        *waiting -= 1;
                        if *waiting == 0 {
                            self.source.resume().await;
                        }
                    }
                    return done;
                }
                Err(error) => {
                    record::store_error("accept");
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot store what the broker gave; keeping it"
                    );
                    if !waits {
                        waits = true;
                        let mut waiting = self.waiting.lock().await;
                        *waiting += 1;
                        if *waiting == 1 {
                            self.source.pause().await;
                        }
                    }
                    self.deps.clock.sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
            }
        }
    }

    async fn request(&self, agency: &Agency, kind: MessageKind, body: &[u8]) {
        match kind {
            MessageKind::Cancel => match read_cancel(body) {
                Some(job) => {
                    let known = self.until_stored(|| self.intake.cancel(agency, &job)).await;
                    if known.is_none() {
                        self.reject(agency, Some(&job), "/job", NOTHING_CANCELLED)
                            .await;
                    }
                }
                None => {
                    self.reject(agency, None, "", "a cancel message is {\"job\": id}")
                        .await;
                }
            },
            MessageKind::Opened => match read_opened(body) {
                Some((job, reference)) => {
                    let known = self
                        .until_stored(|| self.intake.opened(agency, &job, &reference))
                        .await;
                    if !known {
                        let problem = "there is no such job, or no such recipient in it";
                        self.reject(agency, Some(&job), "/ref", problem).await;
                    }
                }
                None => {
                    let problem = "an opened message is {\"job\": id, \"ref\": reference}";
                    self.reject(agency, None, "", problem).await;
                }
            },
            MessageKind::Job => {}
        }
    }

    async fn reject(&self, agency: &Agency, job: Option<&JobName>, pointer: &str, problem: &str) {
        let problem = event::Problem {
            pointer: pointer.to_owned(),
            problem: problem.to_owned(),
        };
        let event = event::job_rejected(
            agency.no,
            job,
            self.deps.clock.now(),
            Reason::Invalid,
            std::slice::from_ref(&problem),
        );
        self.until_stored(|| self.intake.tell(vec![event.clone()]))
            .await;
    }

    /// What the agency is told of a message that is refused, if it is known whose it is.
    fn refused(&self, refusal: &Refusal) -> Option<NewEvent> {
        record::jobs(if refusal.code == Reason::Invalid {
            "rejected"
        } else {
            "unauthenticated"
        });
        tracing::warn!(reason = %refusal.reason, "a message from the broker is refused");
        let agency = self.deps.directory.by_id(refusal.tell.as_ref()?)?;
        let problem = event::Problem {
            pointer: String::new(),
            problem: refusal.reason.clone(),
        };
        let problems = std::slice::from_ref(&problem);
        let now = self.deps.clock.now();
        Some(event::job_rejected(
            agency.no,
            None,
            now,
            refusal.code,
            problems,
        ))
    }
}
