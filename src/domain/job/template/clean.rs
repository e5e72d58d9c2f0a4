//! What is taken out of texts before they are sent: characters that no reader sees and that can
//! make a text look like another one (security check S-14).

use std::borrow::Cow;

/// An SMS as it is sent: line ends become `\n`, tabs become spaces, and control, bidirectional and
/// zero-width characters are dropped. Joiners stay: emoji and some scripts need them.
pub fn clean_sms(text: &str) -> Cow<'_, str> {
    clean(text, |character| match character {
        '\t' => Some(' '),
        '\u{2028}' | '\u{2029}' => Some('\n'),
        c if is_bidirectional(c) || is_invisible(c) => None,
        c => Some(c),
    })
}

/// The body of an e-mail as it is sent: line ends become `\n`, and control characters other than
/// tabs are dropped.
pub fn clean_body(text: &str) -> Cow<'_, str> {
    clean(text, Some)
}

fn clean(text: &str, keep: fn(char) -> Option<char>) -> Cow<'_, str> {
    if text
        .chars()
        .all(|c| c == '\n' || (!c.is_control() && keep(c) == Some(c)))
    {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' | '\n' => cleaned.push('\n'),
            '\t' => cleaned.extend(keep('\t')),
            c if c.is_control() => {}
            c => cleaned.extend(keep(c)),
        }
    }
    Cow::Owned(cleaned)
}

/// Marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm.
const fn is_bidirectional(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Zero-width space, word joiner and the other invisible operators, byte order mark, soft hyphen.
const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
    )
}
