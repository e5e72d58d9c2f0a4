//! E-mail addresses, read conservatively: what every mail system carries, and nothing that could
//! break out of a header or an SMTP command.

use std::fmt;

/// An e-mail address; the domain in lower case, as Unicode where it was written so.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmailAddress(Box<str>);

/// Why a text is no e-mail address. The texts never repeat the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Cannot be read as an e-mail address.
    #[error("is not an e-mail address; write it as name@domain")]
    Shape,
    /// The part before the @.
    #[error(
        "has something before the @ that is not allowed; use letters a-z, digits, . and !#$%&'*+-/=?^_`{{|}}~, at most 64"
    )]
    Local,
    /// The part after the @.
    #[error("has something after the @ that is no domain name")]
    Domain,
    /// Longer than mail systems carry.
    #[error("is longer than 254 characters")]
    TooLong,
}

/// RFC 5321 4.5.3.1.1.
const MAX_LOCAL: usize = 64;
/// RFC 3696 erratum 1690: a path is 256 octets, brackets included.
const MAX_LENGTH: usize = 254;
/// RFC 1035 2.3.4.
const MAX_LABEL: usize = 63;

impl EmailAddress {
    /// Reads an address: a dot-atom of RFC 5322 in ASCII, `@`, and a domain name of at least two
    /// labels. No quoted names, comments, address literals, spaces or control characters. Letters
    /// beyond ASCII are let through in the domain (IDN); the adapter that sends turns it into its
    /// ASCII form.
    ///
    /// # Errors
    /// [`EmailError`] when no mail could be sent there.
    pub fn parse(raw: &str) -> Result<Self, EmailError> {
        if raw.len() > MAX_LENGTH {
            return Err(EmailError::TooLong);
        }
        let (local, domain) = raw.rsplit_once('@').ok_or(EmailError::Shape)?;
        if local.is_empty() || domain.is_empty() {
            return Err(EmailError::Shape);
        }
        if local.len() > MAX_LOCAL || !local.split('.').all(is_atom) {
            return Err(EmailError::Local);
        }
        let lower = domain.to_lowercase();
        if !is_domain(&lower) {
            return Err(EmailError::Domain);
        }
        let address = format!("{local}@{lower}");
        if address.len() > MAX_LENGTH {
            return Err(EmailError::TooLong);
        }
        Ok(Self(address.into()))
    }

    /// The text; for adapters and the store only.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The domain, in lower case; for limits per domain.
    pub fn domain(&self) -> &str {
        self.0
            .rsplit_once('@')
            .map_or("", |(_local, domain)| domain)
    }

    /// What two addresses of the same mailbox have in common, as practice has it: the whole in
    /// lower case. For comparing only, never for sending (RFC 5321 2.4 leaves the case of the
    /// local part to its host).
    pub fn fold(&self) -> String {
        self.0.to_lowercase()
    }
}

/// One or more `atext` of RFC 5322 3.2.3.
fn is_atom(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
}

fn is_domain(domain: &str) -> bool {
    domain.contains('.')
        && domain.split('.').all(is_label)
        && domain.rsplit('.').next().is_some_and(is_top_level)
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| {
            c.is_ascii_alphanumeric() || c == '-' || (!c.is_ascii() && c.is_alphanumeric())
        })
}

/// No top-level domain is a number: `1.2.3.4` is an address of a machine.
fn is_top_level(label: &str) -> bool {
    label.chars().count() >= 2 && !label.bytes().all(|b| b.is_ascii_digit())
}

/// Masked: an address is personal.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***@***")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_addresses_are_read_with_the_domain_in_lower_case() {
        for (raw, wanted) in [
            ("kari@example.no", "kari@example.no"),
            ("Kari.Nordmann+x@Example.NO", "Kari.Nordmann+x@example.no"),
            (
                "o'neil_1-2@sub.example.co.uk",
                "o'neil_1-2@sub.example.co.uk",
            ),
            ("post@Rødøy.no", "post@rødøy.no"),
            ("post@xn--rdy-0nab.no", "post@xn--rdy-0nab.no"),
        ] {
            assert_eq!(EmailAddress::parse(raw).unwrap().expose(), wanted);
        }
    }

    #[test]
    fn what_could_break_out_of_a_header_or_command_is_refused() {
        for raw in [
            "a@example.no\r\nBcc: b@example.no",
            "a\n@example.no",
            "a\0@example.no",
            "a b@example.no",
            "\"a b\"@example.no",
            "<a@example.no>",
            "a@example.no>",
            "a@exam ple.no",
            "a,b@example.no",
            "a@example.no,b@example.no",
            "a;b@example.no",
            "a(x)@example.no",
            "a\\b@example.no",
            "a@[127.0.0.1]",
            "a@example.no\t",
            " a@example.no",
            "a\u{202e}@example.no",
            "å@example.no",
            "a@ex\u{200b}ample.no",
            "a@exam\u{ad}ple.no",
            "a@ex\u{202e}ample.no",
        ] {
            assert!(EmailAddress::parse(raw).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn the_error_names_the_wrong_part() {
        let long_label = format!("a@{}.no", "x".repeat(64));
        let long_local = format!("{}@example.no", "x".repeat(65));
        let long = format!("a@{}no", "example.".repeat(32));
        for (raw, error) in [
            ("", EmailError::Shape),
            ("kari", EmailError::Shape),
            ("@example.no", EmailError::Shape),
            ("kari@", EmailError::Shape),
            (".kari@example.no", EmailError::Local),
            ("kari.@example.no", EmailError::Local),
            ("ka..ri@example.no", EmailError::Local),
            ("a@b@example.no", EmailError::Local),
            (&long_local, EmailError::Local),
            ("kari@localhost", EmailError::Domain),
            ("kari@-example.no", EmailError::Domain),
            ("kari@example-.no", EmailError::Domain),
            ("kari@example..no", EmailError::Domain),
            ("kari@example.no.", EmailError::Domain),
            ("kari@exa_mple.no", EmailError::Domain),
            ("kari@1.2.3.4", EmailError::Domain),
            (&long_label, EmailError::Domain),
            (&long, EmailError::TooLong),
        ] {
            assert_eq!(EmailAddress::parse(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn the_longest_allowed_parts_are_read() {
        let raw = format!("{}@{}.no", "x".repeat(64), "y".repeat(63));
        assert!(EmailAddress::parse(&raw).is_ok());
    }

    #[test]
    fn folded_addresses_are_equal_whatever_the_case_and_debug_is_masked() {
        let one = EmailAddress::parse("Kari@Example.no").unwrap();
        let two = EmailAddress::parse("kari@example.NO").unwrap();
        assert_ne!(one, two);
        assert_eq!(one.fold(), two.fold());
        assert_eq!(one.domain(), "example.no");
        assert_eq!(format!("{one:?}"), "***@***");
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_one_line_without_blanks_and_reads_again(raw in "\\PC{0,20}@\\PC{0,20}\\.[a-z]{2,3}|.*@.*") {
            if let Ok(address) = EmailAddress::parse(&raw) {
                prop_assert!(!address.expose().chars().any(|c| c.is_whitespace() || c.is_control()));
                prop_assert_eq!(address.expose().matches('@').count(), 1);
                prop_assert_eq!(EmailAddress::parse(address.expose()), Ok(address));
            }
        }
    }
}
