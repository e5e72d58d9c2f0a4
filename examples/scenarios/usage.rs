//! CPU time of several processes between two looks, and the peak of a worker's memory.

use std::collections::BTreeMap;

use budstikke::cli::bench::processes::Look;

/// The name of a process whose memory counts.
pub(crate) const WORKER: &str = "worker";

/// CPU seconds by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cpu(pub(crate) BTreeMap<String, f64>);

/// Processes under watch; several may have one name.
#[derive(Debug)]
pub(crate) struct Usage {
    pids: Vec<(String, u32)>,
    before: Cpu,
    last: Cpu,
    /// The most memory that a worker had, in bytes.
    pub(crate) peak: u64,
}

impl Usage {
    /// Starts watching.
    pub(crate) fn start(pids: impl IntoIterator<Item = (String, u32)>) -> Self {
        let mut usage = Self {
            pids: pids.into_iter().collect(),
            before: Cpu::default(),
            last: Cpu::default(),
            peak: 0,
        };
        usage.look();
        usage.before = usage.last.clone();
        usage
    }

    /// Watches one more, from its beginning.
    pub(crate) fn add(&mut self, name: &str, pid: u32) {
        self.pids.push((name.to_owned(), pid));
    }

    /// Looks again.
    pub(crate) fn look(&mut self) {
        let look = Look::now();
        let mut now = Cpu::default();
        for (name, pid) in &self.pids {
            let Some(seconds) = look.cpu_seconds(*pid) else {
                continue;
            };
            *now.0.entry(name.clone()).or_default() += seconds;
            // Of the servers nobody asks, and to ask takes their time: they share so much.
            if name == WORKER {
                self.peak = look.memory(*pid).unwrap_or(0).max(self.peak);
            }
        }
        self.last = now;
    }

    /// CPU seconds since the start.
    pub(crate) fn used(&self) -> Cpu {
        let used = self.last.0.iter().map(|(name, last)| {
            let before = self.before.0.get(name).copied().unwrap_or_default();
            (name.clone(), (last - before).max(0.0))
        });
        Cpu(used.collect())
    }
}
