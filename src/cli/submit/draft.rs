//! A job as the file has it, and how places in it are named for the person who made the file.

use std::fmt;

use serde_json::Value;

use crate::domain::event::Problem;

/// A job as the file has it, before it is checked.
#[derive(Clone, PartialEq)]
pub struct Draft {
    /// The JSON of contract section 2.
    pub document: Value,
    /// Where its problems are.
    pub places: Places,
}

/// Without the document: persons are in it.
impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({:?})", self.places.prefix)
    }
}

/// Names places in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// What stands before a pointer: `template`, `line 3`, or nothing.
    pub prefix: String,
    /// The recipients' positions in the file's own order; after some were left out, those that
    /// remain.
    pub origin: Vec<usize>,
    /// Lines of the table's rows by that position; empty without a table.
    pub lines: Vec<u64>,
}

/// Something wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Finding {
    /// Where: a line, a pointer, or both.
    pub place: String,
    /// What is wrong and what to do; nothing personal.
    pub problem: String,
    /// Which recipient of its draft, by the position in the file.
    #[serde(skip)]
    pub recipient: Option<usize>,
}

impl Finding {
    /// For people.
    pub fn line(&self) -> String {
        if self.place.is_empty() {
            self.problem.clone()
        } else {
            format!("{}: {}", self.place, self.problem)
        }
    }
}

impl Places {
    /// A problem of a job, in the words of the file.
    pub fn find(&self, problem: &Problem) -> Finding {
        let text = self.translate(&problem.problem);
        let recipient = recipient_of(&problem.pointer)
            .and_then(|(index, rest)| Some((*self.origin.get(index)?, rest)));
        let Some((origin, rest)) = recipient else {
            return Finding {
                place: join(&self.prefix, &problem.pointer),
                problem: text,
                recipient: None,
            };
        };
        let (place, problem) = match self.lines.get(origin) {
            Some(line) => (format!("line {line}"), format!("{}{text}", column(rest))),
            None => (
                join(&self.prefix, &format!("/recipients/{origin}{rest}")),
                text,
            ),
        };
        Finding {
            place,
            problem,
            recipient: Some(origin),
        }
    }

    /// Names other recipients that a text speaks of.
    fn translate(&self, text: &str) -> String {
        const POINTER: &str = "/recipients/";
        let Some((before, after)) = text.split_once(POINTER) else {
            return text.to_owned();
        };
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = after.split_at(digits);
        let origin = number
            .parse()
            .ok()
            .and_then(|index: usize| self.origin.get(index).copied());
        match origin.map(|origin| (origin, self.lines.get(origin))) {
            Some((_, Some(line))) => format!("{before}line {line}{rest}"),
            Some((origin, None)) => format!("{before}{POINTER}{origin}{rest}"),
            None => text.to_owned(),
        }
    }
}

/// The recipient's index and the rest of the pointer.
fn recipient_of(pointer: &str) -> Option<(usize, &str)> {
    let tail = pointer.strip_prefix("/recipients/")?;
    let (number, rest) = tail.split_at(tail.find('/').unwrap_or(tail.len()));
    Some((number.parse().ok()?, rest))
}

/// What a pointer below a recipient is in a table.
fn column(rest: &str) -> String {
    let name = rest
        .strip_prefix("/values/")
        .or_else(|| rest.strip_prefix('/'));
    match name {
        Some("values") | None => String::new(),
        Some(name) => format!("{} ", name.replace("~1", "/").replace("~0", "~")),
    }
}

fn join(prefix: &str, pointer: &str) -> String {
    match (prefix.is_empty(), pointer.is_empty()) {
        (false, false) => format!("{prefix}, {pointer}"),
        (false, true) => prefix.to_owned(),
        (true, _) => pointer.to_owned(),
    }
}
