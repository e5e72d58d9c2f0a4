//! Delivery reports on their way to whoever wants them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::callback::call;
use super::counters::Counters;
use super::dice::{Throw, unit, within};
use super::handler::key;
use super::inbox::Taken;
use super::knobs::{Fate, Knobs, Reports};
use crate::adapters::sms::wire::GatewayKind;

/// Reports on the wire at once.
const AT_ONCE: usize = 32;
/// How often one report is tried.
const TRIES: u32 = 10;

/// Sends reports in the background.
#[derive(Debug, Clone)]
pub(super) struct Reporter {
    counters: Counters,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

/// What a report says.
#[derive(Debug, Clone, Copy)]
enum Word {
    Accepted,
    Delivered,
    Failed,
    Expired,
}

impl Word {
    const fn json(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    const fn kannel(self) -> &'static str {
        match self {
            Self::Accepted => "8",
            Self::Delivered => "1",
            Self::Failed => "2",
            Self::Expired => "34",
        }
    }
}

impl Reporter {
    pub(super) fn new(counters: Counters, tasks: TaskTracker, closing: CancellationToken) -> Self {
        Self {
            counters,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            tasks,
            closing,
        }
    }

    /// Plans the reports of a message; returns at once, unless chance wants the report to be there
    /// before the answer.
    pub(super) async fn report(
        &self,
        knobs: &Arc<Knobs>,
        taken: &Taken,
        own_url: Option<String>,
        times: u32,
    ) {
        let Some(reports) = &knobs.reports else {
            return;
        };
        let Some(url) = own_url.or_else(|| reports.url.clone()) else {
            return;
        };
        let key = key(taken);
        let dice = |throw| unit(knobs.seed, &key, times, throw);
        let last = match fate(reports, taken, dice(Throw::Fate)) {
            Fate::Delivered => Word::Delivered,
            Fate::Failed => Word::Failed,
            Fate::Expired => Word::Expired,
            Fate::Silent => return,
        };
        let mut words = vec![last];
        if dice(Throw::Twice) < reports.twice {
            words.push(last);
        }
        if dice(Throw::Reversed) < reports.reversed {
            words.push(Word::Accepted);
        }
        let early = dice(Throw::Early) < reports.early;
        let delay = within(reports.after, dice(Throw::Delay));
        let reporter = self.clone();
        let taken = taken.clone();
        let sending = async move {
            if !early {
                tokio::time::sleep(delay).await;
            }
            for word in words {
                reporter.send(&url, &taken, word).await;
            }
        };
        let closing = self.closing.clone();
        let task = self.tasks.spawn(async move {
            closing.run_until_cancelled(sending).await;
        });
        if early && let Err(error) = task.await {
            tracing::warn!(%error, "a report of the sandbox SMS gateway failed");
        }
    }

    async fn send(&self, url: &str, taken: &Taken, word: Word) {
        let (target, body) = match taken.kind {
            GatewayKind::Json => {
                let report = json!({
                    "id": taken.id,
                    "reference": taken.reference,
                    "status": word.json(),
                });
                (url.to_owned(), Some(report.to_string()))
            }
            GatewayKind::Kannel => (url.replace("%d", word.kannel()).replace("%%", "%"), None),
        };
        for times in 0..TRIES {
            if times > 0 {
                tokio::time::sleep(Duration::from_millis(100 << times.min(6))).await;
            }
            let Ok(_place) = self.places.acquire().await else {
                return;
            };
            match call(&target, body.as_deref()).await {
                Ok(200..=299) => {
                    self.counters.count_reported();
                    return;
                }
                // It will not be liked better the next time.
                Ok(400..=499) => break,
                Ok(_) | Err(_) => {}
            }
        }
        self.counters.count_report_lost();
    }
}

fn fate(reports: &Reports, taken: &Taken, throw: f64) -> Fate {
    if let Some(fate) = reports.fate.as_ref().and_then(|pick| pick.decide(taken)) {
        return fate;
    }
    let Reports {
        failed,
        expired,
        silent,
        ..
    } = reports;
    if throw < *failed {
        Fate::Failed
    } else if throw < failed + expired {
        Fate::Expired
    } else if throw < failed + expired + silent {
        Fate::Silent
    } else {
        Fate::Delivered
    }
}
