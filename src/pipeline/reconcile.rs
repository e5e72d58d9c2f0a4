//! What becomes of a try that nobody can know about, once it has waited for a receipt long enough:
//! the agency's own word decides (`if_uncertain`).

use std::sync::Arc;
use std::time::Duration;

use crate::domain::kinds::IfUncertain;
use crate::domain::plan;
use crate::domain::state::State;
use crate::domain::status::{Reason, Status};
use crate::domain::time::Timestamp;
use crate::ports::store::{Guard, JobRecord, Next, Settlement, StoreError, UnknownDelivery};
use crate::telemetry::record;

use super::deps::{Agency, Deps};
use super::labels::Labels;
use super::settle::Settler;

const BATCH: u32 = 500;

/// Resolves unknown tries whose time is over; until stopping is asked for.
pub async fn run(deps: Arc<Deps>, settler: Settler) {
    let shortest = deps.policy.unknown_sms.min(deps.policy.unknown_email);
    let often = (shortest / 4).clamp(Duration::from_millis(100), Duration::from_secs(2));
    while deps
        .pause(often.mul_f64(0.75 + 0.5 * deps.entropy.unit()))
        .await
    {
        if let Err(error) = round(&deps, &settler).await {
            record::store_error("reconcile");
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot reconcile unknown tries"
            );
        }
    }
}

async fn round(deps: &Deps, settler: &Settler) -> Result<(), StoreError> {
    let unknown = deps.store.due_unknown(BATCH).await?;
    if unknown.is_empty() {
        return Ok(());
    }
    let now = deps.clock.now();
    let labels = Labels::load(deps, unknown.iter().map(|u| u.delivery)).await?;
    for one in unknown {
        let Some((record, label)) = labels.of(one.delivery) else {
            continue;
        };
        // An agency that left the configuration sends nothing more: nobody will ever know.
        let next = match deps.directory.by_no(record.agency) {
            Some(agency) => decide(&one, record, agency, now),
            None => uncertain(&one),
        };
        settler
            .settle(Settlement {
                delivery: one.delivery,
                guard: Guard::Unclaimed {
                    state: State::Unknown,
                    version: one.version,
                    due: one.due,
                },
                tried: None,
                next,
                label,
                at: now,
            })
            .await;
    }
    Ok(())
}

/// Once more in slot 1, if the agency would rather have it twice, it is the first time, and there
/// is time left; otherwise nobody will ever know.
fn decide(one: &UnknownDelivery, record: &JobRecord, agency: &Agency, now: Timestamp) -> Next {
    let occasion = one.delivery.occasion();
    let deadline = plan::deadline(&record.rules, record.accepted_at, occasion, &agency.hours);
    let again = one.slot == 0
        && record.rules.if_uncertain == IfUncertain::Resend
        && record.cancelled_at.is_none()
        && now < deadline;
    if again {
        return Next::Wait {
            due: now,
            slot: 1,
            tries: one.tries,
        };
    }
    uncertain(one)
}

const fn uncertain(one: &UnknownDelivery) -> Next {
    Next::Settled {
        status: Status::Uncertain,
        reason: Some(Reason::NoAnswer),
        channel_chosen: true,
        possible_duplicate: one.slot > 0,
        covered_by: None,
    }
}
