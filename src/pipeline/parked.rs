//! Parked receipts: those that came before their try was written, or are about nothing known.

use std::collections::HashSet;
use std::time::Duration;

use crate::domain::receipt::Receipt;
use crate::domain::time::Timestamp;
use crate::ports::clock::Monotonic;
use crate::ports::store::{ParkedReceipt, StoreError};
use crate::telemetry::record;

use super::receipts::{Receipts, TRIED_FOR};

const BATCH: u32 = 500;

/// Unmatched receipts are tried again for so long, then only kept.
const REMATCH_FOR: Duration = Duration::from_hours(24);

/// So long a parked one is looked for as far back as when it came: its try may be old, and found, and
/// somebody was just changing it. Far longer than a store is away.
const FAR_FOR: Duration = Duration::from_hours(6);

/// After that it can only be early: its try began less than so long before it came.
const TRY_FOR: Duration = Duration::from_hours(1);

/// What came so lately may find its try any moment: it is tried in every round, as is what has found
/// one that is open.
const YOUNG: Duration = Duration::from_mins(1);

/// All are tried so often: a gateway account that others use, too, may park very many that
/// never find anything.
const ALL_EVERY: Duration = Duration::from_mins(1);

/// How far all may be passed over.
#[derive(Debug)]
struct Front {
    id: i64,
    stands: bool,
}

impl Front {
    const fn at(id: i64) -> Self {
        Self { id, stands: false }
    }

    /// The next one may be passed over, or it may not, and none behind it.
    const fn pass(&mut self, id: i64, may: bool) {
        self.stands |= !may;
        if !self.stands {
            self.id = id;
        }
    }
}

/// Finds the tries of parked receipts.
#[derive(Debug)]
pub struct Parked {
    receipts: Receipts,
    /// Receipts are numbered as they come. Up to this one they are only kept.
    kept: i64,
    /// Up to this one none is tried in every round.
    seen: i64,
    all_at: Monotonic,
    last_now: Timestamp,
}

impl Parked {
    /// What `receipts` has parked.
    pub const fn new(receipts: Receipts) -> Self {
        Self {
            receipts,
            kept: 0,
            seen: 0,
            all_at: Monotonic(0),
            last_now: Timestamp(0),
        }
    }

    /// Tries parked receipts again, woken after each settling; until stopping is asked for.
    pub async fn run(mut self) {
        let deps = std::sync::Arc::clone(&self.receipts.deps);
        while !deps.stop.is_cancelled() {
            let bell = deps.bells.receipts.notified();
            if let Err(error) = self.round().await {
                record::store_error("receipts");
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot match parked receipts"
                );
            }
            if !deps.pause(Duration::from_millis(500)).await {
                return;
            }
            tokio::select! {
                biased;
                () = deps.stop.cancelled() => {}
                () = bell => {}
                () = deps.clock.sleep(Duration::from_secs(2)) => {}
            }
        }
    }

    async fn round(&mut self) -> Result<(), StoreError> {
        let clock = &self.receipts.deps.clock;
        let (now, at) = (clock.now(), clock.monotonic());
        if now < self.last_now {
            // What was old may be young again.
            (self.kept, self.seen) = (0, 0);
        }
        self.last_now = now;
        let all = at >= self.all_at;
        let mut after = if all { self.kept } else { self.seen };
        let (mut kept, mut seen) = (Front::at(after), Front::at(after));
        loop {
            let store = &self.receipts.deps.store;
            let parked = store.parked(after, BATCH).await?;
            let Some(last) = parked.last() else {
                break;
            };
            after = last.id;
            let early = self.rematch(&parked, now).await?;
            for one in &parked {
                let age = now.since(one.received_at);
                kept.pass(one.id, age >= REMATCH_FOR);
                seen.pass(one.id, age >= YOUNG && !early.contains(&one.id));
            }
        }
        self.seen = seen.id;
        if all {
            self.kept = kept.id;
            self.all_at = at.plus(ALL_EVERY);
        }
        Ok(())
    }

    /// Answers with those whose try is open.
    async fn rematch(
        &self,
        parked: &[ParkedReceipt],
        now: Timestamp,
    ) -> Result<HashSet<i64>, StoreError> {
        let mut early = HashSet::new();
        let mut gateways: Vec<&str> = parked.iter().map(|p| p.gateway.as_str()).collect();
        gateways.sort_unstable();
        gateways.dedup();
        for gateway in gateways {
            let of_gateway: Vec<&ParkedReceipt> = parked
                .iter()
                .filter(|p| p.gateway == gateway && now.since(p.received_at) < REMATCH_FOR)
                .collect();
            let receipts: Vec<Receipt> = of_gateway.iter().map(|p| p.receipt.clone()).collect();
            let is_fresh = |p: &&ParkedReceipt| now.since(p.received_at) < FAR_FOR;
            let reach = if of_gateway.iter().any(is_fresh) {
                TRIED_FOR
            } else {
                REMATCH_FOR + TRY_FOR
            };
            let not_before = now.minus(reach);
            let open = self
                .receipts
                .apply(gateway, &receipts, not_before, now)
                .await?;
            let done: Vec<i64> = of_gateway
                .iter()
                .enumerate()
                .filter(|(index, _)| !open.early.contains(index) && !open.unknown.contains(index))
                .map(|(_, p)| p.id)
                .collect();
            self.receipts.deps.store.unpark(&done).await?;
            early.extend(open.early.iter().map(|index| of_gateway[*index].id));
        }
        Ok(early)
    }
}
