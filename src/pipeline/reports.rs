//! Reports that come at the same moment are taken in together: each of them is answered when it is
//! stored, and whoever stores them waits for the other results of the same agency (`stream`). So many
//! gateways' calls at once become few transactions.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use crate::domain::receipt::{Receipt, ReceiptKey};

/// So many are being stored at once in one process, so that a slow one leaves the others going.
const AT_ONCE: usize = 4;

/// Receipts that are stored together at most, unless one report holds more.
const RECEIPTS: usize = 500;

/// Reports on their way.
#[derive(Debug)]
pub(super) struct Reports {
    waiting: Mutex<Vec<Report>>,
    turns: Semaphore,
}

/// One call of a gateway.
#[derive(Debug)]
struct Report {
    gateway: String,
    receipts: Arc<[Receipt]>,
    /// Dropped unanswered: it is to be stored alone.
    answer: oneshot::Sender<Answer>,
}

/// What came of a report that somebody else took along.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Stored,
    Away,
}

/// What is to be done about a report.
#[derive(Debug)]
pub(super) enum Turn<'a> {
    /// Nothing: somebody else has stored it.
    Stored,
    /// Nothing: somebody else was just told that the store cannot be reached.
    Away,
    /// These are to be stored, it among them.
    Store(Together<'a>),
    /// Somebody else could not store it with others: it goes alone.
    Alone,
}

impl Turn<'_> {
    const fn of(answer: Result<Answer, oneshot::error::RecvError>) -> Self {
        match answer {
            Ok(Answer::Stored) => Self::Stored,
            Ok(Answer::Away) => Self::Away,
            Err(_dropped) => Self::Alone,
        }
    }
}

/// Reports of one gateway that are stored together.
#[derive(Debug)]
pub(super) struct Together<'a> {
    reports: Vec<Report>,
    _turn: SemaphorePermit<'a>,
}

impl Together<'_> {
    /// Everything that they say, in the order in which they came.
    pub(super) fn receipts(&self) -> Vec<Receipt> {
        let receipts = self.reports.iter().flat_map(|one| one.receipts.iter());
        receipts.cloned().collect()
    }

    /// They are stored. Without this or [`Together::away`] everybody tries alone.
    pub(super) fn stored(self) {
        self.answer(Answer::Stored);
    }

    /// The store cannot be reached: nobody else waits as long to be told the same.
    pub(super) fn away(self) {
        self.answer(Answer::Away);
    }

    fn answer(self, answer: Answer) {
        for report in self.reports {
            // Whoever hung up sends it again.
            report.answer.send(answer).ok();
        }
    }
}

impl Default for Reports {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
        }
    }
}

