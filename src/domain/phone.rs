//! Phone numbers that can receive an SMS, kept in E.164.

use std::fmt;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType};

/// A phone number in E.164, for example `+4799999999`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhoneNumber(Box<str>);

/// Why a text is no phone number that can receive an SMS. The texts never repeat the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Cannot be read as a phone number.
    #[error("is not a phone number; write it as +47 and 8 digits, or + and the country code")]
    Shape,
    /// Norwegian, but of a kind that receives no SMS: fixed line, short number, machine.
    #[error(
        "is a Norwegian number that receives no SMS; a mobile number has 8 digits and begins with 4 or 9"
    )]
    NotMobile,
    /// No such number exists in the country that it names.
    #[error("is not a possible number in the country of its country code")]
    Foreign,
    /// A number that nobody has in a pocket: premium rate, toll-free, voice mail.
    #[error("is a service number, which receives no SMS")]
    Service,
}

/// The longest number that E.164 knows.
const MAX_DIGITS: usize = 15;

impl PhoneNumber {
    /// Reads a number: `+` or `00` and a country code, or a Norwegian number of eight digits, with
    /// spaces and hyphens anywhere but in front.
    ///
    /// Norwegian numbers must begin with 4 or 9 (`domain.md` 7.3): fixed lines, five-digit and
    /// 0xxxx numbers and the machine series 58 and 59 receive no SMS. Whether a Norwegian series
    /// is given to an operator is not asked, as the register's test data use free ones. Foreign
    /// numbers must be valid by their country's plan; fixed lines are let through, since in many
    /// countries they cannot be told from mobiles.
    ///
    /// # Errors
    /// [`PhoneError`] when no phone there could receive an SMS.
    pub fn parse(raw: &str) -> Result<Self, PhoneError> {
        let digits = digits_of(raw)?;
        let number = digits.as_str();
        if let Some(international) = number.strip_prefix('+') {
            return match international.strip_prefix("47") {
                Some(national) => norwegian(national),
                None => foreign(number),
            };
        }
        match number.strip_prefix("47") {
            Some(national) if number.len() == 10 => norwegian(national),
            _ => norwegian(number),
        }
    }

    /// The E.164 text; for adapters and the store only.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the number belongs to Norway.
    pub fn is_norwegian(&self) -> bool {
        self.0.starts_with("+47")
    }
}

/// The digits alone, with `+` in front if the number names its country.
fn digits_of(raw: &str) -> Result<String, PhoneError> {
    let (mut digits, rest) = match raw.strip_prefix('+') {
        Some(rest) => (String::from("+"), rest),
        None => (String::new(), raw),
    };
    for character in rest.chars() {
        match character {
            '0'..='9' if digits.len() < MAX_DIGITS + 2 => digits.push(character),
            ' ' | '-' | '\u{a0}' | '\u{2011}' if !digits.is_empty() => {}
            _ => return Err(PhoneError::Shape),
        }
    }
    match digits.strip_prefix("00") {
        Some(international) => Ok(format!("+{international}")),
        None => Ok(digits),
    }
}

fn norwegian(national: &str) -> Result<PhoneNumber, PhoneError> {
    match (national.len(), national.as_bytes().first()) {
        (8, Some(b'4' | b'9')) => Ok(PhoneNumber(format!("+47{national}").into())),
        (8, Some(b'2' | b'3' | b'5' | b'6' | b'7' | b'8')) => Err(PhoneError::NotMobile),
        (5, _) => Err(PhoneError::NotMobile),
        (12, Some(b'5')) => Err(PhoneError::NotMobile),
        _ => Err(PhoneError::Shape),
    }
}

fn foreign(number: &str) -> Result<PhoneNumber, PhoneError> {
    let Ok(parsed) = PHONE_NUMBER_UTIL.parse(number, None) else {
        return Err(PhoneError::Foreign);
    };
    if !parsed.is_valid() {
        return Err(PhoneError::Foreign);
    }
    match parsed.get_type() {
        PhoneNumberType::Mobile
        | PhoneNumberType::FixedLineOrMobile
        | PhoneNumberType::FixedLine
        | PhoneNumberType::VoIP
        | PhoneNumberType::PersonalNumber
        | PhoneNumberType::Unknown => {
            let text = parsed.format_as(PhoneNumberFormat::E164);
            Ok(PhoneNumber(text.into_owned().into()))
        }
        PhoneNumberType::TollFree
        | PhoneNumberType::PremiumRate
        | PhoneNumberType::SharedCost
        | PhoneNumberType::Pager
        | PhoneNumberType::UAN
        | PhoneNumberType::VoiceMail => Err(PhoneError::Service),
    }
}

