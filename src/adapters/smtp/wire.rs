//! SMTP as bytes: replies, what EHLO offers, commands, and the body with its dots.

use std::fmt;
use std::fmt::Write as _;

/// The longest reply line and the most lines that are read; RFC 5321 allows 512 bytes a line.
const LONGEST_LINE: usize = 4_096;
const MOST_LINES: usize = 128;
/// The longest reply, all lines together.
const LONGEST_REPLY: usize = 64 * 1024;

/// A complete reply.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    /// A reply of one line.
    pub fn new(code: u16, text: &str) -> Self {
        Self {
            code,
            lines: vec![text.to_owned()],
        }
    }

    /// The three digits; 200 to 599.
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The first digit.
    pub const fn class(&self) -> u16 {
        self.code / 100
    }

    /// The enhanced code, such as 5.1.1 (RFC 3463), if there is one that agrees with the code.
    pub fn enhanced(&self) -> Option<(u16, u16, u16)> {
        let word = self.lines.first()?.split_whitespace().next()?;
        let mut parts = word.split('.').map(str::parse::<u16>);
        let (class, subject, detail) = (
            parts.next()?.ok()?,
            parts.next()?.ok()?,
            parts.next()?.ok()?,
        );
        (parts.next().is_none() && class == self.class()).then_some((class, subject, detail))
    }

    /// The lines without their codes. May name addresses: never into a log.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// What Postfix (`queued as X`) and Exim (`id=X`) call the message.
    pub fn queue_id(&self) -> Option<String> {
        let line = self.lines.last()?;
        let id = ["queued as ", "id="]
            .iter()
            .find_map(|mark| line.split_once(mark))
            .map(|(_, rest)| rest)?
            .split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
            .next()?;
        (!id.is_empty() && id.len() <= 64).then(|| id.to_owned())
    }
}

/// Only the codes: the text may name an address.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.enhanced() {
            Some((a, b, c)) => write!(f, "{} {a}.{b}.{c}", self.code),
            None => write!(f, "{}", self.code),
        }
    }
}

/// What came is not SMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no reply of an SMTP server")]
pub struct Unreadable;

/// Takes the first complete reply out of `inbox`; `None` if more bytes are needed.
///
/// # Errors
/// [`Unreadable`] as soon as no bytes could make a reply of it any more, or one that is too long.
pub fn take_reply(inbox: &mut Vec<u8>) -> Result<Option<Reply>, Unreadable> {
    let mut code = None;
    let mut lines = Vec::new();
    let mut at = 0;
    loop {
        let rest = inbox.get(at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            let too_long = rest.len() > LONGEST_LINE || inbox.len() > LONGEST_REPLY;
            return if too_long || !could_be_reply(rest) {
                Err(Unreadable)
            } else {
                Ok(None)
            };
        };
        let line = rest.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (this, more, text) = read_line(line).ok_or(Unreadable)?;
        if *code.get_or_insert(this) != this || lines.len() >= MOST_LINES {
            return Err(Unreadable);
        }
        lines.push(text);
        at += end + 1;
        if !more {
            inbox.drain(..at);
            return Ok(Some(Reply { code: this, lines }));
        }
    }
}

fn could_be_reply(start: &[u8]) -> bool {
    start.iter().take(3).all(u8::is_ascii_digit)
}

fn read_line(line: &[u8]) -> Option<(u16, bool, String)> {
    if line.len() > LONGEST_LINE {
        return None;
    }
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let more = match rest.first() {
        None | Some(b' ') => false,
        Some(b'-') => true,
        Some(_) => return None,
    };
    let text = String::from_utf8_lossy(rest.get(1..).unwrap_or_default()).into_owned();
    (200..600).contains(&code).then_some((code, more, text))
}

/// What the relay offers in its answer to EHLO.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a set of independent extensions, each offered or not"
)]
pub(super) struct Offers {
    pub(super) pipelining: bool,
    pub(super) starttls: bool,
    pub(super) plain: bool,
    pub(super) login: bool,
}

impl Offers {
    pub(super) fn of(ehlo: &Reply) -> Self {
        let mut offers = Self::default();
        for line in ehlo.lines().iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line.split([' ', '=']);
            match words.next() {
                Some("PIPELINING") => offers.pipelining = true,
                Some("STARTTLS") => offers.starttls = true,
                Some("AUTH") => {
                    for mechanism in words {
                        offers.plain |= mechanism == "PLAIN";
                        offers.login |= mechanism == "LOGIN";
                    }
                }
                Some(_) | None => {}
            }
        }
        offers
    }
}

