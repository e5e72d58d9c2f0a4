//! The small closed sets of the contract: class, lane, channel, channel rule, language, window and
//! what to do when nobody can know.
//!
//! Every set has a `code` (one small integer, what a column holds) and a word (what the contract
//! says). Codes are stored: they are never renumbered.

/// Declares a closed set with stored codes and contract words.
macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal, $word:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// What a column holds.
            pub const fn code(self) -> i16 {
                match self { $(Self::$variant => $code,)+ }
            }

            /// Reads a stored code.
            pub const fn from_code(code: i16) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }

            /// The contract's word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Reads the contract's word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use kinds;

kinds! {
    /// Which law applies (`docs/policy.md`): the class decides, no flag can.
    Class {
        /// There is an important letter in the digital mailbox (eForvaltningsforskriften § 8).
        Letter = 0, "letter";
        /// An appointment, water, snow.
        ServiceMessage = 1, "service_message";
    }
}

kinds! {
    /// In which order work is done; lower code first.
    Lane {
        /// A granted right with a quota per agency.
        Urgent = 0, "urgent";
        /// The default.
        Normal = 1, "normal";
        /// Large and patient; keeps 10 % of every gateway's slots.
        Bulk = 2, "bulk";
    }
}

kinds! {
    /// How a person is reached.
    Channel {
        /// A text message through an HTTP gateway.
        Sms = 0, "sms";
        /// An e-mail through an SMTP relay.
        Email = 1, "email";
    }
}

impl Channel {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Sms => Self::Email,
            Self::Email => Self::Sms,
        }
    }
}

kinds! {
    /// Which channels a job may use, and which first.
    ChannelRule {
        /// SMS; e-mail when the SMS address is missing or fails for good.
        SmsPreferred = 0, "sms_preferred";
        /// E-mail; SMS when the e-mail address is missing or fails for good.
        EmailPreferred = 1, "email_preferred";
        /// SMS only.
        Sms = 2, "sms";
        /// E-mail only.
        Email = 3, "email";
        /// Both at once; each has its own delivery.
        Both = 4, "both";
    }
}

impl ChannelRule {
    /// The channel tried first; for `both` the SMS.
    pub const fn first(self) -> Channel {
        match self {
            Self::SmsPreferred | Self::Sms | Self::Both => Channel::Sms,
            Self::EmailPreferred | Self::Email => Channel::Email,
        }
    }

    /// Whether the rule allows `channel` at all.
    pub const fn allows(self, channel: Channel) -> bool {
        match self {
            Self::SmsPreferred | Self::EmailPreferred | Self::Both => true,
            Self::Sms => matches!(channel, Channel::Sms),
            Self::Email => matches!(channel, Channel::Email),
        }
    }

    /// Whether a delivery may move to the other channel.
    pub const fn falls_back(self) -> bool {
        matches!(self, Self::SmsPreferred | Self::EmailPreferred)
    }
}

kinds! {
    /// The languages that the register knows.
    Language {
        /// Norwegian Bokmål.
        Nb = 0, "nb";
        /// Norwegian Nynorsk.
        Nn = 1, "nn";
        /// English.
        En = 2, "en";
        /// Northern Sami.
        Se = 3, "se";
    }
}

kinds! {
    /// When sending is allowed.
    Window {
        /// 09:00–17:00 Europe/Oslo on Norwegian working days, half-open.
        Daytime = 0, "daytime";
        /// Always.
        Anytime = 1, "anytime";
    }
}

kinds! {
    /// What to do when nobody can know whether a try arrived.
    IfUncertain {
        /// One more try, marked as a possible duplicate.
        Resend = 0, "resend";
        /// Never again; the delivery ends as uncertain.
        Leave = 1, "leave";
    }
}
