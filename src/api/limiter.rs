//! How often one caller may come, in this process.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::state::ApiLimits;
use crate::domain::ids::AgencyNo;

/// Callers that have been quiet are forgotten once in so many checks.
const TIDY_EVERY: u32 = 4_096;

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// A valid API key, by its SHA-256.
    Key([u8; 32]),
    /// An agency that came with an access token.
    Agency(AgencyNo),
    /// A client whose key is not known to be valid: an IPv4 address, or the /64 of an IPv6 one.
    Client(IpAddr),
    /// The peer is not known.
    Unknown,
}

impl Subject {
    /// A client; one subscriber has a whole /64 to choose from.
    pub(super) fn client(peer: Option<IpAddr>) -> Self {
        match peer.map(|ip| ip.to_canonical()) {
            Some(IpAddr::V6(ip)) => {
                let network = ip.to_bits() & !u128::from(u64::MAX);
                Self::Client(IpAddr::V6(network.into()))
            }
            Some(ip) => Self::Client(ip),
            None => Self::Unknown,
        }
    }
}

/// The limiter.
#[derive(Debug)]
pub(super) struct Limiter {
    limiter: DefaultKeyedRateLimiter<Subject>,
    checks: AtomicU32,
}

impl Limiter {
    pub(super) fn new(limits: &ApiLimits) -> Self {
        let period = Duration::try_from_secs_f64(limits.rate_per_key.recip())
            .ok()
            .filter(|period| !period.is_zero())
            .unwrap_or(Duration::from_nanos(1));
        let burst = NonZeroU32::new(limits.burst_per_key).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period)
            .unwrap_or_else(|| Quota::per_second(burst))
            .allow_burst(burst);
        Self {
            limiter: RateLimiter::keyed(quota),
            checks: AtomicU32::new(0),
        }
    }

    /// Counts one request of the subject.
    ///
    /// # Errors
    /// It came too often; how long it should wait.
    pub(super) fn check(&self, subject: Subject) -> Result<(), Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter
            .check_key(&subject)
            .map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_above_its_burst_waits_and_others_do_not() {
        let limiter = Limiter::new(&ApiLimits {
            body_bytes: 1,
            request_timeout: Duration::from_secs(1),
            rate_per_key: 0.01,
            burst_per_key: 2,
        });
        let (one, other) = (Subject::Key([1; 32]), Subject::Key([2; 32]));
        assert_eq!(limiter.check(one), Ok(()));
        assert_eq!(limiter.check(one), Ok(()));
        let wait = limiter.check(one).unwrap_err();
        assert!(wait > Duration::from_secs(90), "{wait:?}");
        assert_eq!(limiter.check(other), Ok(()));
    }

    #[test]
    fn one_subscriber_of_ipv6_is_one_client() {
        let client = |ip: &str| Subject::client(Some(ip.parse().unwrap()));
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
    }
}
