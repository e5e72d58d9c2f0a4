//! Seeded randomness: SplitMix64, so that no library's next version changes what a seed means.

use std::ops::Range;

/// A generator.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x6275_6473_7469_6b6b)
    }

    /// A generator of its own for one party, so that one party's draws do not move another's.
    pub fn fork(&mut self, label: u64) -> Self {
        Self(self.next() ^ label.wrapping_mul(0xff51_afd7_ed55_8ccd))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    pub fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let index = self.within(0..of.len() as u64);
        &of[index as usize]
    }

    /// Mostly near the start of the range, sometimes far: how long things take.
    pub fn latency(&mut self, range: Range<u64>) -> u64 {
        let unit = self.unit();
        range.start + ((range.end - range.start) as f64 * unit * unit * unit) as u64
    }
}
