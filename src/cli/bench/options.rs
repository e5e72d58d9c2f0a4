//! What the options' values look like. Pure.

use std::time::Duration;

/// How fast jobs are offered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Offered {
    /// As fast as they are taken.
    Flood,
    /// Notifications per second, whether the ones before are done or not.
    PerSecond(f64),
}

impl Offered {
    /// Reads `50/s`, `50` or `flood`.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "flood" {
            return Ok(Self::Flood);
        }
        let number = text.strip_suffix("/s").unwrap_or(text);
        number
            .parse()
            .ok()
            .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
            .map(Self::PerSecond)
            .ok_or_else(|| "use notifications per second, such as 50/s, or flood".to_owned())
    }

    /// When job `index` (from 0) of `recipients` each is due after the start; `None`: at once.
    pub fn due(self, index: usize, recipients: usize) -> Option<Duration> {
        match self {
            Self::Flood => None,
            Self::PerSecond(rate) => {
                let before = index.saturating_mul(recipients);
                // Exact up to 2^53 notifications.
                #[expect(clippy::cast_precision_loss, reason = "nobody waits for 2^53 of them")]
                Duration::try_from_secs_f64(before as f64 / rate).ok()
            }
        }
    }
}

/// A share, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(f64);

impl Share {
    /// Reads `50%`, `50` (per cent) or `0.5`.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "use a share of 0% to 100%, such as 50%".to_owned();
        let (number, is_percent) = match text.strip_suffix('%') {
            Some(number) => (number, true),
            None => (text, !text.contains('.') && text != "0" && text != "1"),
        };
        let value: f64 = number.trim().parse().map_err(|_no_number| wrong())?;
        let share = if is_percent { value / 100.0 } else { value };
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(wrong())
        }
    }

    /// Whether number `index` (from 0) is one of the share, spread evenly.
    pub fn takes(self, index: u64) -> bool {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count below 2^53, rounded down on purpose"
        )]
        let upto = |count: u64| (count as f64 * self.0 + 1e-9) as u64;
        upto(index + 1) > upto(index)
    }
}

/// How far a run waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Until {
    /// The broker or the API has taken the jobs over.
    Published,
    /// Every job was answered.
    Accepted,
    /// Every notification is settled.
    Settled,
}

/// A process whose CPU time and memory are measured, with all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// What it is called in the report.
    pub name: String,
    /// Its id.
    pub pid: u32,
}

impl Watched {
    /// Reads `worker=123` or `123`.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, number) = match text.split_once('=') {
            Some((name, number)) if !name.is_empty() => (name.to_owned(), number),
            Some((_, number)) => (format!("pid {number}"), number),
            None => (format!("pid {text}"), text),
        };
        number
            .parse()
            .ok()
            .filter(|pid| *pid > 0)
            .map(|pid| Self { name, pid })
            .ok_or_else(|| "use NAME=PID, such as worker=123".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_notifications_per_second_or_flood() {
        assert_eq!(Offered::parse("50/s"), Ok(Offered::PerSecond(50.0)));
        assert_eq!(Offered::parse("0.5"), Ok(Offered::PerSecond(0.5)));
        assert_eq!(Offered::parse("flood"), Ok(Offered::Flood));
        for wrong in ["0", "-1/s", "fast", "inf", ""] {
            assert!(Offered::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn jobs_of_many_recipients_come_so_much_more_rarely() {
        let rate = Offered::PerSecond(50.0);
        assert_eq!(rate.due(0, 10), Some(Duration::ZERO));
        assert_eq!(rate.due(5, 10), Some(Duration::from_secs(1)));
        assert_eq!(Offered::Flood.due(5, 10), None);
    }

    #[test]
    fn a_share_is_spread_evenly() {
        let taken = |text: &str| {
            let share = Share::parse(text).unwrap();
            (0..10)
                .filter(|index| share.takes(*index))
                .collect::<Vec<_>>()
        };
        assert_eq!(taken("50%"), [1, 3, 5, 7, 9]);
        assert_eq!(taken("0.2"), [4, 9]);
        assert_eq!(taken("0"), [] as [u64; 0]);
        assert_eq!(taken("100").len(), 10);
        assert_eq!(taken("1").len(), 10);
        for wrong in ["101%", "-1", "half"] {
            assert!(Share::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_process_has_a_name_and_an_id() {
        let worker = Watched::parse("worker=123").unwrap();
        assert_eq!((worker.name.as_str(), worker.pid), ("worker", 123));
        assert_eq!(Watched::parse("7").unwrap().name, "pid 7");
        assert!(Watched::parse("worker").is_err());
        assert!(Watched::parse("worker=0").is_err());
    }
}
