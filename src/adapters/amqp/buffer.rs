//! What has arrived and was not handed out yet.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::handle::Arrived;
use crate::domain::kinds::Lane;

/// What is stored at once takes several times its size while it is read: so many bytes of bodies at
/// most, or one.
const AT_ONCE: usize = 4 * 1024 * 1024;

/// Of both lanes; each has a connection of its own that brings it.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    waiting: Mutex<Waiting>,
    /// There is more.
    pub(super) arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    urgent: VecDeque<Arrived>,
    normal: VecDeque<Arrived>,
    /// Of their bodies.
    bytes: usize,
}

impl Waiting {
    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Arrived> {
        match lane {
            Lane::Urgent => &mut self.urgent,
            Lane::Normal | Lane::Bulk => &mut self.normal,
        }
    }

    /// The next one, the urgent first, if it fits.
    fn next(&mut self, room: usize) -> Option<Arrived> {
        let lane = if self.urgent.is_empty() {
            &mut self.normal
        } else {
            &mut self.urgent
        };
        let message = lane.pop_front_if(|message| message.size() <= room)?;
        self.bytes -= message.size();
        Some(message)
    }
}

impl Buffer {
    pub(super) fn put(&self, message: Arrived) {
        let mut waiting = self.waiting.lock();
        waiting.bytes += message.size();
        waiting.lane(message.lane()).push_back(message);
    }

    /// Up to `limit`, the urgent first; fewer of large ones.
    pub(super) fn take(&self, limit: usize) -> Vec<Arrived> {
        let mut waiting = self.waiting.lock();
        let mut taken: Vec<_> = waiting.next(usize::MAX).into_iter().collect();
        let mut bytes = taken.first().map_or(0, Arrived::size);
        while taken.len() < limit {
            let Some(message) = waiting.next(AT_ONCE.saturating_sub(bytes)) else {
                break;
            };
            bytes += message.size();
            taken.push(message);
        }
        taken
    }

    /// How many there are, and whether they are as many as may be taken at once.
    pub(super) fn waiting(&self, limit: usize) -> (usize, bool) {
        let waiting = self.waiting.lock();
        let count = waiting.urgent.len() + waiting.normal.len();
        (count, count >= limit || waiting.bytes >= AT_ONCE)
    }

    /// Everything of a lane.
    pub(super) fn clear(&self, lane: Lane) -> VecDeque<Arrived> {
        let mut waiting = self.waiting.lock();
        let cleared = std::mem::take(waiting.lane(lane));
        waiting.bytes -= cleared.iter().map(Arrived::size).sum::<usize>();
        cleared
    }
}
