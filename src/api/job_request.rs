//! The shape of a job (contract sections 2 and 8) for the description only: what is read and
//! checked is the business of [`mod@crate::domain::job::parse`].

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

use super::words::{
    ChannelRuleWord, ClassWord, IfUncertainWord, LaneWord, LanguageWord, WindowWord,
};

macro_rules! described {
    ($($(#[$meta:meta])* struct $name:ident as $schema:ident {
        $($(#[$fmeta:meta])* $field:ident: $type:ty,)+
    })+) => {$(
        $(#[$meta])*
        #[derive(ToSchema)]
        #[schema(as = $schema)]
        #[expect(dead_code, reason = "describes JSON that domain::job::parse reads")]
        pub(super) struct $name { $($(#[$fmeta])* $field: $type,)+ }
    )+};
}

described! {
    /// One text, one or many recipients, one set of rules. Exactly one of `recipients` and
    /// `audience`.
    struct JobRequest as Job {
        /// Your own id of the job, and its idempotency key.
        #[schema(pattern = "^[A-Za-z0-9._:-]{1,100}$", example = "appointment-8831")]
        job: String,
        #[schema(inline = false)]
        class: ClassWord,
        /// Why the register is asked; required when a recipient is a person.
        #[schema(min_length = 1, max_length = 200, example = "Outpatient appointment reminder")]
        purpose: Option<String>,
        /// Default `normal`.
        lane: Option<LaneWord>,
        /// Default `sms_preferred`.
        channel: Option<ChannelRuleWord>,
        /// The default language of `message`, default `nb`; the person's own language wins when the
        /// job has it.
        language: Option<LanguageWord>,
        /// The texts by language, at least in the default language: `nb`, `nn`, `en`, `se`.
        message: BTreeMap<String, MessageTexts>,
        /// Whom to tell.
        #[schema(min_items = 1, max_items = 10_000)]
        recipients: Option<Vec<RecipientEntry>>,
        /// Instead of `recipients`: everybody registered at a street. Service messages only.
        audience: Option<AudienceEntry>,
        /// RFC 3339 with offset; nothing is sent before.
        #[schema(format = DateTime)]
        send_after: Option<String>,
        /// RFC 3339 with offset; nothing of the first occasion is sent after. Default: 72 hours
        /// after the first possible sending.
        #[schema(format = DateTime)]
        expires: Option<String>,
        /// Default `daytime` for SMS in lanes `normal` and `bulk`, else `anytime`.
        window: Option<WindowWord>,
        /// Letters only: sent while the letter has not been reported opened.
        #[schema(max_items = 5)]
        reminders: Option<Vec<ReminderEntry>>,
        /// Default `resend`: at most once more.
        if_uncertain: Option<IfUncertainWord>,
    }

    /// The texts in one language, as Jinja templates over the recipient's `values`.
    struct MessageTexts as Texts {
        /// At most 10 parts for every recipient.
        #[schema(example = "Time hos oss {{ time }}.")]
        sms: Option<String>,
        email: Option<EmailTexts>,
    }

    /// An e-mail.
    struct EmailTexts as EmailTexts {
        /// Subject line.
        subject: String,
        /// The plain text part.
        text: String,
        /// The HTML part; values are escaped in it.
        html: Option<String>,
    }

    /// One recipient: exactly one of `person`, `phone` and `email`.
    struct RecipientEntry as Recipient {
        /// Your own reference, unique in the job; default: the 1-based position.
        #[serde(rename = "ref")]
        #[schema(pattern = "^[A-Za-z0-9._:-]{1,100}$", example = "row-1")]
        reference: Option<String>,
        /// A national identity number or D-number.
        person: Option<String>,
        /// A phone number.
        phone: Option<String>,
        /// An e-mail address.
        email: Option<String>,
        /// What the templates name: strings, numbers, booleans.
        values: Option<BTreeMap<String, Value>>,
    }

    /// Everybody registered at a street.
    struct AudienceEntry as Audience {
        street: StreetEntry,
        /// Only the first reachable adult of each household is written to.
        per_household: Option<bool>,
    }

    /// A stretch of a street in your own municipality.
    struct StreetEntry as Street {
        /// Four digits.
        #[schema(pattern = "^[0-9]{4}$", example = "0301")]
        municipality: String,
        /// Its name.
        #[schema(example = "Storgata")]
        street: String,
        /// The first house number.
        from: u32,
        /// The last house number.
        to: u32,
        /// `odd`, `even` or `both` (default).
        side: Option<String>,
    }

    /// One reminder.
    struct ReminderEntry as Reminder {
        /// Days after the first occasion.
        #[schema(minimum = 1, maximum = 30)]
        after_days: u8,
    }
}
