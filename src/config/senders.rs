//! Who a message says it is from, and other texts with a rule of their own.

use crate::domain::email::EmailAddress;

/// Declares a text with a rule of its own.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl $crate::config::reader::Setting for $name {
            fn read(
                node: &$crate::config::node::Node,
                path: &str,
                findings: &mut $crate::config::reader::Findings,
            ) -> Option<Self> {
                $crate::config::values::from_text(node, path, findings, |text| {
                    $check(text).map(|()| Self(text.to_owned()))
                })
            }

            fn show(&self) -> Option<toml::Value> {
                Some(self.0.clone().into())
            }
        }
    };
}
pub(super) use checked_text;

checked_text!(
    /// A municipality number: four digits, for example `0301`.
    MunicipalityNumber,
    |text: &str| if text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit()) {
        Ok(())
    } else {
        Err("is no municipality number: four digits in quotes such as \"0301\"")
    }
);

checked_text!(
    /// What a phone shows as the sender of an SMS: up to 11 letters and digits with at least one
    /// letter, or a number of 3 to 15 digits.
    SmsSender,
    |text: &str| if is_sms_sender(text) {
        Ok(())
    } else {
        Err(
            "is no SMS sender: up to 11 letters A-Z a-z and digits with at least one letter, or 3 to 15 digits",
        )
    }
);

checked_text!(
    /// The sender of an e-mail: `Name <address>` or an address.
    Mailbox,
    |text: &str| Mailbox::split(text).map(|_parts| ()).ok_or(
        "is no e-mail sender; write \"Name <address@host>\" or \"address@host\""
    )
);

impl Mailbox {
    /// Name and address.
    fn split(text: &str) -> Option<(&str, &str)> {
        let text = text.trim();
        let (name, address) = match text.split_once('<') {
            Some((name, rest)) => (name.trim().trim_matches('"'), rest.strip_suffix('>')?),
            None => ("", text),
        };
        let is_plain = |c: char| !c.is_control() && !matches!(c, '<' | '>' | '"' | '\\');
        let usable = name.chars().all(is_plain) && EmailAddress::parse(address).is_ok();
        usable.then_some((name, address))
    }

    /// The name shown; empty when none is configured.
    pub fn name(&self) -> &str {
        Self::split(&self.0).map_or("", |(name, _)| name)
    }

    /// The address.
    pub fn address(&self) -> &str {
        Self::split(&self.0).map_or("", |(_, address)| address)
    }
}

fn is_sms_sender(text: &str) -> bool {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    if digits {
        return (3..=15).contains(&text.len());
    }
    (1..=11).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sms_sender_is_a_short_word_or_a_number() {
        for good in ["OsloKommune", "Oslo", "1Oslo", "2080", "4799999999"] {
            assert!(is_sms_sender(good), "{good}");
        }
        for bad in [
            "",
            "OsloKommune1",
            "Oslo kom",
            "Tromsø",
            "20",
            "1234567890123456",
            "+4720",
        ] {
            assert!(!is_sms_sender(bad), "{bad}");
        }
    }

    #[test]
    fn a_mailbox_is_a_name_and_an_address() {
        let parts = Mailbox::split;
        assert_eq!(
            parts("Oslo kommune <varsel@oslo.example>"),
            Some(("Oslo kommune", "varsel@oslo.example"))
        );
        assert_eq!(
            parts("varsel@oslo.example"),
            Some(("", "varsel@oslo.example"))
        );
        assert_eq!(parts("\"Oslo, by\" <a@b.no>"), Some(("Oslo, by", "a@b.no")));
        for bad in [
            "",
            "Oslo",
            "Oslo <a@b",
            "a@",
            "@b",
            "a b@c.no",
            "Oslo\r\nBcc: x <a@b.no>",
            "a@b.no, c@d.no",
        ] {
            assert_eq!(parts(bad), None, "{bad:?}");
        }
    }
}
