//! How much of each agency and lane a worker claims for a channel: pure arithmetic over what it
//! holds of that channel.

use std::time::Duration;

use crate::ports::register::MAX_BATCH;

/// An agency and lane that nothing is known of is asked for so many.
pub const PROBE: usize = 50;

/// Of a backlog no less is claimed where so much may be held twice: it nearly fills a call to the
/// register, and one call about a thousand is far cheaper than ten about a hundred, for the register
/// above all.
const NEARLY_A_CALL: usize = MAX_BATCH * 9 / 10;

/// A worker that holds so many always finds something for its slots.
const AT_LEAST: usize = 2 * PROBE;

/// A worker holds what its own requests carry in so long: that covers some claims, and what is left
/// of a backlog is still shared by all workers.
const CARRIED: Duration = Duration::from_secs(3);

/// How many a worker may hold on a channel whose gateways carry `rate` a second together: its share
/// of what `workers` can send in a third of the time after which what is held goes back, and no more
/// than its own requests carry in some seconds at `pace` a second.
pub fn room(rate: f64, workers: u32, hold_for: Duration, pace: f64) -> usize {
    let share = rate * hold_for.as_secs_f64() / 3.0 / f64::from(workers.max(1));
    (share.min(pace * CARRIED.as_secs_f64()) as usize).max(AT_LEAST)
}

/// What is held of one agency and lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// The agency's weight.
    pub weight: u32,
    /// How many are held.
    pub held: usize,
    /// How many may be held at most.
    pub at_most: usize,
    /// The last claim found as many as it asked for: there are more.
    pub busy: bool,
}

/// Whether there is too little room for more of those that have enough in hand: a claim is worth
/// its commit only when it can take a fair number.
pub fn is_full(hold_per_channel: usize, held_in_all: usize) -> bool {
    held_in_all.saturating_mul(4) > hold_per_channel.saturating_mul(3)
}

/// How many more to claim of each.
///
/// Those with a backlog share `hold_per_channel` by weight, so that each finds its share of the slots in
/// every worker's hand; the others are asked for a little. Whoever has next to nothing in hand is
/// asked for even when the rest fills the room: a backlog never keeps others from being found.
pub fn limits(hold_per_channel: usize, held_in_all: usize, all: &[Holding]) -> Vec<usize> {
    let full = is_full(hold_per_channel, held_in_all);
    let busy = all.iter().filter(|one| one.busy);
    let weights: usize = busy.map(|one| one.weight.max(1) as usize).sum();
    let limit = |one: &Holding| {
        let share = if one.busy {
            (hold_per_channel * one.weight.max(1) as usize / weights.max(1)).max(PROBE)
        } else {
            PROBE
        };
        let most = share.min(one.at_most);
        let limit = whole_calls(most.saturating_sub(one.held));
        let worth_it = if one.busy {
            (most / 2).min(NEARLY_A_CALL)
        } else {
            most.div_ceil(4)
        };
        if !full && limit >= worth_it {
            limit
        } else if one.held * 4 <= PROBE.min(most) {
            limit.min(PROBE)
        } else {
            0
        }
    };
    all.iter().map(limit).collect()
}

/// What is above a whole number of calls to the register waits for the next claim.
const fn whole_calls(limit: usize) -> usize {
    if limit > MAX_BATCH {
        limit - limit % MAX_BATCH
    } else {
        limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(weight: u32, held: usize, busy: bool) -> Holding {
        Holding {
            weight,
            held,
            at_most: 1_000,
            busy,
        }
    }

    #[test]
    fn backlogs_share_the_room_by_weight() {
        let all = [1, 1, 2, 4].map(|weight| holding(weight, 0, true));
        assert_eq!(limits(4_000, 0, &all), [500, 500, 1_000, 1_000]);
        let alone = [holding(1, 100, true), holding(1, 0, false)];
        assert_eq!(limits(4_000, 100, &alone), [900, PROBE]);
    }

    #[test]
    fn a_full_room_keeps_nobody_from_being_found() {
        let all = [
            holding(1, 2_000, true),
            holding(1, 1_990, true),
            holding(1, 0, false),
            holding(4, 10, true),
            holding(1, 40, false),
        ];
        assert!(is_full(4_000, 4_000));
        assert_eq!(limits(4_000, 4_000, &all), [0, 0, PROBE, PROBE, 0]);
    }

    #[test]
    fn a_little_room_is_not_worth_a_claim() {
        let all = [holding(1, 800, true), holding(1, 900, true)];
        assert_eq!(limits(4_000, 1_700, &all), [0, 0]);
        let all = [holding(1, 500, true), holding(1, 900, true)];
        assert_eq!(limits(4_000, 1_400, &all), [500, 0]);
    }

    #[test]
    fn a_backlog_is_claimed_in_nearly_whole_calls_to_the_register() {
        for (held, limit) in [
            (0, 2_000),
            (50, 1_000),
            (1_000, 1_000),
            (1_100, 900),
            (1_101, 0),
        ] {
            let one = Holding {
                at_most: 2_000,
                ..holding(1, held, true)
            };
            assert_eq!(limits(8_000, held, &[one]), [limit], "{held} held");
        }
    }

    #[test]
    fn slow_gateways_are_not_held_for() {
        let room = |rate, workers, pace| room(rate, workers, Duration::from_mins(1), pace);
        assert_eq!(room(40.0, 1, 1e6), 800);
        assert_eq!(room(40.0, 4, 1e6), 200);
        assert_eq!(room(0.2, 4, 1e6), AT_LEAST);
        assert_eq!(room(1_000.0, 2, 1e6), 10_000);
        assert_eq!(room(1_000.0, 2, 80.0), 240);
        assert_eq!(room(1_000.0, 2, 0.5), AT_LEAST);
    }

    #[test]
    fn nothing_is_asked_for_above_what_may_be_held() {
        let none = Holding {
            at_most: 0,
            ..holding(1, 0, true)
        };
        let few = Holding {
            at_most: 5,
            ..holding(1, 0, false)
        };
        assert_eq!(limits(4_000, 0, &[none, few]), [0, 5]);
    }
}
