//! Chance that does not depend on the order of arrival: the same seed, message and arrival give the
//! same throw, however many connections there are.

use std::time::Duration;

use super::knobs::Span;

/// What a throw decides; each has its own dice.
#[derive(Debug, Clone, Copy)]
pub(super) enum Throw {
    Fault = 1,
    Latency = 2,
    Fate = 3,
    Delay = 4,
    Twice = 5,
    Reversed = 6,
    Early = 7,
}

/// Uniform in `[0, 1)`.
pub(super) fn unit(seed: u64, key: &str, arrival: u32, throw: Throw) -> f64 {
    // FNV-1a over the key, then SplitMix64 to spread the bits.
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut bits = hash
        ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (u64::from(arrival) << 8)
        ^ ((throw as u64) << 56);
    for factor in [0xbf58_476d_1ce4_e5b9_u64, 0x94d0_49bb_1331_11eb] {
        bits = (bits ^ (bits >> 30)).wrapping_mul(factor);
    }
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// A duration within the span.
pub(super) fn within(span: Span, unit: f64) -> Duration {
    span.from + (span.to.saturating_sub(span.from)).mul_f64(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_are_even_and_repeatable() {
        let mut buckets = [0u32; 10];
        for number in 0..10_000 {
            let key = format!("bs{number:x}");
            let throw = unit(7, &key, 0, Throw::Fault);
            assert_eq!(throw, unit(7, &key, 0, Throw::Fault));
            assert_ne!(throw, unit(8, &key, 0, Throw::Fault));
            assert_ne!(throw, unit(7, &key, 1, Throw::Fault));
            assert_ne!(throw, unit(7, &key, 0, Throw::Fate));
            buckets[(throw * 10.0) as usize] += 1;
        }
        assert!(
            buckets.iter().all(|n| (850..1_150).contains(n)),
            "{buckets:?}"
        );
    }
}