impl Reports {
    /// What whoever brings a report has to do about it.
    pub(super) async fn turn(&self, gateway: &str, receipts: &Arc<[Receipt]>) -> Turn<'_> {
        let (answers, mut answer) = oneshot::channel();
        self.waiting.lock().push(Report {
            gateway: gateway.to_owned(),
            receipts: Arc::clone(receipts),
            answer: answers,
        });
        let turn = tokio::select! {
            biased;
            answer = &mut answer => return Turn::of(answer),
            turn = self.turns.acquire() => turn,
        };
        match (turn, self.together(gateway, receipts)) {
            (Ok(turn), Some(reports)) => Turn::Store(Together {
                reports,
                _turn: turn,
            }),
            (turn, _) => {
                drop(turn);
                Turn::of(answer.await)
            }
        }
    }

    /// This report and others of its gateway that wait, in the order in which they came; no two about
    /// the same message, because the later one goes by what the earlier one made of it. `None`:
    /// somebody else is storing it.
    fn together(&self, gateway: &str, receipts: &Arc<[Receipt]>) -> Option<Vec<Report>> {
        let mut waiting = self.waiting.lock();
        let is_mine = |report: &Report| Arc::ptr_eq(&report.receipts, receipts);
        // Whoever hung up sends it again; then it may not come after what was said meanwhile.
        waiting.retain(|report| is_mine(report) || !report.answer.is_closed());
        waiting.iter().find(|report| is_mine(report))?;
        let keys = |receipts: &[Receipt]| receipts.iter().map(|one| one.key.clone()).collect();
        let mut known: HashSet<ReceiptKey> = keys(receipts);
        let goes = |report: &mut Report| {
            if is_mine(report) {
                return true;
            }
            let others: HashSet<ReceiptKey> = keys(&report.receipts);
            let goes = report.gateway == gateway
                && known.len() + others.len() <= RECEIPTS
                && known.is_disjoint(&others);
            if goes {
                known.extend(others);
            }
            goes
        };
        Some(waiting.extract_if(.., goes).collect())
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::domain::receipt::ReceiptStatus;

    fn receipts(key: &str) -> Arc<[Receipt]> {
        let receipt = Receipt {
            key: ReceiptKey::ProviderReference(key.to_owned()),
            status: ReceiptStatus::Delivered,
            code: None,
            at: None,
        };
        vec![receipt].into()
    }

    /// A store that notes how many it was given at once, and refuses what is about `poison`, or all
    /// when it is away.
    #[derive(Default)]
    struct Store {
        reports: Reports,
        given: Mutex<Vec<usize>>,
        poison: Option<ReceiptKey>,
        away: bool,
    }

    impl Store {
        async fn store(&self, all: Vec<Receipt>) -> bool {
            tokio::task::yield_now().await;
            self.given.lock().push(all.len());
            !self.away && all.iter().all(|one| Some(&one.key) != self.poison.as_ref())
        }

        async fn take(&self, key: String) -> bool {
            let receipts = receipts(&key);
            match self.reports.turn("gateway", &receipts).await {
                Turn::Stored => true,
                Turn::Away => false,
                Turn::Alone => self.store(receipts.to_vec()).await,
                Turn::Store(together) => {
                    if self.store(together.receipts()).await {
                        together.stored();
                        return true;
                    }
                    if self.away {
                        together.away();
                        return false;
                    }
                    drop(together);
                    self.store(receipts.to_vec()).await
                }
            }
        }
    }

    #[tokio::test]
    async fn what_comes_at_the_same_moment_is_stored_together_and_each_once() {
        let store = Store::default();
        let calls = (0..40).map(|n| store.take(n.to_string()));
        assert_eq!(join_all(calls).await, [true; 40]);
        let given = store.given.into_inner();
        assert_eq!(given.iter().sum::<usize>(), 40);
        assert!(given.len() <= AT_ONCE + 1, "{given:?}");
    }

    #[tokio::test]
    async fn two_about_one_message_are_not_stored_together() {
        let store = Store::default();
        let calls = (0..3).map(|_| store.take("one".to_owned()));
        assert_eq!(join_all(calls).await, [true; 3]);
        assert_eq!(store.given.into_inner(), [1, 1, 1]);
    }

    #[tokio::test]
    async fn when_it_fails_everybody_tries_alone() {
        let store = Store {
            poison: Some(ReceiptKey::ProviderReference("7".to_owned())),
            ..Store::default()
        };
        let answers = join_all((0..20).map(|n| store.take(n.to_string()))).await;
        let failed: Vec<usize> = (0..20).filter(|n| !answers[*n]).collect();
        assert_eq!(failed, [7]);
    }

    #[tokio::test]
    async fn when_the_store_is_away_nobody_asks_it_again() {
        let store = Store {
            away: true,
            ..Store::default()
        };
        let answers = join_all((0..40).map(|n| store.take(n.to_string()))).await;
        assert_eq!(answers, [false; 40]);
        let given = store.given.into_inner();
        assert_eq!(given.iter().sum::<usize>(), 40, "{given:?}");
        assert!(given.len() <= AT_ONCE + 1, "{given:?}");
    }
}
