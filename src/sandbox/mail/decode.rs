//! Enough of MIME to read our own messages: unfolding, RFC 2047, quoted-printable, base64 and
//! one level of multipart, all in UTF-8.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quoted_printable::ParseMode;

pub(super) fn header(raw: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(raw);
    let (head, _) = split(&text);
    raw_header(head, name).map(|value| words(&value))
}

pub(super) fn part(raw: &[u8], kind: &str) -> Option<String> {
    let text = String::from_utf8_lossy(raw);
    let (head, body) = split(&text);
    let content_type = raw_header(head, "Content-Type").unwrap_or_default();
    if content_type.starts_with(kind) {
        return Some(body_of(head, body));
    }
    let (_, boundary) = content_type.split_once("boundary=")?;
    let boundary = boundary.trim_matches('"');
    body.split(&format!("--{boundary}")).find_map(|piece| {
        let piece = piece.strip_prefix("\r\n")?;
        let (head, body) = split(piece);
        let here = raw_header(head, "Content-Type")?.starts_with(kind);
        // The line end before a boundary belongs to the boundary.
        here.then(|| body_of(head, body.strip_suffix("\r\n").unwrap_or(body)))
    })
}

fn split(text: &str) -> (&str, &str) {
    text.split_once("\r\n\r\n").unwrap_or((text, ""))
}

fn raw_header(head: &str, name: &str) -> Option<String> {
    let mut found: Option<String> = None;
    for line in head.split("\r\n") {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = &mut found {
                value.push(' ');
                value.push_str(line.trim_start());
            }
        } else if found.is_some() {
            break;
        } else if let Some((key, value)) = line.split_once(':')
            && key.eq_ignore_ascii_case(name)
        {
            found = Some(value.trim_start().to_owned());
        }
    }
    found
}

fn body_of(head: &str, body: &str) -> String {
    let encoding = raw_header(head, "Content-Transfer-Encoding").unwrap_or_default();
    let bytes = match encoding.to_ascii_lowercase().as_str() {
        "base64" => base64(body),
        "quoted-printable" => quoted(body),
        _ => Some(body.as_bytes().to_vec()),
    };
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let compact: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(compact).ok()
}

fn quoted(text: &str) -> Option<Vec<u8>> {
    quoted_printable::decode(text, ParseMode::Robust).ok()
}

/// Encoded words (RFC 2047); white space between two of them does not count.
fn words(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, from) = rest.split_at(start);
        let Some((decoded, behind)) = word(from) else {
            out.push_str(before);
            out.push_str("=?");
            rest = &from[2..];
            after_word = false;
            continue;
        };
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        out.push_str(&decoded);
        rest = behind;
        after_word = true;
    }
    out.push_str(rest);
    out
}

fn word(text: &str) -> Option<(String, &str)> {
    let (_charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (encoded, behind) = rest.split_once("?=")?;
    let bytes = match encoding {
        "b" | "B" => base64(encoded)?,
        "q" | "Q" => quoted(&encoded.replace('_', " "))?,
        _ => return None,
    };
    Some((String::from_utf8_lossy(&bytes).into_owned(), behind))
}
