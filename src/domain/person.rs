//! National identity numbers. Only length, check digits and a plausible day and month are
//! checked; nothing is ever derived from them (`domain.md` 7.1): since 2021 a D-number's date and
//! from 2032 every number's sex and century mean nothing.

use std::fmt;

/// A national identity number: fødselsnummer or D-number, real or synthetic.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonNumber([u8; 11]);

/// Why a text is no national identity number. The texts never repeat the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PersonNumberError {
    /// Not eleven digits.
    #[error("must be 11 digits, without spaces")]
    Shape,
    /// The first four digits are no day and month.
    #[error("does not begin with a possible day and month; one of the first 4 digits is wrong")]
    Date,
    /// The last two digits do not follow from the others.
    #[error("has check digits that do not fit the rest; a digit is wrong or two are swapped")]
    CheckDigits,
}

/// Days of each month; a year is not known, so February has 29.
const DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/// Weights of the first check digit, its own included.
const WEIGHTS_1: [u32; 10] = [3, 7, 6, 1, 8, 9, 4, 5, 2, 1];
/// Weights of the second check digit, its own included.
const WEIGHTS_2: [u32; 11] = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1];
/// What synthetic numbers add to the month: NAV's Dolly (and H-numbers), a third set, Tenor.
const SYNTHETIC_MONTHS: [u8; 3] = [40, 65, 80];

impl PersonNumber {
    /// Reads a number: eleven digits, fødselsnummer or D-number (day + 40), real or synthetic
    /// (month + 40, + 65 or + 80; D and synthetic combine), by the check rule of today or the one
    /// that holds beside it from 2032.
    ///
    /// # Errors
    /// [`PersonNumberError`] when it can be nobody's number.
    pub fn parse(raw: &str) -> Result<Self, PersonNumberError> {
        let Ok(bytes) = <[u8; 11]>::try_from(raw.as_bytes()) else {
            return Err(PersonNumberError::Shape);
        };
        if !bytes.iter().all(u8::is_ascii_digit) {
            return Err(PersonNumberError::Shape);
        }
        let number = Self(bytes);
        if !number.has_plausible_date() {
            return Err(PersonNumberError::Date);
        }
        if !check_digits_fit(&number.0) {
            return Err(PersonNumberError::CheckDigits);
        }
        Ok(number)
    }

    /// Whether it belongs to a made-up person: the month is raised by 40, 65 or 80. The old
    /// H-numbers of hospitals (month + 40) cannot be told from synthetic ones; no register knows
    /// them, so nothing is lost.
    pub fn is_synthetic(&self) -> bool {
        self.month() > 12
    }

    /// Whether `raw` looks like a number that a spreadsheet took for an amount: ten digits that are
    /// valid with a zero in front. For a helpful message; nothing is ever repaired silently.
    pub fn missing_leading_zero(raw: &str) -> bool {
        raw.len() == 10 && Self::parse(&format!("0{raw}")).is_ok()
    }

    /// A synthetic number (month + 80, as Tenor's) that is valid under both check rules, for demo,
    /// sandbox and tests. Different seeds below 26,880,000 give different numbers; the same seed
    /// always gives the same one.
    pub fn synthetic(seed: u32) -> Self {
        // Of ten numbers that differ in the ninth digit alone, each check digit excludes at most
        // one: at least eight are valid. The seed chooses among the first eight.
        let (nth, rest) = (seed % 8, seed / 8);
        let (day, rest) = (1 + rest % 28, rest / 28);
        let (month, rest) = (81 + rest % 12, rest / 12);
        let (year, rest) = (rest % 100, rest / 100);
        let series = rest % 100;
        let head = ((day * 100 + month) * 100 + year) * 100 + series;
        let valid = (0..10).filter_map(|ninth| with_check_digits(head * 10 + ninth));
        let fallback = Self(*b"20914695016");
        valid.take(nth as usize + 1).last().unwrap_or(fallback)
    }

    /// The eleven digits; for adapters and the store only.
    pub fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn two_digits(&self, at: usize) -> u8 {
        (self.0[at] - b'0') * 10 + (self.0[at + 1] - b'0')
    }

    fn month(&self) -> u8 {
        self.two_digits(2)
    }

    fn has_plausible_date(&self) -> bool {
        let day = match self.two_digits(0) {
            d_number @ 41..=71 => d_number - 40,
            day => day,
        };
        let month = self.month();
        let plain = SYNTHETIC_MONTHS
            .iter()
            .map(|raised| month.wrapping_sub(*raised))
            .find(|plain| (1..=12).contains(plain))
            .unwrap_or(month);
        (1..=12).contains(&plain) && (1..=DAYS[usize::from(plain) - 1]).contains(&day)
    }
}

/// Weighted sum modulo 11 over as many digits as there are weights.
fn remainder(digits: &[u8], weights: &[u32]) -> u32 {
    let products = digits.iter().zip(weights);
    products
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum::<u32>()
        % 11
}

