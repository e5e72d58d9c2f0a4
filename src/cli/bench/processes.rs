//! CPU time and memory of processes, from `/proc`: each with everything below it.

use std::collections::{BTreeMap, HashSet};
use std::fs;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::options::Watched;

/// Ticks a second in `/proc/PID/stat`: what Linux shows programs on every machine that we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// What one process and all below it have used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// User and system time in seconds, that of ended children included.
    pub cpu_seconds: f64,
    /// Memory in bytes; what several share is counted once where the kernel says so.
    pub memory: u64,
}

#[derive(Debug, Clone, Copy)]
struct Stat {
    parent: u32,
    ticks: u64,
    pages: u64,
}

/// A look at all processes of the machine.
#[derive(Debug, Default)]
pub struct Look(BTreeMap<u32, Stat>);

impl Look {
    /// Looks now.
    pub fn now() -> Self {
        let mut all = BTreeMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            if let Some((pid, stat)) = pid.and_then(|pid| Some((pid, stat(pid)?))) {
                all.insert(pid, stat);
            }
        }
        Self(all)
    }

    /// The process and all below it; nothing if it is not there.
    pub fn tree(&self, root: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut open = vec![root];
        while let Some(pid) = open.pop() {
            if !self.0.contains_key(&pid) || !seen.insert(pid) {
                continue;
            }
            found.push(pid);
            let children = self.0.iter().filter(|(_, stat)| stat.parent == pid);
            open.extend(children.map(|(child, _)| *child));
        }
        found
    }

    /// What the process and all below it have used; `None` if it is not there.
    pub fn usage(&self, root: u32) -> Option<Usage> {
        Some(Usage {
            cpu_seconds: self.cpu_seconds(root)?,
            memory: self.memory(root)?,
        })
    }

    /// The CPU time of [`Self::usage`], in seconds.
    pub fn cpu_seconds(&self, root: u32) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "centuries of CPU time")]
        let seconds = |ticks: u64| ticks as f64 / TICKS_PER_SECOND;
        self.sum(&self.tree(root), |stat| stat.ticks).map(seconds)
    }

    /// The memory of [`Self::usage`], in bytes.
    pub fn memory(&self, root: u32) -> Option<u64> {
        match self.tree(root).as_slice() {
            [] => None,
            // A process alone shares with nobody here; asking for its share would cost it time.
            alone @ [_] => Some(self.sum(alone, |stat| stat.pages)? * page_bytes()),
            several => Some(several.iter().map(|pid| proportional(*pid)).sum()),
        }
    }

    fn sum(&self, pids: &[u32], of: impl Fn(&Stat) -> u64) -> Option<u64> {
        let stats = pids.iter().filter_map(|pid| self.0.get(pid));
        (!pids.is_empty()).then(|| stats.map(of).sum())
    }
}

fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |index: usize| {
        fields
            .get(index)
            .and_then(|field| field.parse::<u64>().ok())
    };
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)? + number(12)? + number(13)? + number(14)?,
        pages: number(21)?,
    })
}

/// Its own memory and its part of what it shares (`Pss`), in bytes.
fn proportional(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or(0_u64) * 1024
}

/// Processes under watch.
#[derive(Debug)]
pub struct Processes(Vec<Row>);

#[derive(Debug)]
struct Row {
    watched: Watched,
    before: Usage,
    last: Usage,
    peak: u64,
}

impl Processes {
    /// Starts watching; the program itself is the last, as `bench`.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn start(watched: &[Watched]) -> anyhow::Result<Self> {
        let itself = Watched {
            name: "bench".to_owned(),
            pid: std::process::id(),
        };
        let look = Look::now();
        let rows = watched.iter().chain([&itself]).map(|one| {
            let before = look.usage(one.pid).ok_or_else(|| {
                anyhow!("--pid {}={}: there is no such process", one.name, one.pid)
            })?;
            Ok(Row {
                watched: one.clone(),
                before,
                last: before,
                peak: before.memory,
            })
        });
        Ok(Self(rows.collect::<anyhow::Result<_>>()?))
    }

    /// Looks again. A process that has ended keeps its last numbers.
    pub fn look(&mut self) {
        let look = Look::now();
        for row in &mut self.0 {
            if let Some(now) = look.usage(row.watched.pid) {
                row.last = now;
                row.peak = row.peak.max(now.memory);
            }
        }
    }

    /// Name, CPU seconds used since the start and peak of memory in bytes.
    pub fn rows(&self) -> impl Iterator<Item = (&str, f64, u64)> {
        self.0.iter().map(|row| {
            let used = (row.last.cpu_seconds - row.before.cpu_seconds).max(0.0);
            (row.watched.name.as_str(), used, row.peak)
        })
    }

    /// For programs; CPU time per notification in microseconds.
    pub fn to_json(&self, notifications: u64) -> Value {
        self.rows()
            .map(|(name, cpu, memory)| {
                json!({
                    "name": name,
                    "cpu_seconds": cpu,
                    "cpu_us_per_notification": per(cpu, notifications),
                    "memory_peak_mib": mebibytes(memory),
                })
            })
            .collect()
    }
}

/// Microseconds for each; `None` for none.
pub fn per(seconds: f64, count: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    (count > 0).then(|| seconds * 1e6 / count as f64)
}

/// MiB with one digit.
pub fn mebibytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "sizes far below 2^53")]
    let mebibytes = bytes as f64 / (1024.0 * 1024.0);
    (mebibytes * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_sees_its_own_time_and_memory() {
        let usage = Look::now().usage(std::process::id()).unwrap();
        assert!(usage.memory > 100_000, "{usage:?}");
        assert!(usage.cpu_seconds < 3_600.0, "{usage:?}");
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let gone = Watched {
            name: "worker".to_owned(),
            pid: u32::MAX,
        };
        let error = Processes::start(&[gone]).unwrap_err().to_string();
        assert!(error.contains("--pid worker=4294967295"), "{error}");
    }
}
