//! Agencies that publish all the time, and publish again what was not taken.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::book::{Book, Promise};
use crate::parts::api::Api;
use crate::parts::fleet::Fleet;
use crate::parts::load::Load;

/// The pause between two jobs of an agency.
const PAUSE: Duration = Duration::from_millis(120);

/// The most recipients of a job.
const MOST: usize = 7;

/// An agency that publishes until it is told to stop.
#[derive(Debug)]
pub(crate) struct Publisher {
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Publisher {
    /// Publishes over the broker, and every fifth job over HTTP.
    ///
    /// # Errors
    /// The agency has no way in.
    pub(crate) async fn start(
        fleet: &Fleet,
        book: &Arc<Book>,
        agency: &'static str,
        salt: usize,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let load = Load::connect(fleet, agency).await?;
        let api = fleet.api(agency).await?;
        let stop = CancellationToken::new();
        let (told, book) = (stop.clone(), Arc::clone(book));
        let mut dice = StdRng::seed_from_u64(seed ^ salt as u64);
        let task = tokio::spawn(async move {
            let mut number = 0;
            while !told.is_cancelled() {
                let promise = Promise::new(agency, number, dice.random_range(1..=MOST), salt);
                until_taken(&load, &api, &promise, number).await;
                book.promised(promise);
                number += 1;
                tokio::time::sleep(PAUSE).await;
            }
        });
        Ok(Self {
            stop,
            task: AbortOnDropHandle::new(task),
        })
    }

    /// Stops after the job in hand; false if that one was never taken.
    pub(crate) async fn stop(self, limit: Duration) -> bool {
        self.stop.cancel();
        tokio::time::timeout(limit, self.task)
            .await
            .is_ok_and(|ended| ended.is_ok())
    }
}

/// The same job twice is one job, so it is published until somebody confirms it.
async fn until_taken(load: &Load, api: &Api, promise: &Promise, number: usize) {
    let over_http = number % 5 == 4;
    loop {
        let taken = if over_http {
            api.submit(&promise.body).await.map(drop)
        } else {
            load.publish(std::slice::from_ref(&promise.body)).await
        };
        if taken.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
