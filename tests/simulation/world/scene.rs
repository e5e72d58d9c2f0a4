//! Which world a seed plays in: a storm of faults as the dice fall, none at all, or one that shows
//! one thing.

use std::sync::Arc;
use std::time::Duration;

use budstikke::domain::kinds::{ChannelRule, Class, IfUncertain, Lane, Window};
use budstikke::domain::person::PersonNumber;
use budstikke::domain::time::Timestamp;
use budstikke::pipeline::deps::Policy;

use super::aim::{self, Aim, Fate};
use super::faults::{Act, Kinds};
use super::fleet::Line;
use super::outside::Outside;
use super::register::phone;
use super::rng::Rng;
use super::storm::Storm;
use super::workload::{Spec, Whom};

const S: u64 = 1_000_000;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// Whatever the seed says.
    Storm,
    /// The seed's jobs, and no fault.
    Calm,
    /// The commit of an intent takes so long that the register's answer grows too old meanwhile.
    SlowIntent,
    /// The answer of an intent comes after so long that nothing of it may leave any more.
    LateAnswer,
    /// The answer of a claim is lost, and its worker lives on.
    LostClaim,
    /// A worker starts whose machine's clock is an hour ahead, and a job waits that soon expires.
    OwnClock,
    /// Two agencies with more than one slow gateway takes in minutes, while workers die.
    Crowd,
    /// One agency reads its events no more for a while, so that its queue is full; another one goes on.
    FullQueue,
}

impl std::str::FromStr for Scene {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Ok(match word {
            "storm" => Self::Storm,
            "calm" => Self::Calm,
            "slow-intent" => Self::SlowIntent,
            "late-answer" => Self::LateAnswer,
            "lost-claim" => Self::LostClaim,
            "own-clock" => Self::OwnClock,
            "crowd" => Self::Crowd,
            "full-queue" => Self::FullQueue,
            _ => {
                return Err(format!(
                    "there is no scene {word}; there are storm, calm, slow-intent, late-answer, \
                     lost-claim, own-clock, crowd, full-queue"
                ));
            }
        })
    }
}

impl Scene {
    /// Whether the seed says what is in it.
    pub fn is_any(self) -> bool {
        matches!(self, Self::Storm | Self::Calm)
    }

    /// The storm of this scene, made of the seed's.
    pub fn storm(self, storm: Storm) -> Storm {
        let kinds = match self {
            Self::Storm => storm.kinds,
            Self::Calm
            | Self::SlowIntent
            | Self::LateAnswer
            | Self::LostClaim
            | Self::OwnClock
            | Self::FullQueue => Kinds::NONE,
            Self::Crowd => Kinds {
                kills: true,
                pauses: true,
                strikes: true,
                ..Kinds::NONE
            },
        };
        if self.is_any() {
            return Storm { kinds, ..storm };
        }
        let line = |name, email, rate| Line {
            name,
            email,
            rate,
            burst: 1,
            weight: 1,
            concurrency: 4,
        };
        let rate = if self == Self::Crowd { 5.0 } else { 20.0 };
        Storm {
            kinds,
            places: if self == Self::Crowd { 3 } else { 1 },
            lines: vec![line("alfa", false, rate), line("post", true, 20.0)],
            days: 0,
        }
    }

    /// The policy of this scene, made of the seed's.
    pub fn policy(self, policy: Policy) -> Policy {
        match self {
            Self::Storm
            | Self::Calm
            | Self::LateAnswer
            | Self::LostClaim
            | Self::OwnClock
            | Self::FullQueue => policy,
            Self::SlowIntent => Policy {
                register_fresh: Duration::from_secs(4),
                ..policy
            },
            // A raised delivery has left the lane whose share is looked at.
            Self::Crowd => Policy {
                raise_lane_after: Duration::from_hours(1),
                ..policy
            },
        }
    }