/// Today the first remainder is 0; from 2032 it may be 0 to 3. Both rules are valid side by side.
fn check_digits_fit(digits: &[u8; 11]) -> bool {
    remainder(digits, &WEIGHTS_1) <= 3 && remainder(digits, &WEIGHTS_2) == 0
}

/// Completes nine digits by today's rule, where a number can be made of them.
fn with_check_digits(head: u32) -> Option<PersonNumber> {
    let mut digits = [b'0'; 11];
    digits[..9].copy_from_slice(format!("{head:09}").as_bytes().get(..9)?);
    digits[9] = b'0' + check_digit(remainder(&digits, &WEIGHTS_1))?;
    digits[10] = b'0' + check_digit(remainder(&digits, &WEIGHTS_2))?;
    Some(PersonNumber(digits))
}

/// 11 − remainder; 11 becomes 0, and with 10 the number is never issued.
fn check_digit(remainder: u32) -> Option<u8> {
    u8::try_from((11 - remainder) % 11).ok().filter(|d| *d < 10)
}

impl fmt::Debug for PersonNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***********")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Nine digits completed by today's rule.
    fn completed(head: &str) -> Option<PersonNumber> {
        with_check_digits(head.parse().unwrap())
    }

    #[test]
    fn the_published_examples_are_read() {
        for valid in ["02013299997", "30108299920", "20914695016", "23079421936"] {
            assert_eq!(PersonNumber::parse(valid).unwrap().expose(), valid);
        }
        assert!(PersonNumber::parse("20914695016").unwrap().is_synthetic());
        assert!(!PersonNumber::parse("23079421936").unwrap().is_synthetic());
    }

    #[test]
    fn a_number_of_the_rule_of_2032_is_read_today() {
        assert!(PersonNumber::parse("30108299939").is_ok());
        assert_ne!(remainder(b"30108299939", &WEIGHTS_1), 0);
    }

    #[test]
    fn wrong_check_digits_are_told_from_wrong_dates_and_shapes() {
        use PersonNumberError::{CheckDigits, Date, Shape};
        for (wrong, error) in [
            ("01410199830", CheckDigits),
            ("20914695061", CheckDigits),
            ("00010112345", Date),
            ("32010112345", Date),
            ("30020112345", Date),
            ("31040112345", Date),
            ("72010112345", Date),
            ("01130112345", Date),
            ("01400112345", Date),
            ("01930112345", Date),
            ("01000112345", Date),
            ("99999999999", Date),
            ("2091469501", Shape),
            ("209146950166", Shape),
            ("209146 95016", Shape),
            ("20914695o16", Shape),
            ("２０９１４６９５０１６", Shape),
            ("", Shape),
        ] {
            assert_eq!(PersonNumber::parse(wrong), Err(error), "{wrong}");
        }
    }

    #[test]
    fn d_numbers_and_all_synthetic_months_combine() {
        for day in [1, 41, 29, 69] {
            for (raised, synthetic) in [(0, false), (40, true), (65, true), (80, true)] {
                let month = 2 + raised;
                let number = (0..10)
                    .find_map(|n| completed(&format!("{day:02}{month:02}9012{n}")))
                    .unwrap();
                let read = PersonNumber::parse(number.expose()).unwrap();
                assert_eq!(read.is_synthetic(), synthetic);
            }
        }
    }

    #[test]
    fn a_lost_leading_zero_is_recognised() {
        assert!(PersonNumber::missing_leading_zero("2013299997"));
        assert!(!PersonNumber::missing_leading_zero("2013299998"));
        assert!(!PersonNumber::missing_leading_zero("02013299997"));
        assert!(!PersonNumber::missing_leading_zero("0914695016"));
    }

    #[test]
    fn synthetic_numbers_are_valid_and_do_not_repeat() {
        let numbers: HashSet<_> = (0..20_000).map(PersonNumber::synthetic).collect();
        assert_eq!(numbers.len(), 20_000);
        for number in &numbers {
            assert_eq!(PersonNumber::parse(number.expose()).as_ref(), Ok(number));
            assert!(number.is_synthetic());
            assert_eq!(remainder(&number.0, &WEIGHTS_1), 0);
        }
    }

    #[test]
    fn no_number_shows_in_debug_or_errors() {
        let number = PersonNumber::parse("20914695016").unwrap();
        assert_eq!(format!("{number:?}"), "***********");
        let error = PersonNumber::parse("01410199830").unwrap_err().to_string();
        assert!(!error.contains("014101"), "{error}");
    }

    proptest! {
        #[test]
        fn one_wrong_digit_in_the_first_nine_never_passes_both_check_digits_of_today(
            seed in any::<u32>(), at in 0_usize..9, by in 1_u8..10,
        ) {
            let mut digits = PersonNumber::synthetic(seed).0;
            digits[at] = b'0' + (digits[at] - b'0' + by) % 10;
            prop_assert!(remainder(&digits, &WEIGHTS_2) != 0);
        }

        #[test]
        fn any_text_is_read_without_panic(raw in ".*") {
            let read = PersonNumber::parse(&raw);
            prop_assert!(read.is_err() || raw.len() == 11);
        }
    }
}
