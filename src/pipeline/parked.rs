//! Parked receipts: those that came before their try was written, or are about nothing known.

use std::time::Duration;

use crate::domain::receipt::Receipt;
use crate::domain::time::Timestamp;
use crate::ports::clock::Monotonic;
use crate::ports::store::{ParkedReceipt, StoreError};
use crate::telemetry::record;

use super::receipts::Receipts;

const BATCH: u32 = 500;

/// Unmatched receipts are tried again for so long, then only kept.
const REMATCH_FOR: Duration = Duration::from_hours(24);

/// What came so lately may find its try any moment: it is tried in every round.
const YOUNG: Duration = Duration::from_mins(1);

/// All are tried so often: a gateway account that others use, too, may park very many that
/// never find anything.
const ALL_EVERY: Duration = Duration::from_mins(1);

/// Finds the tries of parked receipts.
#[derive(Debug)]
pub struct Parked {
    receipts: Receipts,
    /// Receipts are numbered as they come. Up to this one they are only kept.
    kept: i64,
    /// Up to this one none is young.
    seen: i64,
    all_at: Monotonic,
}

impl Parked {
    /// What `receipts` has parked.
    pub const fn new(receipts: Receipts) -> Self {
        Self {
            receipts,
            kept: 0,
            seen: 0,
            all_at: Monotonic(0),
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
        let all = at >= self.all_at;
        let mut after = if all { self.kept } else { self.seen };
        loop {
            let store = &self.receipts.deps.store;
            let parked = store.parked(after, BATCH).await?;
            let Some(last) = parked.last() else {
                break;
            };
            after = last.id;
            let older = |than| {
                let old = (parked.iter()).take_while(|one| now.since(one.received_at) >= than);
                old.last().map_or(0, |one| one.id)
            };
            let (kept, seen) = (older(REMATCH_FOR), older(YOUNG));
            self.kept = self.kept.max(kept);
            self.seen = self.seen.max(seen);
            self.rematch(&parked, now).await?;
        }
        if all {
            self.all_at = at.plus(ALL_EVERY);
        }
        Ok(())
    }

    async fn rematch(&self, parked: &[ParkedReceipt], now: Timestamp) -> Result<(), StoreError> {
        let mut gateways: Vec<&str> = parked.iter().map(|p| p.gateway.as_str()).collect();
        gateways.sort_unstable();
        gateways.dedup();
        for gateway in gateways {
            let of_gateway: Vec<&ParkedReceipt> = parked
                .iter()
                .filter(|p| p.gateway == gateway && now.since(p.received_at) < REMATCH_FOR)
                .collect();
            let receipts: Vec<Receipt> = of_gateway.iter().map(|p| p.receipt.clone()).collect();
            let open = self.receipts.apply(gateway, &receipts, now).await?;
            let done: Vec<i64> = of_gateway
                .iter()
                .enumerate()
                .filter(|(index, _)| !open.contains(index))
                .map(|(_, p)| p.id)
                .collect();
            self.receipts.deps.store.unpark(&done).await?;
        }
        Ok(())
    }
}
