//! Rust text as words and signs, without comments, strings and characters. Enough to find paths,
//! far from a compiler.

/// A word or a sign, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// An identifier, a keyword, `::`, or one character.
    pub(crate) text: String,
    /// From 1.
    pub(crate) line: usize,
}

impl Token {
    /// An identifier or keyword?
    pub(crate) fn is_word(&self) -> bool {
        self.text
            .starts_with(|first: char| first.is_alphabetic() || first == '_')
    }
}

/// Cuts the text into tokens.
pub(crate) fn cut(text: &str) -> Vec<Token> {
    let text: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < text.len() {
        let end = skip(&text, at).unwrap_or(at);
        if end > at {
            line += text[at..end].iter().filter(|c| **c == '\n').count();
            at = end;
            continue;
        }
        let end = at
            + word(&text[at..]).max(if text[at..].starts_with(&[':', ':']) {
                2
            } else {
                1
            });
        if text[at] == '\n' {
            line += 1;
        } else if !text[at].is_whitespace() {
            tokens.push(Token {
                text: text[at..end].iter().collect(),
                line,
            });
        }
        at = end;
    }
    tokens
}

fn word(text: &[char]) -> usize {
    text.iter()
        .take_while(|c| c.is_alphanumeric() || **c == '_')
        .count()
}

/// The end of the comment, string or character that begins at `at`, if one does.
fn skip(text: &[char], at: usize) -> Option<usize> {
    let rest = &text[at..];
    let starts = |with: &str| {
        with.chars()
            .enumerate()
            .all(|(i, c)| rest.get(i) == Some(&c))
    };
    if starts("//") {
        return Some(at + rest.iter().take_while(|c| **c != '\n').count());
    }
    if starts("/*") {
        return Some(at + block_comment(rest));
    }
    if let Some(length) = raw_string(rest) {
        return Some(at + length);
    }
    if starts("b\"") || starts("c\"") {
        return Some(at + 1 + quoted(&rest[1..], '"'));
    }
    if starts("\"") {
        return Some(at + quoted(rest, '"'));
    }
    // A character, not a lifetime: 'x' or '\…'.
    if starts("'") && (rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\'')) {
        return Some(at + quoted(rest, '\''));
    }
    // A word ends before the next may begin, so that `br` in `abbr"` is no prefix.
    None
}

fn block_comment(rest: &[char]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(&['/', '*']) {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(&['*', '/']) {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The length of `r"…"`, `r#"…"#`, `br"…"` at the beginning.
fn raw_string(rest: &[char]) -> Option<usize> {
    let prefix = match rest {
        ['r', ..] => 1,
        ['b' | 'c', 'r', ..] => 2,
        _ => return None,
    };
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    if rest.get(prefix + hashes) != Some(&'"') {
        return None;
    }
    let mut closing = vec!['"'];
    closing.extend(std::iter::repeat_n('#', hashes));
    let body = prefix + hashes + 1;
    let length = rest[body..]
        .windows(closing.len())
        .position(|window| window == closing)
        .unwrap_or(rest.len() - body - closing.len());
    Some(body + length + closing.len())
}

fn quoted(rest: &[char], mark: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != mark {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}
