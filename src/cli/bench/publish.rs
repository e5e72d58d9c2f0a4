//! Offers the jobs: at a rate whether the ones before are done or not, or as fast as they are taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;

use super::book::Book;
use super::make::Made;
use super::options::Offered;
use crate::adapters::amqp::AmqpClient;
use crate::adapters::amqp::client::JobMessage;
use crate::adapters::api_client::{ApiClient, ApiError};

/// Jobs handed to the broker before their confirms are awaited, by one of the connections' tasks.
const WINDOW: usize = 100;
/// The pause before a job that the API could not take is offered again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// How often a job is offered to an API that cannot take it.
const ATTEMPTS: u32 = 20;

/// Where the jobs go.
#[derive(Debug)]
pub enum Target {
    /// `POST /v1/jobs`.
    Http(ApiClient),
    /// `budstikke.jobs`.
    Amqp(AmqpClient),
}

/// Offers the jobs of a book.
#[derive(Debug)]
pub struct Publishing {
    /// Where they go.
    pub target: Target,
    /// Where it is noted.
    pub book: Arc<Book>,
    next: AtomicUsize,
}

impl Publishing {
    /// Nothing is offered yet.
    pub const fn new(target: Target, book: Arc<Book>) -> Self {
        Self {
            target,
            book,
            next: AtomicUsize::new(0),
        }
    }

    /// Offers all jobs; `at_once` requests or windows in flight when flooding.
    ///
    /// # Errors
    /// The broker or the API cannot be used.
    pub async fn run(self: Arc<Self>, offered: Offered, at_once: usize) -> anyhow::Result<()> {
        let mut tasks = JoinSet::new();
        match offered {
            Offered::Flood => {
                for _ in 0..at_once {
                    tasks.spawn(Arc::clone(&self).flood());
                }
            }
            Offered::PerSecond(_) => self.pace(offered, &mut tasks).await?,
        }
        while let Some(done) = tasks.join_next().await {
            done.context("a task of the bench ended by itself")??;
        }
        if let Target::Amqp(client) = &self.target {
            client.close().await;
        }
        Ok(())
    }

    async fn pace(
        self: &Arc<Self>,
        offered: Offered,
        tasks: &mut JoinSet<anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let recipe = self.book.recipe();
        let started = tokio::time::Instant::now();
        for index in 0..self.book.jobs() {
            let made = recipe.job(index);
            if let Some(due) = offered.due(index, recipe.recipients) {
                tokio::time::sleep_until(started + due).await;
            }
            self.book.leaving(index);
            let this = Arc::clone(self);
            tasks.spawn(async move { this.offer(vec![made]).await });
            while let Some(done) = tasks.try_join_next() {
                done.context("a task of the bench ended by itself")??;
            }
        }
        Ok(())
    }

    async fn flood(self: Arc<Self>) -> anyhow::Result<()> {
        let size = match &self.target {
            Target::Http(_) => 1,
            // Jobs of many recipients are large: the broker confirms them one by one just as well.
            Target::Amqp(_) => (WINDOW / self.book.recipe().recipients).max(1),
        };
        loop {
            let from = self.next.fetch_add(size, Ordering::Relaxed);
            let upto = (from + size).min(self.book.jobs());
            if from >= upto {
                return Ok(());
            }
            let made: Vec<Made> = (from..upto)
                .map(|index| self.book.recipe().job(index))
                .collect();
            for one in &made {
                self.book.leaving(one.index);
            }
            self.offer(made).await?;
        }
    }

    async fn offer(&self, made: Vec<Made>) -> anyhow::Result<()> {
        match &self.target {
            Target::Amqp(client) => {
                let lane = self.book.recipe().lane;
                let jobs: Vec<JobMessage> = made
                    .into_iter()
                    .map(|one| JobMessage {
                        lane,
                        message_id: Some(one.name),
                        body: one.body,
                    })
                    .collect();
                client
                    .submit(&jobs, |confirmed| self.book.published(confirmed as u64))
                    .await?;
            }
            Target::Http(client) => {
                for one in made {
                    self.post(client, one).await?;
                }
            }
        }
        Ok(())
    }

    async fn post(&self, client: &ApiClient, made: Made) -> anyhow::Result<()> {
        let mut pause = PAUSES.0;
        for attempt in 1.. {
            match client.enqueue(made.body.clone()).await {
                Ok(_answer) => {
                    self.book.published(1);
                    self.book.accepted(made.index);
                    return Ok(());
                }
                Err(error) if error.is_about_the_job() => {
                    self.book.published(1);
                    self.book.refused(made.index, || error.to_string());
                    return Ok(());
                }
                Err(error) if error.is_passing() && attempt < ATTEMPTS => {
                    tokio::time::sleep(wait(&error, pause)).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn wait(error: &ApiError, pause: Duration) -> Duration {
    error.retry_after().unwrap_or_default().max(pause)
}
