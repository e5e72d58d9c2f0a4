//! The urgent quota of an agency: how much of what it accepts within an hour keeps lane urgent
//!
//!
//! Counted are SMS parts and e-mails. The hour slides by whole minutes: the minute that has begun
//! and the sixty before it count, so no 60 minutes hold more than the quota.

use serde::{Deserialize, Serialize};

use super::job::{Job, Recipient, Templates, To};
use super::kinds::{Channel, ChannelRule};
use super::sms_parts;
use super::time::Timestamp;

const MINUTE: i64 = 60_000_000;

/// How many minutes before the one that has begun count.
const REACH: i64 = 60;

/// What an agency used of its quota, by minutes since 1970. Stored as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UrgentUse(Vec<(i64, u64)>);

impl UrgentUse {
    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// The text is something else.
    pub fn decode(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// As text: nothing personal, at most 61 pairs of numbers.
    pub fn encode(&self) -> String {
        // Numbers always serialise; an empty text would be refused when it is read.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Takes the costs of the first recipients, as many as the quota still has room for, and answers
    /// how many these are. Those behind them are over the quota.
    pub fn take(&mut self, now: Timestamp, per_hour: u32, costs: &[u32]) -> usize {
        let minute = now.0.div_euclid(MINUTE);
        self.0.retain(|(at, _)| *at >= minute - REACH);
        let used: u64 = self.0.iter().map(|(_, used)| used).sum();
        let room = u64::from(per_hour).saturating_sub(used);
        let mut taken = 0;
        let mut kept = 0;
        for cost in costs {
            let more = taken + u64::from(*cost);
            if more > room {
                break;
            }
            (taken, kept) = (more, kept + 1);
        }
        if taken > 0 {
            match self.0.iter_mut().find(|(at, _)| *at == minute) {
                Some((_, used)) => *used += taken,
                None => self.0.push((minute, taken)),
            }
        }
        kept
    }
}

/// What each recipient of an urgent job counts, reminders included: of an SMS the parts that the
/// longest of its languages takes, of an e-mail one. Where the channel is not known yet, the dearer.
pub fn costs(job: &Job) -> Vec<u32> {
    // A job that was accepted has texts that compile.
    let templates = Templates::compile(&job.message).ok();
    let occasions = u32::try_from(1 + job.rules.reminders.len()).unwrap_or(u32::MAX);
    job.recipients
        .iter()
        .map(|recipient| {
            let parts = || parts(templates.as_ref(), recipient);
            let once = match (&recipient.to, job.rules.channel) {
                (To::Phone(_), _) | (To::Person(_), ChannelRule::Sms) => parts(),
                (To::Email(_), _) | (To::Person(_), ChannelRule::Email) => 1,
                (To::Person(_), ChannelRule::SmsPreferred | ChannelRule::EmailPreferred) => parts(),
                (To::Person(_), ChannelRule::Both) => parts() + 1,
            };
            once.saturating_mul(occasions)
        })
        .collect()
}

/// The most parts that any language of the recipient's SMS takes; at least one.
fn parts(templates: Option<&Templates>, recipient: &Recipient) -> u32 {
    let of_language = |templates: &Templates, language| {
        let text = templates.render_sms(language, &recipient.values).ok()?;
        Some(sms_parts::parts_only(&text))
    };
    templates
        .into_iter()
        .flat_map(|templates| {
            templates
                .languages()
                .filter(|language| templates.has(*language, Channel::Sms))
                .filter_map(move |language| of_language(templates, language))
        })
        .max()
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::{ParseRules, parse};
    use crate::domain::kinds::Class;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_893_456_000_000_000 + seconds * 1_000_000)
    }

    #[test]
    fn the_first_recipients_stay_urgent_and_the_rest_does_not() {
        let mut used = UrgentUse::default();
        assert_eq!(used.take(at(0), 10, &[4, 4, 4, 1]), 2);
        assert_eq!(used.take(at(1), 10, &[3]), 0);
        assert_eq!(used.take(at(2), 10, &[2, 1]), 1);
        assert_eq!(used.take(at(3), 0, &[1]), 0);
    }

    #[test]
    fn what_was_used_counts_for_sixty_minutes_and_at_most_one_more() {
        let mut used = UrgentUse::default();
        assert_eq!(used.take(at(59), 1, &[1]), 1);
        assert_eq!(used.take(at(59 + 3_600), 1, &[1]), 0);
        assert_eq!(used.take(at(60 + 3_600), 1, &[1]), 1);
    }

    #[test]
    fn what_is_stored_reads_back() {
        let mut used = UrgentUse::default();
        used.take(at(0), 100, &[7]);
        used.take(at(600), 100, &[8]);
        assert_eq!(UrgentUse::decode(&used.encode()).unwrap(), used);
        assert!(UrgentUse::decode("{}").is_err());
    }

    #[test]
    fn the_longest_language_counts_and_an_email_is_one() {
        let body = serde_json::json!({
            "job": "a", "class": "service_message", "channel": "both", "lane": "urgent",
            "purpose": "test",
            "message": {
                "nb": {"sms": "Kort", "email": {"subject": "Emne", "text": "Tekst"}},
                "se": {"sms": "á".repeat(71), "email": {"subject": "Emne", "text": "Tekst"}},
            },
            "recipients": [
                {"ref": "kari", "person": "20914695016"},
                {"ref": "ola", "phone": "+4799999999"},
                {"ref": "siv", "email": "siv@example.no"},
            ],
        });
        let rules = ParseRules {
            allow_synthetic: true,
            classes: Class::ALL,
            lane_of_queue: None,
            municipality: None,
            now: Timestamp(0),
        };
        let job = parse(body.to_string().as_bytes(), &rules);
        assert_eq!(costs(&job.unwrap()), [3, 2, 1]);
    }

    proptest::proptest! {
        #[test]
        fn no_hour_takes_more_than_the_quota(
            quota in 0u32..50,
            takes in proptest::collection::vec((0i64..1_500, proptest::collection::vec(0u32..12, 0..6)), 1..60),
        ) {
            let mut used = UrgentUse::default();
            let mut now = 0;
            let mut taken: Vec<(i64, u32)> = Vec::new();
            for (pause, costs) in takes {
                now += pause;
                let kept = used.take(at(now), quota, &costs);
                taken.push((now, costs[..kept].iter().sum()));
            }
            for (from, _) in &taken {
                let hour = taken.iter().filter(|(at, _)| (*from..from + 3_600).contains(at));
                proptest::prop_assert!(hour.map(|(_, cost)| cost).sum::<u32>() <= quota);
            }
        }
    }
}
