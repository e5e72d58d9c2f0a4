//! How many parts an SMS takes: what a gateway counts, bills and limits (3GPP TS 23.038, 23.040).
//!
//! A text whose every character is in the GSM 7-bit alphabet (æ ø å Æ Ø Å are) takes 160 septets
//! in one part, or 153 in each of several; any other character (Sami letters, curly quotes, long
//! dashes, emoji) forces UCS-2: 70 units, or 67. A character that takes two septets or two UTF-16
//! units is never split, so a part may hold one less.

use serde::{Deserialize, Serialize};

/// The most parts that a job may ask for (contract section 2).
pub const MAX_PARTS: u32 = 10;
/// The most characters that [`SmsCount::forced_ucs2`] lists.
pub const MAX_FORCED: usize = 20;

/// How the characters of a text are put on the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// The GSM 7-bit default alphabet with its extension table.
    Gsm7,
    /// Two octets per UTF-16 unit.
    Ucs2,
}

impl Encoding {
    /// Units that fit into a message of one part.
    pub const fn single(self) -> u32 {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Units that fit into each part of several.
    pub const fn concatenated(self) -> u32 {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }
}

/// What a text costs as SMS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsCount {
    /// The encoding that the text needs.
    pub encoding: Encoding,
    /// Septets or UTF-16 units of the whole text.
    pub units: u32,
    /// Parts, from 1.
    pub parts: u32,
    /// The characters outside the GSM alphabet: each once, in order, at most [`MAX_FORCED`].
    pub forced_ucs2: Vec<char>,
}

/// Counts a text. Does not allocate for a text within the GSM alphabet.
pub fn count(text: &str) -> SmsCount {
    let (encoding, fill) = measure(text);
    let forced_ucs2 = match encoding {
        Encoding::Gsm7 => Vec::new(),
        Encoding::Ucs2 => forced(text),
    };
    SmsCount {
        encoding,
        units: fill.units,
        parts: fill.parts(encoding),
        forced_ucs2,
    }
}

/// The number of parts alone, from 1; never allocates.
pub fn parts_only(text: &str) -> u32 {
    let (encoding, fill) = measure(text);
    fill.parts(encoding)
}

/// Running totals of one encoding.
#[derive(Default)]
struct Fill {
    units: u32,
    full_parts: u32,
    in_last: u32,
}

impl Fill {
    fn add(&mut self, cost: u32, room: u32) {
        self.units = self.units.saturating_add(cost);
        if self.in_last + cost > room {
            self.full_parts += 1;
            self.in_last = 0;
        }
        self.in_last += cost;
    }

    const fn parts(&self, encoding: Encoding) -> u32 {
        if self.units <= encoding.single() {
            1
        } else {
            self.full_parts + 1
        }
    }
}

fn measure(text: &str) -> (Encoding, Fill) {
    let mut fill = Fill::default();
    for character in text.chars() {
        let Some(cost) = septets(character) else {
            return (Encoding::Ucs2, measure_ucs2(text));
        };
        fill.add(cost, Encoding::Gsm7.concatenated());
    }
    (Encoding::Gsm7, fill)
}

fn measure_ucs2(text: &str) -> Fill {
    let mut fill = Fill::default();
    for character in text.chars() {
        let cost = if character.len_utf16() == 1 { 1 } else { 2 };
        fill.add(cost, Encoding::Ucs2.concatenated());
    }
    fill
}

fn forced(text: &str) -> Vec<char> {
    let mut found = Vec::new();
    for character in text.chars().filter(|c| septets(*c).is_none()) {
        if found.len() < MAX_FORCED && !found.contains(&character) {
            found.push(character);
        }
    }
    found
}

