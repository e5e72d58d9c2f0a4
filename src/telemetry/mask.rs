//! A scanner for what must never be printed: identity numbers, phone numbers and e-mail addresses.
//!
//! Tests hand it everything that was captured: logs, metrics, events, error texts. It knows
//! shapes only, so it also finds what a careless `format!` let through. It reports shape and place,
//! never the text itself.

use std::fmt;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// Eleven digits whose check digits fit: somebody's identity number.
    Person,
    /// `+47` or `0047` and eight digits.
    Phone,
    /// `name@host.tld`.
    Email,
}

impl Shape {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "an identity number",
            Self::Phone => "a phone number",
            Self::Email => "an e-mail address",
        }
    }
}

/// Something personal, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leak {
    /// What it looks like.
    pub shape: Shape,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
}

/// Shape and place, never the text.
impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = self.shape.as_str();
        write!(f, "{shape} at line {}, column {}", self.line, self.column)
    }
}

/// Everything in `text` that has the shape of something personal, in order.
pub fn leaks(text: &str) -> Vec<Leak> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let bytes = line.as_bytes();
        let mut here: Vec<(usize, Shape)> = digits(bytes).chain(emails(bytes)).collect();
        here.sort_unstable();
        found.extend(here.into_iter().map(|(at, shape)| Leak {
            shape,
            line: index + 1,
            column: at + 1,
        }));
    }
    found
}

/// Maximal runs of digits, spaces inside allowed where people write them.
fn digits(line: &[u8]) -> impl Iterator<Item = (usize, Shape)> + '_ {
    let is_digit = |at: usize| line.get(at).is_some_and(u8::is_ascii_digit);
    (0..line.len())
        .filter(move |at| is_digit(*at) && !(*at > 0 && is_digit(at - 1)))
        .filter_map(move |at| {
            let run = tight(line, at);
            let spaced = spaced(line, at);
            let plus = at > 0 && line.get(at - 1) == Some(&b'+');
            let abroad = plus || run.starts_with(b"00") || spaced.starts_with(b"00");
            let is_phone = |digits: &[u8]| is_phone(digits, plus);
            if is_person(run) || is_person(&spaced) {
                Some((at, Shape::Person))
            } else if abroad && (is_phone(run) || is_phone(&spaced)) {
                Some((at, Shape::Phone))
            } else {
                None
            }
        })
}

fn tight(line: &[u8], at: usize) -> &[u8] {
    let rest = line.get(at..).unwrap_or_default();
    let length = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    rest.get(..length).unwrap_or_default()
}

/// The digits from `at` on with single spaces between them left out.
fn spaced(line: &[u8], at: usize) -> Vec<u8> {
    let rest = line.get(at..).unwrap_or_default();
    let mut digits = Vec::new();
    let mut last = b'0';
    for byte in rest {
        match (byte.is_ascii_digit(), *byte == b' ' && last != b' ') {
            (true, _) => digits.push(*byte),
            (false, true) => {}
            (false, false) => break,
        }
        last = *byte;
    }
    digits
}

fn is_phone(digits: &[u8], plus: bool) -> bool {
    let national = if plus {
        digits.strip_prefix(b"47")
    } else {
        digits.strip_prefix(b"0047")
    };
    national.is_some_and(|national| national.len() == 8)
}

/// Check digits by modulus 11, as they were before and as they may be after 2032 (the last digit's
/// remainder may then be 0 to 3; `domain.md` 7.1). Day and month are not looked at.
fn is_person(digits: &[u8]) -> bool {
    const FIRST: [u32; 10] = [3, 7, 6, 1, 8, 9, 4, 5, 2, 1];
    const SECOND: [u32; 11] = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1];
    let remainder = |weights: &[u32]| {
        let products = digits.iter().zip(weights);
        products.map(|(d, w)| u32::from(d - b'0') * w).sum::<u32>() % 11
    };
    digits.len() == 11
        && digits.iter().any(|d| *d != b'0')
        && remainder(&FIRST) <= 3
        && remainder(&SECOND) == 0
}

fn emails(line: &[u8]) -> impl Iterator<Item = (usize, Shape)> + '_ {
    let is_local = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(b);
    let is_host = |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80 || matches!(*b, b'-' | b'.');
    let signs = (0..line.len()).filter(|at| line.get(*at) == Some(&b'@'));
    signs.filter_map(move |at| {
        let before = line.get(..at).unwrap_or_default();
        let after = line.get(at + 1..).unwrap_or_default();
        let local = before.iter().rev().take_while(|b| is_local(b)).count();
        let length = after.iter().take_while(|b| is_host(b)).count();
        let host = after.get(..length).unwrap_or_default();
        let host = host.strip_suffix(b".").unwrap_or(host);
        let dot = host.iter().rposition(|b| *b == b'.');
        let has_top = dot.is_some_and(|dot| dot > 0 && host.len() - dot > 2);
        (local > 0 && has_top).then(|| (at - local, Shape::Email))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(text: &str) -> Vec<Shape> {
        leaks(text).into_iter().map(|leak| leak.shape).collect()
    }

    #[test]
    fn it_finds_identity_numbers_by_their_check_digits() {
        for text in [
            "20914695016",
            "person=02013299997,",
            "{\"person\":\"30108299920\"}",
            "209146 95016",
            "number 30108299939 of the rule of 2032",
        ] {
            assert_eq!(shapes(text), [Shape::Person], "{text}");
        }
        for text in [
            "01410199830",
            "209146950160",
            "00000000000",
            "job 1234567890",
        ] {
            assert_eq!(shapes(text), [], "{text}");
        }
    }

    #[test]
    fn it_finds_phone_numbers_and_addresses() {
        for text in ["+4799999999", "to=0047 99 99 99 99;", "+47 999 99 999"] {
            assert_eq!(shapes(text), [Shape::Phone], "{text}");
        }
        for text in [
            "kari@example.no",
            "<kari.nordmann+x@post.example.no>",
            "a@blå.no.",
        ] {
            assert_eq!(shapes(text), [Shape::Email], "{text}");
        }
        for text in [
            "***@***",
            "+** ***",
            "+47 *** ** *12",
            "user@localhost",
            "@example.no",
            "4799",
        ] {
            assert_eq!(shapes(text), [], "{text}");
        }
    }

    #[test]
    fn it_says_where_and_never_what() {
        let found = leaks("fine\nto kari@example.no and +4799999999");
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "an e-mail address at line 2, column 4",
                "a phone number at line 2, column 25"
            ]
        );
    }

    #[test]
    fn times_and_our_own_ids_are_not_taken_for_people() {
        let text = "2030-01-01T08:00:00.123456Z delivery 77/9999/5/email bs13fa00 took 12 ms 127.0.0.1:8080";
        assert_eq!(leaks(text), []);
    }
}
