//! Takes jobs in, from the broker and over HTTP: read, checked whole, stored in one transaction for
//! whatever has arrived meanwhile, then answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;

use crate::domain::event::{self, NewEvent, Problem};
use crate::domain::ids::{AgencyNo, JobName, Reference};
use crate::domain::job::{Job, KnownTexts, ParseRules, parse_knowing};
use crate::domain::kinds::Lane;
use crate::domain::status::Reason;
use crate::domain::time::Timestamp;
use crate::ports::store::{Acceptance, JobView, NewJob, StoreError};
use crate::telemetry::record;

use super::audience::residents;
use super::deps::{Agency, Deps};
use super::new_job::{new_job, view};

/// Jobs in one transaction at most.
pub const BATCH: usize = 500;
/// Recipients in one transaction, about: a batch is closed once it holds so many.
const RECIPIENTS: usize = 10_000;
/// A job of so many recipients takes milliseconds to read.
const MANY: usize = 500;
/// HTTP requests that may wait to be stored.
const WAITING: usize = 1_000;

/// A job as it was offered.
#[derive(Debug, Clone)]
pub struct Offer {
    /// By whom.
    pub agency: Arc<Agency>,
    /// The JSON as it came.
    pub body: Bytes,
    /// The lane of the queue it came by; `None` over HTTP.
    pub lane: Option<Lane>,
}

/// What became of an offer. Whatever it is, the agency has been (or will be) told by an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Stored.
    Accepted(JobView),
    /// Stored before with the same content.
    Repeated(JobView),
    /// Another content is stored under the same name.
    Conflict(JobName),
    /// Not a valid job.
    Rejected {
        /// Its name, if that much could be read.
        job: Option<JobName>,
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
    },
}

/// A body that is no job to be stored: its name, if that much could be read, and what is wrong.
type Unreadable = (Option<JobName>, Vec<Problem>);

/// Takes jobs in.
#[derive(Debug, Clone)]
pub struct Intake {
    deps: Arc<Deps>,
    queue: mpsc::Sender<(Offer, oneshot::Sender<Result<Answer, Busy>>)>,
    texts: Arc<Mutex<KnownTexts>>,
}

/// The store did not take the job; nothing of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the job could not be stored just now; send it again")]
pub struct Busy;

/// The loop that stores what came over HTTP.
#[derive(Debug)]
pub struct IntakeLoop {
    intake: Intake,
    queue: mpsc::Receiver<(Offer, oneshot::Sender<Result<Answer, Busy>>)>,
}

/// An intake and the loop behind [`Intake::offer`].
pub fn intake(deps: Arc<Deps>) -> (Intake, IntakeLoop) {
    let (sender, queue) = mpsc::channel(WAITING);
    let intake = Intake {
        deps,
        queue: sender,
        texts: Arc::default(),
    };
    (intake.clone(), IntakeLoop { intake, queue })
}

impl IntakeLoop {
    /// Stores until stopping is asked for; requests that still wait are answered with [`Busy`].
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                () = self.intake.deps.stop.cancelled() => return,
                taken = self.queue.recv_many(&mut batch, BATCH) => if taken == 0 { return },
            }
            let (offers, replies): (Vec<_>, Vec<_>) =
                std::mem::take(&mut batch).into_iter().unzip();
            match self.intake.store(offers).await {
                Ok(answers) => {
                    for (reply, answer) in replies.into_iter().zip(answers) {
                        // Nobody waits any more: the job is stored all the same.
                        drop(reply.send(Ok(answer)));
                    }
                }
                Err(error) => {
                    record::store_error("accept");
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot store jobs"
                    );
                    for reply in replies {
                        drop(reply.send(Err(Busy)));
                    }
                }
            }
        }
    }
}

impl Intake {
    /// Offers one job and waits until it is stored or refused.
    ///
    /// # Errors
    /// [`Busy`]: it is not stored.
    pub async fn offer(&self, offer: Offer) -> Result<Answer, Busy> {
        let (sender, answer) = oneshot::channel();
        self.queue
            .send((offer, sender))
            .await
            .map_err(|_closed| Busy)?;
        answer.await.map_err(|_closed| Busy)?
    }

    /// Reads, checks and stores jobs; the answers are in the order of the offers.
    ///
    /// # Errors
    /// [`StoreError`]: some of them may be stored, none is answered; offering them again is safe.
    pub async fn store(&self, offers: Vec<Offer>) -> Result<Vec<Answer>, StoreError> {
        let now = self.deps.clock.now();
        let mut answers: Vec<Option<Answer>> = Vec::with_capacity(offers.len());
        let mut jobs: Vec<(usize, NewJob)> = Vec::new();
        let mut recipients = 0;
        let mut told = Vec::new();
        for (index, offer) in offers.into_iter().enumerate() {
            let read = match self.read(&offer) {
                Ok(job) => self.admit(job, now, &offer.agency).await?,
                Err(rejected) => Err(rejected),
            };
            match read {
                Ok(job) => {
                    recipients += job.job.recipients.len();
                    if job.job.recipients.len() >= MANY {
                        // Others have slots to keep.
                        yield_now().await;
                    }
                    jobs.push((index, job));
                    answers.push(None);
                }
                Err((name, problems)) => {
                    record::jobs("rejected");
                    told.push(event::job_rejected(
                        offer.agency.no,
                        name.as_ref(),
                        now,
                        Reason::Invalid,
                        &problems,
                    ));
                    answers.push(Some(Answer::Rejected {
                        job: name,
                        problems,
                    }));
                }
            }
            if recipients >= RECIPIENTS {
                self.accept(std::mem::take(&mut jobs), &mut answers).await?;
                recipients = 0;
            }
        }
        self.accept(jobs, &mut answers).await?;
        self.tell(told).await?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// Writes events that have no other cause.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tell(&self, events: Vec<NewEvent>) -> Result<(), StoreError> {
        if !events.is_empty() {
            self.deps.store.tell(events).await?;
            self.deps.bells.events.notify_waiters();
        }
        Ok(())
    }

