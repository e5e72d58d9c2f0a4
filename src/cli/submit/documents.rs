//! JSON and NDJSON: one job, a list of jobs, or a job a line. Pure.

use serde_json::Value;

use super::draft::{Draft, Finding, Places};

/// Why a file holds no jobs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// Not JSON.
    #[error("is no valid JSON: something is wrong at line {line}, column {column}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
}

/// What a file of jobs holds.
#[derive(Debug, Default)]
pub struct Documents {
    /// The jobs.
    pub drafts: Vec<Draft>,
    /// Lines that are no JSON object.
    pub findings: Vec<Finding>,
}

/// Reads a file of jobs. The first line that is a whole object makes it NDJSON.
///
/// # Errors
/// [`DocumentError`].
pub fn read(text: &str) -> Result<Documents, DocumentError> {
    let first = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .ok_or(DocumentError::Empty)?;
    let is_lines =
        serde_json::from_str::<serde::de::IgnoredAny>(first).is_ok() && first.trim() != text.trim();
    if is_lines {
        return Ok(lines(text));
    }
    let value: Value = serde_json::from_str(text).map_err(|error| DocumentError::Syntax {
        line: error.line(),
        column: error.column(),
    })?;
    let mut documents = Documents::default();
    match value {
        Value::Array(jobs) => {
            for (index, job) in jobs.into_iter().enumerate() {
                documents.drafts.push(draft(job, format!("/{index}")));
            }
        }
        job @ (Value::Object(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)) => {
            documents.drafts.push(draft(job, String::new()));
        }
    }
    Ok(documents)
}

fn lines(text: &str) -> Documents {
    let mut documents = Documents::default();
    for (number, line) in (1_u64..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(line) {
            Ok(job) => documents.drafts.push(draft(job, format!("line {number}"))),
            Err(error) => documents.findings.push(Finding {
                place: format!("line {number}"),
                problem: format!(
                    "is no valid JSON: something is wrong at column {}",
                    error.column()
                ),
                recipient: None,
            }),
        }
    }
    documents
}

fn draft(document: Value, prefix: String) -> Draft {
    let recipients = document
        .get("recipients")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let places = Places {
        prefix,
        origin: (0..recipients).collect(),
        lines: Vec::new(),
    };
    Draft { document, places }
}

/// Gives jobs another id: `name`, or `name.1`, `name.2`, … if there are several.
pub fn rename(drafts: &mut [Draft], name: &str) {
    let several = drafts.len() > 1;
    for (number, draft) in (1..).zip(drafts.iter_mut()) {
        if let Value::Object(job) = &mut draft.document {
            let name = if several {
                format!("{name}.{number}")
            } else {
                name.to_owned()
            };
            job.insert("job".into(), name.into());
        }
    }
}

/// Puts jobs into a lane.
pub fn put_in_lane(drafts: &mut [Draft], lane: crate::domain::kinds::Lane) {
    for draft in drafts {
        if let Value::Object(job) = &mut draft.document {
            job.insert("lane".into(), lane.as_str().into());
        }
    }
}
