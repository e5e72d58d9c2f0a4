//! Randomness from the operating system.

use rand::RngExt;

use crate::ports::entropy::Entropy;

/// The thread's generator: cryptographically strong, seeded and re-seeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn unit(&self) -> f64 {
        rand::rng().random()
    }

    fn bytes(&self) -> [u8; 32] {
        rand::rng().random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_in_their_interval_and_no_bytes_come_twice() {
        let entropy = SystemEntropy;
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&entropy.unit())));
        assert_ne!(entropy.bytes(), entropy.bytes());
    }
}