    async fn accept(
        &self,
        jobs: Vec<(usize, NewJob)>,
        answers: &mut [Option<Answer>],
    ) -> Result<(), StoreError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let mut new = Vec::with_capacity(jobs.len());
        let mut views = Vec::with_capacity(jobs.len());
        for (index, job) in jobs {
            views.push((index, job.agency, view(&job)));
            new.push(job);
        }
        let accepted = self.deps.store.accept(new).await?;
        for ((index, agency, mut view), acceptance) in views.into_iter().zip(accepted) {
            answers[index] = Some(match acceptance {
                Acceptance::Accepted {
                    urgent_over_quota, ..
                } => {
                    record::jobs("accepted");
                    self.over_quota(agency, &mut view, urgent_over_quota);
                    Answer::Accepted(view)
                }
                Acceptance::Repeated(view) => {
                    record::jobs("repeated");
                    Answer::Repeated(view)
                }
                Acceptance::Conflict => {
                    record::jobs("conflict");
                    Answer::Conflict(view.name)
                }
            });
        }
        self.deps.bells.due.notify_waiters();
        self.deps.bells.events.notify_waiters();
        Ok(())
    }

    /// Some of the job's recipients are over the urgent quota.
    fn over_quota(&self, agency: AgencyNo, view: &mut JobView, recipients: u64) {
        if recipients == 0 {
            return;
        }
        view.urgent_over_quota = recipients;
        if recipients == view.recipients {
            view.lane = Lane::Normal;
        }
        if let Some(agency) = self.deps.directory.by_no(agency) {
            record::urgent_over_quota(&agency.id, recipients);
        }
    }

    /// What the present says of a job: one that has expired is refused, and one for a street where
    /// nobody can be told; unless it is a repeat of one that was stored when it could be.
    async fn admit(
        &self,
        mut job: Job,
        now: Timestamp,
        agency: &Agency,
    ) -> Result<Result<NewJob, Unreadable>, StoreError> {
        let mut problem = None;
        if job.rules.expires.is_some_and(|expires| expires <= now) {
            problem = Some(Problem {
                pointer: "/expires".to_owned(),
                problem: "is in the past: nothing could be sent any more".to_owned(),
            });
        } else if let Some(audience) = &job.rules.audience {
            let population = self.deps.population.as_ref();
            match residents(population, audience, now).await {
                Ok(Ok(recipients)) => job.recipients = recipients,
                Ok(Err(nobody)) => problem = Some(nobody),
                Err(away) => return Err(StoreError::Unavailable(Box::new(away))),
            }
        }
        match problem {
            Some(problem) if self.deps.store.job(agency.no, &job.name).await?.is_none() => {
                Ok(Err((Some(job.name), vec![problem])))
            }
            Some(_) | None => Ok(Ok(new_job(job, now, agency))),
        }
    }

    fn read(&self, offer: &Offer) -> Result<Job, Unreadable> {
        let rules = ParseRules {
            allow_synthetic: self.deps.policy.allow_synthetic,
            classes: &offer.agency.classes,
            lane_of_queue: offer.lane,
            municipality: offer.agency.municipality.as_deref(),
            // A repeat may come after the job expired and is answered all the same: see `admit`.
            now: Timestamp(0),
        };
        let read = parse_knowing(&mut self.texts.lock(), &offer.body, &rules);
        read.map_err(|rejected| (rejected.job, rejected.problems))
    }
}

impl Intake {
    /// Cancels a job of the agency; `None`: it has none of that name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cancel(
        &self,
        agency: &Agency,
        job: &JobName,
    ) -> Result<Option<JobView>, StoreError> {
        let view = self
            .deps
            .store
            .cancel(agency.no, job, self.deps.clock.now())
            .await?;
        self.deps.bells.events.notify_waiters();
        Ok(view)
    }

    /// Notes that a letter was opened; `false`: the agency has no such job or reference.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn opened(
        &self,
        agency: &Agency,
        job: &JobName,
        reference: &Reference,
    ) -> Result<bool, StoreError> {
        let known = self
            .deps
            .store
            .mark_opened(agency.no, job, reference, self.deps.clock.now())
            .await?;
        self.deps.bells.events.notify_waiters();
        Ok(known)
    }

    /// How long a caller should wait before it offers again.
    pub const fn try_again_in() -> Duration {
        Duration::from_secs(2)
    }
}
