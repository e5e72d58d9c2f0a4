//! The rules of a job: everything that the plan needs and that is not personal.

use serde::{Deserialize, Serialize};

use crate::domain::kinds::{ChannelRule, Class, IfUncertain, Lane, Language, Window};
use crate::domain::time::Timestamp;

/// What decides whether, when and where. Stored as JSON; fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Which law applies.
    pub class: Class,
    /// Why the register is looked up; present when any recipient is a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The lane asked for and granted at intake.
    pub lane: Lane,
    /// Which channels, which first.
    pub channel: ChannelRule,
    /// The default language of the message.
    pub language: Language,
    /// Nothing is sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_after: Option<Timestamp>,
    /// Occasion 0 is not sent after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The window asked for; `None`: the default of channel and lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Reminders of a letter; occasion n is the n-th.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reminders: Vec<Reminder>,
    /// What to do about an unknown try.
    pub if_uncertain: IfUncertain,
    /// Everybody registered at a street, instead of recipients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<StreetAudience>,
    /// All recipients are direct addresses and no two are the same: nobody can be covered.
    #[serde(default)]
    pub distinct: bool,
}

/// One reminder of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// Days after the first sending, 1–30.
    pub after_days: u8,
}

/// Everybody registered at a street.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreetAudience {
    /// Four digits.
    pub municipality: String,
    /// The street's name.
    pub street: String,
    /// First house number.
    pub from: u32,
    /// Last house number, inclusive.
    pub to: u32,
    /// Which side of the street.
    pub side: Side,
    /// One message per household.
    pub per_household: bool,
}

/// Which house numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Odd numbers.
    Odd,
    /// Even numbers.
    Even,
    /// All.
    Both,
}

impl Rules {
    /// The window that holds on `channel`: the one asked for, else daytime for SMS in lanes normal
    /// and bulk, else anytime. Urgent over its quota keeps its window, so `lane` is the lane asked
    /// for.
    pub fn window_on(&self, channel: crate::domain::kinds::Channel) -> Window {
        use crate::domain::kinds::Channel;
        match (self.window, channel, self.lane) {
            (Some(window), _, _) => window,
            (None, Channel::Sms, Lane::Normal | Lane::Bulk) => Window::Daytime,
            (None, Channel::Sms, Lane::Urgent) | (None, Channel::Email, _) => Window::Anytime,
        }
    }
}
