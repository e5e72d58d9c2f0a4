//! Randomness as the pipeline knows it, so that a simulation can seed it.

/// The source of randomness.
pub trait Entropy: Send + Sync + std::fmt::Debug {
    /// Uniform in `[0, 1)`.
    fn unit(&self) -> f64;
    /// 32 random bytes.
    fn bytes(&self) -> [u8; 32];
}