    /// What is aimed at.
    pub fn aims(self, seed: u64, kinds: Kinds, rng: &mut Rng) -> Vec<Aim> {
        let once = |call, fate, slow, back| Aim {
            call,
            fate,
            from: 0,
            left: 1,
            slow,
            back,
        };
        match self {
            Self::Storm if kinds.are_any() => aim::of_seed(seed, rng),
            Self::Storm | Self::Calm | Self::OwnClock | Self::Crowd | Self::FullQueue => Vec::new(),
            // Shorter than a worker is trusted to live, longer than an answer is fresh.
            Self::SlowIntent => vec![once("intend", Fate::Slow, 5 * S, 0)],
            // As long as a worker is trusted to live after its last heartbeat.
            Self::LateAnswer => vec![once("intend", Fate::Slow, S, 9 * S)],
            // The one that finds the job, which comes then.
            Self::LostClaim => vec![Aim {
                from: 2 * S,
                ..once("claim", Fate::After, 0, 0)
            }],
        }
    }

    /// What happens in this scene before its first worker starts.
    pub fn first(self) -> Option<Act> {
        let hour = Duration::from_hours(1).as_micros();
        (self == Self::OwnClock).then(|| Act::Skew(0, i64::try_from(hour).unwrap_or(i64::MAX)))
    }

    /// The weather of this scene.
    pub fn weather(self, outside: &Arc<Outside>) {
        if self == Self::FullQueue {
            outside.change(S, |state| state.full = Some(0));
            outside.change(50 * S, |state| state.full = None);
        }
    }

    /// The jobs of this scene, with when they are published; `None`: the seed's.
    pub fn jobs(self, people: &[PersonNumber], wall: Timestamp) -> Option<Vec<(u64, Spec)>> {
        let job = |agency, name: String, lane, recipients| {
            let mut spec = Spec {
                lane,
                class: Class::ServiceMessage,
                rule: ChannelRule::SmsPreferred,
                window: Some(Window::Anytime),
                if_uncertain: IfUncertain::Resend,
                recipients,
                ..Spec::fresh(agency, &name)
            };
            spec.write();
            spec
        };
        let one = |at, recipients| {
            Some(vec![(
                at,
                job(0, "one".to_owned(), Lane::Normal, recipients),
            )])
        };
        match self {
            Self::Storm | Self::Calm => None,
            Self::SlowIntent => {
                let persons = people.iter().take(8).cloned().map(Whom::Person);
                one(
                    2 * S,
                    persons.map(|whom| (whom, "deg".to_owned())).collect(),
                )
            }
            Self::LateAnswer | Self::LostClaim => one(2 * S, phones(0, 8)),
            Self::OwnClock => {
                let mut spec = job(0, "one".to_owned(), Lane::Normal, phones(0, 8));
                spec.expires = Some(wall.plus(Duration::from_mins(10)));
                spec.write();
                Some(vec![(0, spec)])
            }
            Self::FullQueue => {
                let first = job(0, "unread".to_owned(), Lane::Normal, phones(0, 40));
                let mut jobs = vec![(2 * S, first)];
                for number in 0..20 {
                    let recipients = phones(40 + number, 1);
                    let spec = job(1, format!("read-{number}"), Lane::Normal, recipients);
                    jobs.push(((3 + 2 * number) * S, spec));
                }
                Some(jobs)
            }
            Self::Crowd => {
                let mut jobs = Vec::new();
                for number in 0..9 {
                    for (agency, from) in [(0, S), (1, 8 * S)] {
                        let lane = if number % 3 == 0 {
                            Lane::Bulk
                        } else {
                            Lane::Normal
                        };
                        let name = format!("crowd-{agency}-{number}");
                        let first = (agency as u64 * 9 + number) * 40;
                        jobs.push((from + number, job(agency, name, lane, phones(first, 40))));
                    }
                }
                Some(jobs)
            }
        }
    }
}

fn phones(first: u64, count: u64) -> Vec<(Whom, String)> {
    (first..first + count)
        .map(|n| (Whom::Phone(phone(100_000 + n)), format!("nr{n}")))
        .collect()
}
