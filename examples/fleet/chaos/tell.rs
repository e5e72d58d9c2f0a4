//! The table at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::case::Case;
use super::verdict::Verdict;
use crate::parts::say::say;

/// What was seen, by case.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<Case, Sum>);

#[derive(Debug, Default)]
struct Sum {
    runs: usize,
    messages: usize,
    thrown: BTreeMap<&'static str, u64>,
    unknown: u64,
    duplicates: usize,
    lost: usize,
    drain: Duration,
    problems: usize,
}

impl Tally {
    /// Nothing was played yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A case was played.
    pub(crate) fn add(&mut self, case: Case, verdict: anyhow::Result<Verdict>) {
        let sum = self.0.entry(case).or_default();
        sum.runs += 1;
        match verdict {
            Ok(verdict) => {
                sum.messages += verdict.messages;
                for (what, count) in verdict.thrown {
                    *sum.thrown.entry(what).or_default() += count;
                }
                sum.unknown += verdict.unknown;
                sum.duplicates += verdict.duplicates;
                sum.lost += verdict.lost;
                sum.drain = sum.drain.max(verdict.drain);
                sum.problems += verdict.problems.len();
            }
            // Told already.
            Err(_) => sum.problems += 1,
        }
    }

    /// Prints the table, in Markdown; whether all is well.
    pub(crate) fn show(&self, took: Duration) -> bool {
        say(
            "| case | what | runs | messages | thrown | unknown | duplicates | lost | most seconds to drain | problems |",
        );
        say("|---|---|---:|---:|---|---:|---:|---:|---:|---:|");
        for (case, sum) in &self.0 {
            let thrown: Vec<String> = sum
                .thrown
                .iter()
                .map(|(what, count)| format!("{count} {what}"))
                .collect();
            say(format!(
                "| {} {} | {} | {} | {} | {} | {} | {} | {} | {:.0} | {} |",
                case.number(),
                case.name(),
                case.about(),
                sum.runs,
                sum.messages,
                thrown.join(", "),
                sum.unknown,
                sum.duplicates,
                sum.lost,
                sum.drain.as_secs_f64(),
                sum.problems
            ));
        }
        let count = |of: fn(&Sum) -> usize| self.0.values().map(of).sum::<usize>();
        let problems = count(|sum| sum.problems);
        say(format!(
            "{} cases, {} messages, {} lost, {} duplicates, {problems} problems in {:.0} s",
            count(|sum| sum.runs),
            count(|sum| sum.messages),
            count(|sum| sum.lost),
            count(|sum| sum.duplicates),
            took.as_secs_f64()
        ));
        problems == 0
    }
}