/// The commands MAIL, RCPT and DATA of one message. The addresses are checked by
/// [`super::write_letter`].
pub(super) struct Commands {
    pub(super) mail: String,
    pub(super) rcpt: String,
}

impl Commands {
    pub(super) fn new(from: &str, to: &str) -> Self {
        Self {
            mail: format!("MAIL FROM:<{from}>\r\n"),
            rcpt: format!("RCPT TO:<{to}>\r\n"),
        }
    }

    pub(super) fn together(&self, reset: &str) -> String {
        let mut all = String::with_capacity(reset.len() + self.mail.len() + self.rcpt.len() + 6);
        let _infallible = write!(all, "{reset}{}{}DATA\r\n", self.mail, self.rcpt);
        all
    }
}

/// A message that would not arrive as one message: a bare CR or LF, or NUL (RUSTSEC-2026-0561).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BareLineEnd;

/// Doubles the dots at line starts and adds the final dot (RFC 5321, 4.5.2).
pub(super) fn with_dots(message: &[u8]) -> Result<Vec<u8>, BareLineEnd> {
    let mut out = Vec::with_capacity(message.len() + message.len() / 32 + 5);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let (text, ended) = match line.strip_suffix(b"\r\n") {
            Some(text) => (text, true),
            None => (line, false),
        };
        if text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(BareLineEnd);
        }
        if text.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(text);
        if ended || !text.is_empty() {
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(b".\r\n");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_taken_one_by_one_and_only_when_complete() {
        let mut inbox =
            b"250-mx.example.no\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n354 go\r\n25".to_vec();
        let ehlo = take_reply(&mut inbox).expect("readable").expect("complete");
        let offers = Offers::of(&ehlo);
        assert!(offers.pipelining && offers.plain && offers.login && !offers.starttls);
        assert_eq!(take_reply(&mut inbox), Ok(Some(Reply::new(354, "go"))));
        assert_eq!(take_reply(&mut inbox), Ok(None));
        assert_eq!(inbox, b"25");
    }

    #[test]
    fn what_is_not_smtp_is_unreadable_at_once() {
        for raw in [
            "HTTP/1.1 400 Bad Request\r\n",
            "2",
            "25\r\n",
            "250x\r\n",
            "250-a\r\n251 b\r\n",
            "999 no\r\n",
            "100 no\r\n",
            "<html>",
        ] {
            let expected = if raw == "2" {
                Ok(None)
            } else {
                Err(Unreadable)
            };
            assert_eq!(take_reply(&mut raw.into()), expected, "{raw:?}");
        }
        assert_eq!(take_reply(&mut vec![b'2'; 5_000]), Err(Unreadable));
    }

    #[test]
    fn a_reply_without_an_end_is_not_collected() {
        let line = |length: usize| format!("250-{}\r\n", "x".repeat(length)).into_bytes();
        for (length, lines) in [(0, MOST_LINES + 1), (4_000, 17)] {
            let mut inbox = line(length).repeat(lines);
            assert_eq!(
                take_reply(&mut inbox),
                Err(Unreadable),
                "{lines} of {length}"
            );
        }
        let mut inbox = line(4_000).repeat(3);
        assert_eq!(take_reply(&mut inbox), Ok(None));
    }

    #[test]
    fn a_reply_gives_its_enhanced_code_and_queue_id_and_shows_no_text() {
        let reply = Reply::new(550, "5.1.1 <kari@example.no>: unknown");
        assert_eq!(reply.enhanced(), Some((5, 1, 1)));
        assert_eq!(format!("{reply:?}"), "550 5.1.1");
        assert_eq!(Reply::new(550, "4.1.1 odd").enhanced(), None);
        assert_eq!(Reply::new(550, "10.0.0.1 blocked").enhanced(), None);
        for (text, id) in [
            ("2.0.0 Ok: queued as 4F2A1", Some("4F2A1")),
            ("OK id=1tAbCd-0001-2x", Some("1tAbCd-0001-2x")),
            ("OK", None),
        ] {
            assert_eq!(Reply::new(250, text).queue_id().as_deref(), id);
        }
    }

    #[test]
    fn dots_are_doubled_and_bare_line_ends_refused() {
        assert_eq!(
            with_dots(b"a\r\n.\r\n..b\r\nc").as_deref(),
            Ok(&b"a\r\n..\r\n...b\r\nc\r\n.\r\n"[..])
        );
        assert_eq!(with_dots(b"").as_deref(), Ok(&b".\r\n"[..]));
        for bad in ["a\n.\nb", "a\r.\rb", "a\n.\r\n", "\r", "\0", "a\r\r\n"] {
            assert_eq!(with_dots(bad.as_bytes()), Err(BareLineEnd), "{bad:?}");
        }
    }
}
