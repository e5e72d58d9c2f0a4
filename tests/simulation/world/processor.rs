//! Which processor a world runs on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps this thread, and those of SQLite that it will start, on one of the processors it may use:
/// the `slot`-th, counted round and round.
///
/// A world is one thread, and every call to its store waits for another. On one processor that is
/// a switch, between two an interrupt that costs several times as much.
pub fn stay_on_one(slot: usize) {
    let Ok(all) = sched_getaffinity(None) else {
        return;
    };
    let mine: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|one| all.is_set(*one))
        .collect();
    let Some(one) = mine.get(slot % mine.len().max(1)) else {
        return;
    };
    let mut set = CpuSet::new();
    set.set(*one);
    // A machine that does not allow it is only slower.
    sched_setaffinity(None, &set).ok();
}