/// What a character costs in the GSM alphabet: 1 in the basic table, 2 in the extension table.
const fn septets(character: char) -> Option<u32> {
    match character {
        '\x0c' | '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' => Some(2),
        '\n' | '\r' | ' '..='_' | 'a'..='z' => Some(1),
        '£' | '¥' | 'è' | 'é' | 'ù' | 'ì' | 'ò' | 'Ç' | 'Ø' | 'ø' | 'Å' | 'å' | 'Æ' | 'æ' | 'ß'
        | 'É' | '¤' | '¡' | 'Ä' | 'Ö' | 'Ñ' | 'Ü' | '§' | '¿' | 'ä' | 'ö' | 'ñ' | 'ü' | 'à'
        | 'Δ' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π' | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The two tables as 3GPP TS 23.038 prints them, position by position.
    const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    const EXTENSION: &str = "\x0c^{}\\[~]|€";

    /// Splits as a phone would have to: whole characters into parts, greedily.
    fn split_slowly(text: &str) -> (Encoding, u32, u32) {
        let gsm = text
            .chars()
            .all(|c| BASIC.contains(c) || EXTENSION.contains(c));
        let characters: Vec<Vec<u16>> = text
            .chars()
            .map(|c| match (gsm, EXTENSION.contains(c)) {
                (true, true) => vec![0x1b, 0],
                (true, false) => vec![0],
                (false, _) => c.encode_utf16(&mut [0; 2]).to_vec(),
            })
            .collect();
        let (encoding, single, room) = if gsm {
            (Encoding::Gsm7, 160, 153)
        } else {
            (Encoding::Ucs2, 70, 67)
        };
        let units = characters.iter().flatten().count();
        if units <= single {
            return (encoding, units as u32, 1);
        }
        let mut parts: Vec<Vec<u16>> = vec![Vec::new()];
        for character in characters {
            if parts.last().unwrap().len() + character.len() > room {
                parts.push(Vec::new());
            }
            parts.last_mut().unwrap().extend(character);
        }
        (encoding, units as u32, parts.len() as u32)
    }

    fn counted(text: &str) -> (Encoding, u32, u32) {
        let count = count(text);
        assert_eq!(parts_only(text), count.parts);
        (count.encoding, count.units, count.parts)
    }

    #[test]
    fn the_alphabet_is_the_one_of_the_specification() {
        assert_eq!(BASIC.chars().count(), 127);
        for code in 0..=0x10_ffff {
            let Some(character) = char::from_u32(code) else {
                continue;
            };
            let wanted = match (BASIC.contains(character), EXTENSION.contains(character)) {
                (true, _) => Some(1),
                (_, true) => Some(2),
                _ => None,
            };
            assert_eq!(septets(character), wanted, "{character:?}");
        }
    }

    #[test]
    fn parts_change_at_the_exact_lengths() {
        for (length, parts) in [
            (0, 1),
            (160, 1),
            (161, 2),
            (306, 2),
            (307, 3),
            (1530, 10),
            (1531, 11),
        ] {
            assert_eq!(
                counted(&"å".repeat(length)),
                (Encoding::Gsm7, length as u32, parts)
            );
        }
        for (length, parts) in [
            (1, 1),
            (70, 1),
            (71, 2),
            (134, 2),
            (135, 3),
            (670, 10),
            (671, 11),
        ] {
            assert_eq!(
                counted(&"š".repeat(length)),
                (Encoding::Ucs2, length as u32, parts)
            );
        }
    }

    #[test]
    fn an_escape_pair_never_straddles_two_parts() {
        let text = format!("{}€{}", "a".repeat(152), "b".repeat(152));
        assert_eq!(counted(&text), (Encoding::Gsm7, 306, 3));
        let text = format!("{}€{}", "a".repeat(151), "b".repeat(153));
        assert_eq!(counted(&text), (Encoding::Gsm7, 306, 2));
        assert_eq!(counted(&"€".repeat(80)), (Encoding::Gsm7, 160, 1));
        assert_eq!(counted(&"€".repeat(77)), (Encoding::Gsm7, 154, 1));
        assert_eq!(counted(&"€".repeat(81)), (Encoding::Gsm7, 162, 2));
        assert_eq!(counted(&"€".repeat(153)), (Encoding::Gsm7, 306, 3));
    }

    #[test]
    fn a_surrogate_pair_never_straddles_two_parts() {
        assert_eq!(counted(&"😀".repeat(35)), (Encoding::Ucs2, 70, 1));
        assert_eq!(counted(&"😀".repeat(66)), (Encoding::Ucs2, 132, 2));
        assert_eq!(counted(&"😀".repeat(67)), (Encoding::Ucs2, 134, 3));
    }

    #[test]
    fn the_characters_that_force_ucs2_are_named_once_in_order() {
        assert_eq!(
            count("Čáhci – “vann” – Čáhci").forced_ucs2,
            ['Č', 'á', '–', '“', '”']
        );
        let many: String = ('а'..='я').collect();
        assert_eq!(count(&many).forced_ucs2.len(), MAX_FORCED);
        assert!(count("Blåbær på ØØØ {€}").forced_ucs2.is_empty());
    }

    fn texts() -> impl Strategy<Value = String> {
        let gsm = format!("{BASIC}{EXTENSION}€€€|||")
            .chars()
            .collect::<Vec<_>>();
        let mixed = "aå€š😀𝄞”".chars().collect::<Vec<_>>();
        prop_oneof![
            prop::collection::vec(prop::sample::select(gsm), 0..1700),
            prop::collection::vec(prop::sample::select(mixed), 0..800),
            prop::collection::vec(any::<char>(), 0..300),
        ]
        .prop_map(|characters| characters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn the_count_is_that_of_a_slow_splitter(text in texts()) {
            prop_assert_eq!(counted(&text), split_slowly(&text));
        }
    }
}
