//! Faults aimed at one kind of call to the store, so that every call meets every fault in a campaign
//! and not only those that are made often (I-17).

use super::outside::Outside;
use super::rng::Rng;

const S: u64 = 1_000_000;

/// What becomes of a call on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is lost before its effect.
    Before,
    /// It has its effect, and the answer is lost.
    After,
    /// It is slow.
    Slow,
}

impl Fate {
    pub const ALL: [Self; 3] = [Self::Before, Self::After, Self::Slow];
}

/// Every call that workers make. The others (the API's, the register's, an operator's, and erasing,
/// which comes by the hour) are not made in a simulation.
pub const CALLS: [&str; 32] = [
    "abandon",
    "accept",
    "backlog",
    "cancel",
    "change_gateway",
    "claim",
    "due_unknown",
    "end_worker",
    "find_tries",
    "fleet_view",
    "hand_back",
    "hand_back_strays",
    "heartbeat",
    "intend",
    "lease",
    "load",
    "mark_opened",
    "park",
    "parked",
    "pause",
    "raise_lanes",
    "reap",
    "release",
    "settle",
    "start_worker",
    "sync_agencies",
    "take_probe",
    "tally",
    "tell",
    "tried_through",
    "unpark",
    "unpublished",
];

/// The next `left` calls of a name from a moment on have this fate.
#[derive(Debug, Clone, Copy)]
pub struct Aim {
    pub call: &'static str,
    pub fate: Fate,
    pub from: u64,
    pub left: u32,
    /// How slow on the way there, in microseconds.
    pub slow: u64,
    /// How slow on the way back, in microseconds.
    pub back: u64,
}

/// Those that few worlds make; whichever comes is aimed at.
const RARE: [&str; 12] = [
    "abandon",
    "cancel",
    "change_gateway",
    "end_worker",
    "hand_back",
    "mark_opened",
    "pause",
    "release",
    "take_probe",
    "tell",
    "tried_through",
    "unpark",
];

/// What a seed aims at: by turns each of the calls, with each fate, and the rare ones whenever they
/// come.
pub fn of_seed(seed: u64, rng: &mut Rng) -> Vec<Aim> {
    let fates = Fate::ALL.len();
    let mut aims = Vec::new();
    let mut aim = |call, fate: usize, left, from| {
        aims.push(Aim {
            call,
            fate: Fate::ALL[fate % fates],
            from,
            left,
            slow: rng.within(S..6 * S),
            back: 0,
        });
    };
    let turn = seed as usize % (CALLS.len() * fates);
    aim(CALLS[turn / fates], turn, 2, 0);
    // It is made only when another one was lost.
    match CALLS[turn / fates] {
        "abandon" => aim("intend", 1, 1, 0),
        "hand_back_strays" => aim("claim", 1, 1, 0),
        _ => {}
    }
    for (place, call) in RARE.into_iter().enumerate() {
        aim(call, seed as usize + place, 1, 0);
    }
    aims
}

impl Outside {
    /// The fate of this call, if somebody aimed at it.
    pub fn aimed(&self, call: &str) -> Option<Aim> {
        let now = self.sim.now();
        let mut state = self.state.lock();
        let aim = state
            .aims
            .iter_mut()
            .find(|aim| aim.call == call && aim.left > 0 && aim.from <= now)?;
        aim.left -= 1;
        Some(*aim)
    }

    /// A call met a fate.
    pub fn met(&self, call: &'static str, fate: Fate) {
        *self.state.lock().met.entry((call, fate)).or_default() += 1;
    }
}
