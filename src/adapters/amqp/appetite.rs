//! How many messages of one queue the broker may send ahead, going by how large they are.

/// So many are asked for as long as nothing is known of their size, and so many are looked at before
/// more are.
const FIRST: u16 = 16;

/// A new message counts so much in the mean.
const WEIGHT: f64 = 1.0 / 8.0;

/// See the module. AMQP counts messages only; a job has one recipient or ten thousand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appetite {
    most: u16,
    /// What of this queue should wait in memory at most, in bytes of bodies. It is aimed at: when small
    /// messages are followed by large ones at once, [`super::in_hand`] keeps the rest out.
    room: f64,
    now: u16,
    /// Of the bodies, in bytes.
    mean: f64,
    /// Messages since `now` was set.
    seen: u16,
}

impl Appetite {
    /// At most `most`, of one of so many queues that have `room` together.
    pub(super) fn new(most: u16, room: usize, queues: usize) -> Self {
        Self {
            most,
            room: room as f64 / queues.max(1) as f64,
            now: FIRST.min(most),
            mean: 0.0,
            seen: 0,
        }
    }

    /// How many are asked for.
    pub(super) const fn prefetch(&self) -> u16 {
        self.now
    }

    /// A body of so many bytes came.
    pub(super) fn came(&mut self, bytes: usize) {
        let bytes = bytes as f64;
        self.mean = if self.seen == 0 && self.mean == 0.0 {
            bytes
        } else {
            self.mean + WEIGHT * (bytes - self.mean)
        };
        self.seen = self.seen.saturating_add(1);
    }

    /// Another number that should be asked for from now on: half or double of what is, at least.
    pub(super) fn changed(&self) -> Option<Self> {
        let ideal = (self.room / self.mean.max(1.0)).clamp(1.0, f64::from(self.most)) as u16;
        let more = self.seen >= FIRST.min(self.most)
            && (ideal >= self.now.saturating_mul(2) || (ideal == self.most && self.now < ideal));
        let less = self.seen > 0 && ideal <= self.now / 2;
        (more || less).then_some(Self {
            now: ideal,
            seen: 0,
            ..*self
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 32 << 20;

    fn after(appetite: &mut Appetite, messages: usize, bytes: usize) -> u16 {
        for _ in 0..messages {
            appetite.came(bytes);
            *appetite = appetite.changed().unwrap_or(*appetite);
        }
        appetite.prefetch()
    }

    #[test]
    fn small_jobs_are_asked_for_by_the_hundred_once_they_are_known_to_be_small() {
        let mut appetite = Appetite::new(256, ROOM, 2);
        assert_eq!(appetite.prefetch(), 16);
        assert_eq!(after(&mut appetite, 15, 2_000), 16);
        assert_eq!(after(&mut appetite, 1, 2_000), 256);
        assert!(appetite.changed().is_none());
    }

    #[test]
    fn large_jobs_are_asked_for_one_by_one() {
        let mut appetite = Appetite::new(256, ROOM, 4);
        let prefetch = after(&mut appetite, 100, 700_000);
        assert_eq!(prefetch, 16, "four queues of them fill what there is");
        let mut appetite = Appetite::new(256, ROOM, 2);
        assert_eq!(after(&mut appetite, 100, 20_000_000), 1);
    }

    #[test]
    fn what_becomes_larger_is_asked_for_less_and_what_becomes_smaller_more() {
        let mut appetite = Appetite::new(256, ROOM, 2);
        assert_eq!(after(&mut appetite, 100, 1_000), 256);
        let soon = after(&mut appetite, 8, 700_000);
        assert!(soon <= 64, "{soon}");
        assert!(after(&mut appetite, 200, 700_000) < 40);
        assert_eq!(after(&mut appetite, 200, 1_000), 256);
    }

    #[test]
    fn a_small_limit_is_kept() {
        let mut appetite = Appetite::new(3, ROOM, 2);
        assert_eq!(after(&mut appetite, 100, 10), 3);
    }

    proptest::proptest! {
        #[test]
        fn it_settles_within_what_there_is(bytes in 1_usize..5_000_000, queues in 1_usize..200) {
            let mut appetite = Appetite::new(2_000, ROOM, queues);
            let prefetch = usize::from(after(&mut appetite, 1_000, bytes));
            proptest::prop_assert!(prefetch == 1 || prefetch * bytes * queues <= 64 << 20);
        }
    }
}
