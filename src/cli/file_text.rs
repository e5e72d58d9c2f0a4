//! Files as people have them: UTF-8 with or without a byte order mark, UTF-16 or Windows-1252 out
//! of a spreadsheet, comma or semicolon. Pure but for [`read`].

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};

/// How a file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// What everything should be.
    Utf8,
    /// What Windows programs write in Western Europe.
    Windows1252,
    /// What spreadsheets call Unicode text.
    Utf16,
}

/// A file's text.
#[derive(Clone, PartialEq, Eq)]
pub struct FileText<'a> {
    /// The text, without a byte order mark.
    pub text: Cow<'a, str>,
    /// How it was written.
    pub encoding: Encoding,
}

/// Without the text: persons are in it.
impl std::fmt::Debug for FileText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "FileText({:?}, {} bytes)",
            self.encoding,
            self.text.len()
        )
    }
}

/// Reads a file whole; `-` is the standard input.
///
/// # Errors
/// It cannot be read, or it is a workbook and no text.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = shown(path);
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.with_context(|| format!("cannot read {shown}"))?;
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(anyhow!(
            "{shown} is a workbook (or another zip archive), not text: save it as CSV and give that"
        ));
    }
    Ok(bytes)
}

/// The file's name for messages.
pub fn shown(path: &Path) -> Cow<'_, str> {
    if path == Path::new("-") {
        "the standard input".into()
    } else {
        path.to_string_lossy()
    }
}

/// Finds the encoding and decodes. A byte order mark says it; without one, what is not UTF-8 is
/// taken for Windows-1252, which has a character for every byte.
pub fn decode(bytes: &[u8]) -> FileText<'_> {
    match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, mark)) if encoding != encoding_rs::UTF_8 => {
            let (text, _unpaired) = encoding.decode_without_bom_handling(&bytes[mark..]);
            return FileText {
                text,
                encoding: Encoding::Utf16,
            };
        }
        Some(_) | None => {}
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => FileText {
            text: text.into(),
            encoding: Encoding::Utf8,
        },
        Err(_not_utf8) => FileText {
            text: encoding_rs::WINDOWS_1252
                .decode_without_bom_handling(bytes)
                .0,
            encoding: Encoding::Windows1252,
        },
    }
}

/// What is said aloud about a file that is not UTF-8.
pub fn remark(path: &Path, encoding: Encoding) -> Option<String> {
    let shown = shown(path);
    match encoding {
        Encoding::Utf8 => None,
        Encoding::Windows1252 => Some(format!(
            "note: {shown} is not UTF-8; it is read as Windows-1252. If letters such as æ, ø and å come \
             out wrong, save it as UTF-8."
        )),
        Encoding::Utf16 => Some(format!("note: {shown} is read as UTF-16.")),
    }
}

/// Whether the text is JSON or NDJSON rather than a table.
pub fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// What stands between the cells: the one of comma and semicolon that the header has more of.
pub fn separator(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let mut quoted = false;
    let (mut commas, mut semicolons) = (0_usize, 0_usize);
    for character in header.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => commas += 1,
            ';' if !quoted => semicolons += 1,
            _ => {}
        }
    }
    if semicolons > commas { b';' } else { b',' }
}

/// A reader of a table; rows may be of any length, so that the caller can say what is wrong.
pub fn table(text: &str) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(separator(text))
        .flexible(true)
        .from_reader(text.as_bytes())
}

/// Counts lines while a table is read from top to bottom.
#[derive(Clone)]
pub struct LineCounter<'a> {
    rest: &'a str,
    byte: u64,
    line: u64,
}

/// Without the text: persons are in it.
impl std::fmt::Debug for LineCounter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LineCounter(line {})", self.line)
    }
}

impl<'a> LineCounter<'a> {
    /// At the top of `text`.
    pub const fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            byte: 0,
            line: 1,
        }
    }

    /// The line, from 1, on which a row begins. The reader's own position of a row is where the row
    /// before it ended, so blank lines between the two are passed over here.
    pub fn line_of(&mut self, row: &csv::StringRecord) -> u64 {
        let start = row.position().map_or(self.byte, csv::Position::byte);
        let ahead = usize::try_from(start.saturating_sub(self.byte)).unwrap_or(usize::MAX);
        let to_row = ahead.min(self.rest.len());
        let blank = self.rest.as_bytes()[to_row..]
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let (before, rest) = self.rest.split_at(to_row + blank);
        let ends = before.replace("\r\n", "\n");
        self.line += ends
            .bytes()
            .filter(|byte| matches!(byte, b'\r' | b'\n'))
            .count() as u64;
        self.byte += before.len() as u64;
        self.rest = rest;
        self.line
    }
}
