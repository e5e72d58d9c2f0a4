//! Whose turn it is in a household (contract section 8): the next is asked about in the register and
//! written to only when nobody before could be reached.
//!
//! The order is that of the job, and everybody waits for the one before: whoever got the message
//! covers all after them, and of two workers neither can pass. Whoever waits is not looked up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::ids::{JobNo, Position, Reference};
use crate::domain::kinds::IfUncertain;
use crate::domain::reach::Standing;
use crate::domain::status::Reason;
use crate::domain::time::Timestamp;
use crate::ports::store::{Next, Settlement, StoreError};

use super::deps::Deps;
use super::gate::{wait, withhold};
use super::ready::Held;

/// The second of a household is looked at so long after the first became due.
pub const TURN: Duration = Duration::from_secs(2);
/// Whoever waits for the one before looks again after a quarter of the time since the beginning, but
/// never later than this.
const LATEST: Duration = Duration::from_mins(5);

/// What becomes of somebody whose turn comes after another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Go,
    Wait,
    Covered(Position),
}

/// Answers those who can go on, and what becomes of the others.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn turns(
    deps: &Deps,
    held: Vec<Held>,
) -> Result<(Vec<Held>, Vec<Settlement>), StoreError> {
    let before = |one: &Held| waits_for(one).map(|position| (one.claimed.delivery.job(), position));
    let mut asked: Vec<(JobNo, Position)> = held.iter().filter_map(before).collect();
    if asked.is_empty() {
        return Ok((held, Vec::new()));
    }
    asked.sort_unstable();
    asked.dedup();
    let mut standings: HashMap<(JobNo, Position), Standing> = HashMap::with_capacity(asked.len());
    for (job, position, standing) in deps.store.standings(&asked).await? {
        standings.insert((job, position), standing);
    }
    let now = deps.clock.now();
    let mut going = Vec::with_capacity(held.len());
    let mut others = Vec::new();
    let mut todo = held;
    // Whoever is covered now covers on whoever comes after them, in the same claim too.
    loop {
        let mut news = Vec::new();
        let mut waiting = Vec::new();
        for one in todo {
            let job = one.claimed.delivery.job();
            let turn = waits_for(&one)
                .map(|position| turn(&one, position, standings.get(&(job, position))));
            match turn {
                None | Some(Turn::Go) => going.push(one),
                Some(Turn::Covered(by)) => {
                    let own = (job, one.claimed.delivery.position());
                    if standings.contains_key(&own) {
                        news.push((own, Standing::Covered(by)));
                    }
                    others.push(covered(&one, by, now));
                }
                Some(Turn::Wait) => waiting.push(one),
            }
        }
        todo = waiting;
        if news.is_empty() {
            break;
        }
        standings.extend(news);
    }
    others.extend(todo.iter().map(|one| not_yet(one, now)));
    Ok((going, others))
}

/// Whom it waits for. What was tried once goes on, whatever becomes of others.
fn waits_for(one: &Held) -> Option<Position> {
    let claimed = &one.claimed;
    let untried = claimed.attempts == 0 && claimed.slot == 0;
    let open = one.job.record.cancelled_at.is_none();
    one.after.filter(|_| untried && open)
}

fn turn(one: &Held, before: Position, standing: Option<&Standing>) -> Turn {
    match standing {
        Some(Standing::Open) => Turn::Wait,
        Some(Standing::Told) => Turn::Covered(before),
        Some(Standing::Covered(by)) => Turn::Covered(*by),
        Some(Standing::Uncertain) => match one.job.record.rules.if_uncertain {
            // Better twice in a household than not at all.
            IfUncertain::Resend => Turn::Go,
            IfUncertain::Leave => Turn::Covered(before),
        },
        Some(Standing::NotTold) | None => Turn::Go,
    }
}

fn covered(one: &Held, by: Position, now: Timestamp) -> Settlement {
    // Of a street the reference is the position, counted from 1.
    let reference = Reference::parse(&(u32::from(by) + 1).to_string()).ok();
    let by = reference.map(|reference| (by, Arc::new(reference)));
    let mut settlement = withhold(one, Reason::Covered, now, by);
    if let Next::Settled { channel_chosen, .. } = &mut settlement.next {
        *channel_chosen = one.claimed.fixed;
    }
    settlement
}

fn not_yet(one: &Held, now: Timestamp) -> Settlement {
    let deadline = one.deadline();
    if now >= deadline {
        return withhold(one, Reason::Expired, now, None);
    }
    let record = &one.job.record;
    let began = record.rules.send_after.unwrap_or(record.accepted_at);
    let pause = (now.since(began.max(record.accepted_at)) / 4).clamp(TURN, LATEST);
    wait(one, now.plus(pause).min(deadline), now)
}
