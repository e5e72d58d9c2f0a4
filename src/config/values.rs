//! How the plain types of settings are read: texts, numbers, durations, times, lists.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::node::{Node, Raw};
use super::reader::{Findings, Setting};

/// The value that was read, or the finding that it is none.
fn or_expected<T>(
    value: Option<T>,
    node: &Node,
    path: &str,
    findings: &mut Findings,
    expected: &str,
) -> Option<T> {
    if value.is_none() {
        let problem = format!("expected {expected}, found {}", node.value.kind());
        findings.add(path, &node.origin, problem);
    }
    value
}

/// Reads a text and makes something of it; the error says what would be right.
pub(super) fn from_text<T, E: std::fmt::Display>(
    node: &Node,
    path: &str,
    findings: &mut Findings,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<T> {
    let text = String::read(node, path, findings)?;
    match parse(&text) {
        Ok(value) => Some(value),
        Err(problem) => {
            findings.add(path, &node.origin, problem.to_string());
            None
        }
    }
}

impl Setting for String {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let value = match &node.value {
            Raw::Text(text) | Raw::Untyped(text) => Some(text.clone()),
            Raw::Whole(_)
            | Raw::Real(_)
            | Raw::Truth(_)
            | Raw::Date
            | Raw::List(_)
            | Raw::Table(_) => None,
        };
        or_expected(value, node, path, findings, "a text in quotes")
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.clone().into())
    }
}

impl Setting for bool {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let value = match &node.value {
            Raw::Truth(truth) => Some(*truth),
            Raw::Untyped(text) => text.trim().parse().ok(),
            Raw::Text(_)
            | Raw::Whole(_)
            | Raw::Real(_)
            | Raw::Date
            | Raw::List(_)
            | Raw::Table(_) => None,
        };
        or_expected(value, node, path, findings, "true or false")
    }

    fn show(&self) -> Option<toml::Value> {
        Some((*self).into())
    }
}

impl Setting for u32 {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let value = match &node.value {
            Raw::Whole(number) => Self::try_from(*number).ok(),
            Raw::Untyped(text) => text.trim().parse().ok(),
            Raw::Text(_)
            | Raw::Real(_)
            | Raw::Truth(_)
            | Raw::Date
            | Raw::List(_)
            | Raw::Table(_) => None,
        };
        or_expected(value, node, path, findings, "a whole number of 0 or more")
    }

    fn show(&self) -> Option<toml::Value> {
        Some(i64::from(*self).into())
    }
}

impl Setting for f64 {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let value = match &node.value {
            Raw::Real(number) => Some(*number),
            Raw::Whole(number) => i32::try_from(*number).ok().map(Self::from),
            Raw::Untyped(text) => text.trim().parse().ok(),
            Raw::Text(_) | Raw::Truth(_) | Raw::Date | Raw::List(_) | Raw::Table(_) => None,
        };
        let finite = value.filter(|number: &Self| number.is_finite());
        or_expected(finite, node, path, findings, "a finite number")
    }

    fn show(&self) -> Option<toml::Value> {
        Some((*self).into())
    }
}

/// `30s`, `10m`, `7d` (humantime); a year never appears in what is shown.
impl Setting for Duration {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let expected = "a duration such as \"250ms\", \"30s\", \"10m\" or \"7d\"";
        let value = node.text().and_then(|t| humantime::parse_duration(t).ok());
        or_expected(value, node, path, findings, expected)
    }

    fn show(&self) -> Option<toml::Value> {
        let millis = self.as_millis();
        let units = [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1_000, "s"),
        ];
        let whole = units
            .iter()
            .find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit));
        let text = whole.map_or_else(
            || format!("{millis}ms"),
            |(unit, name)| format!("{}{name}", millis / unit),
        );
        Some(text.into())
    }
}

/// Relative to the file that says it; from the environment to the working folder.
impl Setting for PathBuf {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        String::read(node, path, findings).map(|name| node.folder().join(name))
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.display().to_string().into())
    }
}

impl Setting for SocketAddr {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let expected = "an IP address and a port such as \"127.0.0.1:8080\" or \"[::]:8080\"";
        let value = node.text().and_then(|text| text.parse().ok());
        or_expected(value, node, path, findings, expected)
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.to_string().into())
    }
}

impl Setting for jiff::civil::Time {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let expected = "a time of day in quotes such as \"09:00\"";
        let value = node.text().and_then(|t| Self::strptime("%H:%M", t).ok());
        or_expected(value, node, path, findings, expected)
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.strftime("%H:%M").to_string().into())
    }
}

/// A size in bytes: a whole number, or a text such as `8 MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub usize);

impl ByteSize {
    const UNITS: [(&'static str, usize); 4] = [
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("B", 1),
    ];

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (number, unit) = Self::UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
            .unwrap_or((text, 1));
        let number: usize = number.trim().parse().ok()?;
        number.checked_mul(unit).map(Self)
    }
}

impl Setting for ByteSize {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let value = match &node.value {
            Raw::Text(text) | Raw::Untyped(text) => Self::parse(text),
            Raw::Whole(number) => usize::try_from(*number).ok().map(Self),
            Raw::Real(_) | Raw::Truth(_) | Raw::Date | Raw::List(_) | Raw::Table(_) => None,
        };
        or_expected(value, node, path, findings, "a size such as \"8 MiB\"")
    }

    fn show(&self) -> Option<toml::Value> {
        let unit = Self::UNITS
            .iter()
            .find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit));
        let (name, unit) = unit.copied().unwrap_or(("B", 1));
        Some(format!("{} {name}", self.0 / unit).into())
    }
}

/// Absent, or an empty text: `None`.
impl<T: Setting> Setting for Option<T> {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        if node.text().is_some_and(str::is_empty) {
            return Some(None);
        }
        T::read(node, path, findings).map(Some)
    }

    fn show(&self) -> Option<toml::Value> {
        self.as_ref().and_then(Setting::show)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// A list; from the environment separated by commas. Every entry is read, whatever the others hold.
impl<T: Setting> Setting for Vec<T> {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let words: Vec<Node>;
        let list = match &node.value {
            Raw::List(list) => list,
            Raw::Untyped(text) => {
                words = split(text, node);
                &words
            }
            Raw::Table(_)
                if super::merge::NAMED_LISTS
                    .iter()
                    .any(|(name, _)| *name == path) =>
            {
                let problem = format!("expected a list of tables; write [[{path}]]");
                findings.add(path, &node.origin, problem);
                return None;
            }
            Raw::Text(_)
            | Raw::Whole(_)
            | Raw::Real(_)
            | Raw::Truth(_)
            | Raw::Date
            | Raw::Table(_) => {
                let problem = format!("expected a list, found {}", node.value.kind());
                findings.add(path, &node.origin, problem);
                return None;
            }
        };
        let read: Vec<Option<T>> = list
            .iter()
            .enumerate()
            .map(|(index, entry)| {
                let path = entry.label().filter(|label| !label.is_empty()).map_or_else(
                    || format!("{path}[#{}]", index + 1),
                    |label| format!("{path}.{label}"),
                );
                T::read(entry, &path, findings)
            })
            .collect();
        read.into_iter().collect()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(
            self.iter()
                .filter_map(Setting::show)
                .collect::<Vec<_>>()
                .into(),
        )
    }
}

fn split(text: &str, node: &Node) -> Vec<Node> {
    text.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| Node {
            value: Raw::Untyped(word.to_owned()),
            origin: node.origin.clone(),
        })
        .collect()
}