/// Masked: a number is personal.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("+** ***")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(raw: &str) -> Result<String, PhoneError> {
        PhoneNumber::parse(raw).map(|number| number.expose().into())
    }

    #[test]
    fn norwegian_mobiles_are_read_however_they_are_written() {
        for raw in [
            "+4799999999",
            "004799999999",
            "99999999",
            "999 99 999",
            "+47 999 99 999",
            "+47-99-99-99-99",
            "00 47 99999999",
            "47 99 99 99 99",
            "+47\u{a0}999\u{a0}99\u{a0}999",
        ] {
            assert_eq!(read(raw).as_deref(), Ok("+4799999999"), "{raw}");
        }
        assert_eq!(read("40000000").as_deref(), Ok("+4740000000"));
        assert_eq!(read("47123456").as_deref(), Ok("+4747123456"));
    }

    #[test]
    fn norwegian_numbers_without_sms_are_refused_by_kind() {
        for raw in [
            "22225555",
            "+4722225555",
            "80012345",
            "02800",
            "+4702800",
            "59000000",
            "+47580000000000",
            "580000000000",
        ] {
            assert_eq!(read(raw), Err(PhoneError::NotMobile), "{raw}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for raw in [
            "",
            "+",
            "00",
            "0047",
            "9999999",
            "999999999",
            "+479999999",
            "+47999999999",
            "tlf 99999999",
            "99999999x1",
            "(+47)99999999",
            "+47(0)99999999",
            "++4799999999",
            " 99999999",
            "-99999999",
            "９９９９９９９９",
            "+99999999999999999999999",
        ] {
            assert!(
                matches!(read(raw), Err(PhoneError::Shape | PhoneError::Foreign)),
                "{raw}: {:?}",
                read(raw)
            );
        }
        assert_eq!(read("46 70 123 45 67"), Err(PhoneError::Shape));
    }

    #[test]
    fn valid_foreign_numbers_are_read_and_others_refused() {
        for (raw, wanted) in [
            ("+46 70 174 06 05", "+46701740605"),
            ("0045 32 12 34 56", "+4532123456"),
            ("+358 40 1234567", "+358401234567"),
            ("+44 7400 123456", "+447400123456"),
            ("+1 202-555-0173", "+12025550173"),
            ("+39 06 6988 4857", "+390669884857"),
        ] {
            assert_eq!(read(raw).as_deref(), Ok(wanted), "{raw}");
        }
        for raw in ["+46123", "+999123456789", "+4412", "+1 000 000 0000"] {
            assert_eq!(read(raw), Err(PhoneError::Foreign), "{raw}");
        }
        assert_eq!(read("+1 800 234 5678"), Err(PhoneError::Service));
        assert_eq!(read("+44 909 879 0000"), Err(PhoneError::Service));
    }

    #[test]
    fn a_number_never_shows_in_debug() {
        let number = PhoneNumber::parse("+4799999999").unwrap();
        assert!(number.is_norwegian());
        assert!(!format!("{number:?}").contains('9'));
    }

    proptest! {
        #[test]
        fn what_was_read_is_read_again_as_the_same(raw in "(\\+|00)?[0-9 -]{0,18}") {
            if let Ok(number) = PhoneNumber::parse(&raw) {
                prop_assert_eq!(PhoneNumber::parse(number.expose()), Ok(number));
            }
        }

        #[test]
        fn any_text_is_read_without_panic(raw in ".*") {
            if let Ok(number) = PhoneNumber::parse(&raw) {
                prop_assert!(number.expose().starts_with('+'));
                prop_assert!(number.expose().len() <= MAX_DIGITS + 1);
            }
        }
    }
}
