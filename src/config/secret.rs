//! Secrets: masked wherever they could be printed, and given as `key` or in a file as `key_file`.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::node::Node;
use super::reader::{Findings, Reader, Setting};

/// More of a file than this is not read, in bytes.
const LONGEST_FILE: u64 = 64 * 1024;

/// What stands where a secret would.
pub(super) const MASK: &str = "***";

/// A password, token or key. Debug and Serialize show `***`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Makes a secret of a text.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text; for the adapter that needs it only.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Nothing was given.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "\"\"" } else { MASK })
    }
}

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_empty() { "" } else { MASK })
    }
}

impl Setting for Secret {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        String::read(node, path, findings).map(Self)
    }

    fn show(&self) -> Option<toml::Value> {
        Some(if self.is_empty() { "" } else { MASK }.into())
    }

    fn field(reader: &mut Reader<'_>, key: &str, default: Option<Self>) -> Option<Self> {
        field_or_file(reader, key, default, |text| Ok(Self(text)))
    }
}

/// Reads the secret `key`, or `key_file`, and makes something of its text.
///
/// What is wrong with the text is a fixed sentence, so that it cannot quote the secret.
pub(super) fn field_or_file<T>(
    reader: &mut Reader<'_>,
    key: &str,
    default: Option<T>,
    parse: impl Fn(String) -> Result<T, &'static str>,
) -> Option<T> {
    let file_key = format!("{key}_file");
    let (path, file_path) = (reader.path_of(key), reader.path_of(&file_key));
    let (given, file) = (reader.take(key), reader.take(&file_key));
    let findings = &mut *reader.findings;
    let (text, node, path) = match (given, file) {
        (None, None) => return reader.or_required(key, default),
        (Some(_), Some(file)) => {
            let problem = format!("is given as `{key}` and as `{file_key}`; keep one");
            findings.add(&file_path, &file.origin, problem);
            return None;
        }
        (Some(node), None) => (String::read(node, &path, findings)?, node, path),
        (None, Some(node)) => (from_file(node, &file_path, findings)?, node, file_path),
    };
    if findings.leave_secret_files && file.is_some() {
        return parse(text).ok().or(default);
    }
    match parse(text) {
        Ok(value) => Some(value),
        Err(problem) => {
            findings.add(&path, &node.origin, problem);
            None
        }
    }
}

/// The text of the file without line ends at its end.
fn from_file(node: &Node, path: &str, findings: &mut Findings) -> Option<String> {
    let name = String::read(node, path, findings)?;
    if findings.leave_secret_files {
        return Some(String::new());
    }
    let file = node.folder().join(name);
    match text_of(&file) {
        Ok(text) if text.len() as u64 > LONGEST_FILE => {
            let problem = format!(
                "the file {} is longer than 64 KiB and no secret",
                file.display()
            );
            findings.add(path, &node.origin, problem);
            None
        }
        Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => {
            let problem = format!("cannot read the file {}: {error}", file.display());
            findings.add(path, &node.origin, problem);
            None
        }
    }
}

/// Not more of it than tells that it is too long: a wrong path may lead to anything.
fn text_of(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(file)?
        .take(LONGEST_FILE + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}
