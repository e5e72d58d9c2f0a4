//! How the mail server behaves: what it offers, and which faults it throws where.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::time::Instant;

use super::mailbox::Keep;

/// A point of the dialogue at which the server may misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// Before the greeting.
    Banner,
    /// In answer to EHLO or HELO.
    Ehlo,
    /// In answer to STARTTLS.
    StartTls,
    /// In answer to AUTH.
    Auth,
    /// In answer to MAIL FROM.
    MailFrom,
    /// In answer to RCPT TO.
    RcptTo,
    /// In answer to DATA.
    Data,
    /// In answer to the final dot.
    Dot,
    /// In answer to RSET.
    Rset,
    /// In answer to QUIT.
    Quit,
}

impl At {
    /// Every point.
    pub const ALL: [Self; 10] = [
        Self::Banner,
        Self::Ehlo,
        Self::StartTls,
        Self::Auth,
        Self::MailFrom,
        Self::RcptTo,
        Self::Data,
        Self::Dot,
        Self::Rset,
        Self::Quit,
    ];
}

/// What the server does instead of its duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Answers this, for example `450 4.2.0 greylisted`; after 421 it hangs up.
    Say(String),
    /// Answers something that is not SMTP.
    Garbage,
    /// Sends half an answer and hangs up.
    Half,
    /// Hangs up.
    Close,
    /// Says nothing more until the client hangs up.
    Stall,
    /// Does its duty, but so much later.
    Delay(Duration),
}

/// Whether the message is kept although the client is not told so; only at [`At::Dot`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Taken {
    #[default]
    No,
    Yes,
}

type Matcher = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// One fault: where, what, and under which conditions; all of them must hold.
#[derive(Clone)]
pub struct Rule {
    at: At,
    act: Act,
    taken: Taken,
    times: Option<u32>,
    after: u32,
    chance: f64,
    recipient: Option<Matcher>,
    greylist: Option<Duration>,
}

impl Rule {
    /// Always `act` at `at`.
    pub fn new(at: At, act: Act) -> Self {
        Self {
            at,
            act,
            taken: Taken::No,
            times: None,
            after: 0,
            chance: 1.0,
            recipient: None,
            greylist: None,
        }
    }

    /// Always answer `line` at `at`.
    pub fn say(at: At, line: &str) -> Self {
        Self::new(at, Act::Say(line.to_owned()))
    }

    /// Each recipient is refused with 450 at first, and accepted once `wait` has passed since.
    pub fn greylist(wait: Duration) -> Self {
        let mut rule = Self::say(At::RcptTo, "450 4.2.0 greylisted, try again");
        rule.greylist = Some(wait);
        rule
    }

    /// Unknown user (550 5.1.1) for the recipients that `matcher` picks.
    pub fn unknown_user(matcher: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::say(At::RcptTo, "550 5.1.1 no such user").for_recipients(matcher)
    }

    /// Only the first `times` times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Not the first `times` times that it could.
    #[must_use]
    pub fn after(mut self, times: u32) -> Self {
        self.after = times;
        self
    }

    /// Only with probability `chance`, from 0 to 1.
    #[must_use]
    pub fn chance(mut self, chance: f64) -> Self {
        self.chance = chance;
        self
    }

    /// Only while the message is for a recipient that `matcher` picks: from RCPT TO to the dot.
    #[must_use]
    pub fn for_recipients(
        mut self,
        matcher: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.recipient = Some(Arc::new(matcher));
        self
    }

    /// At the dot: the message is kept nevertheless.
    #[must_use]
    pub fn but_taken(mut self) -> Self {
        self.taken = Taken::Yes;
        self
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({:?} at {:?})", self.act, self.at)
    }
}

/// Which line ends the server takes in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineEnds {
    /// CRLF only.
    #[default]
    Strict,
    /// CRLF, LF and CR: what message smuggling needs.
    Any,
}

/// How the server behaves. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Script {
    /// Offer PIPELINING.
    pub pipelining: bool,
    /// Demand this user and password, and offer AUTH with these mechanisms.
    pub login: Option<Arc<(String, String)>>,
    /// The AUTH mechanisms offered.
    pub mechanisms: &'static str,
    /// Offer STARTTLS with this.
    pub starttls: Option<Arc<ServerConfig>>,
    /// Speak TLS from the first byte with this.
    pub tls: Option<Arc<ServerConfig>>,
    /// Which line ends are taken in a message.
    pub line_ends: LineEnds,
    /// How many messages are kept.
    pub keep: Keep,
    /// The seed of [`Rule::chance`].
    pub seed: u64,
    /// The faults, the first that applies wins; delays add up.
    pub rules: Arc<[Rule]>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            pipelining: true,
            login: None,
            mechanisms: "PLAIN LOGIN",
            starttls: None,
            tls: None,
            line_ends: LineEnds::Strict,
            keep: Keep::All,
            seed: 1,
            rules: Arc::default(),
        }
    }
}

impl Script {
    /// The script with one more fault.
    #[must_use]
    pub fn with(mut self, rule: Rule) -> Self {
        self.rules = self.rules.iter().cloned().chain([rule]).collect();
        self
    }

    /// The script with a log-in.
    #[must_use]
    pub fn with_login(mut self, user: &str, password: &str) -> Self {
        self.login = Some(Arc::new((user.to_owned(), password.to_owned())));
        self
    }
}

/// What to do at a point.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) delay: Duration,
    pub(super) act: Option<Act>,
    pub(super) taken: bool,
}

/// A script in use, with what its rules remember.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) script: Script,
    memories: Vec<Memory>,
    dice: AtomicU64,
}

#[derive(Debug, Default)]
struct Memory {
    reached: AtomicU32,
    first_seen: Mutex<HashMap<String, Instant>>,
}

impl Running {
    pub(super) fn new(script: Script) -> Self {
        Self {
            memories: script.rules.iter().map(|_rule| Memory::default()).collect(),
            dice: AtomicU64::new(script.seed),
            script,
        }
    }

    /// What to do at `at`, the message being for `recipient`.
    pub(super) fn verdict(&self, at: At, recipient: Option<&str>) -> Verdict {
        let mut verdict = Verdict::default();
        for (rule, memory) in self.script.rules.iter().zip(&self.memories) {
            if rule.at != at || !self.applies(rule, memory, recipient) {
                continue;
            }
            match &rule.act {
                Act::Delay(delay) => verdict.delay += *delay,
                Act::Say(_) | Act::Garbage | Act::Half | Act::Close | Act::Stall => {
                    verdict.act = Some(rule.act.clone());
                    verdict.taken = rule.taken == Taken::Yes;
                    break;
                }
            }
        }
        verdict
    }

    fn applies(&self, rule: &Rule, memory: &Memory, recipient: Option<&str>) -> bool {
        if let Some(matcher) = &rule.recipient
            && !recipient.is_some_and(|recipient| matcher(recipient))
        {
            return false;
        }
        if rule.chance < 1.0 && self.roll() >= rule.chance {
            return false;
        }
        if let Some(wait) = rule.greylist {
            let mut seen = memory.first_seen.lock();
            let now = Instant::now();
            let first = *seen
                .entry(recipient.unwrap_or_default().to_owned())
                .or_insert(now);
            if first != now && now.duration_since(first) >= wait {
                return false;
            }
        }
        let reached = memory.reached.fetch_add(1, Ordering::Relaxed);
        reached >= rule.after && rule.times.is_none_or(|times| reached - rule.after < times)
    }

    /// Splitmix64, as a number in `[0, 1)`.
    fn roll(&self) -> f64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self
            .dice
            .fetch_add(STEP, Ordering::Relaxed)
            .wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
