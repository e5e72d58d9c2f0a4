//! A worker's clocks and chance, and the store's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use budstikke::domain::time::Timestamp;
use budstikke::ports::clock::{Clock, Monotonic};
use budstikke::ports::entropy::Entropy;
use parking_lot::Mutex;

use super::rng::Rng;
use super::time::{Life, Sim};

/// The clocks of one machine: the wall clock may be off and jump, the steady one starts anywhere.
#[derive(Debug)]
pub struct MachineClock {
    pub sim: Sim,
    pub life: Life,
    /// The true time at the beginning of the simulation.
    pub wall: Timestamp,
    /// How far the wall clock is off, in microseconds.
    pub skew: Arc<AtomicI64>,
    pub steady_from: u64,
}

#[async_trait]
impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let skew = self.skew.load(Ordering::Relaxed);
        Timestamp(self.wall.0 + self.sim.now() as i64 + skew)
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(self.steady_from + self.sim.now())
    }

    async fn sleep(&self, duration: Duration) {
        self.sim.sleep(self.life, duration).await;
    }
}

/// A worker's own chance.
#[derive(Debug)]
pub struct SeededEntropy(pub Mutex<Rng>);

impl Entropy for SeededEntropy {
    fn unit(&self) -> f64 {
        self.0.lock().unit()
    }

    fn bytes(&self) -> [u8; 32] {
        let mut rng = self.0.lock();
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&rng.next().to_le_bytes());
        }
        bytes
    }
}
