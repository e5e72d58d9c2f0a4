//! A table of recipients (contract section 6): columns `person`, `phone`, `email` and `ref`; all
//! others are values. With a template it is cut into jobs. Pure.

use std::fmt;

use serde_json::{Map, Value, json};

use super::draft::{Draft, Places};
use crate::cli::file_text;

/// Recipients of one job at most.
pub const JOB_SIZE: usize = 1_000;

const PERSON: &str = "person";
const PHONE: &str = "phone";
const EMAIL: &str = "email";
const REF: &str = "ref";

/// A table of recipients.
#[derive(Clone, PartialEq)]
pub struct Table {
    /// The names of the columns as they were written.
    pub header: Vec<String>,
    /// What stands between the cells.
    pub separator: u8,
    /// The rows; those whose cells are all blank are gone.
    pub rows: Vec<Row>,
}

/// One row.
#[derive(Clone, PartialEq)]
pub struct Row {
    /// Its line in the file, from 1.
    pub line: u64,
    /// Its cells.
    pub cells: Vec<String>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} rows)", self.rows.len())
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row(line {})", self.line)
    }
}

/// Why a table cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// No row.
    #[error("has no rows below its header")]
    Empty,
    /// No column says who.
    #[error("has none of the columns person, phone and email in its first line")]
    NoRecipients,
    /// A column twice.
    #[error("has the column {0} twice")]
    RepeatedColumn(String),
    /// A cell without a column.
    #[error("line {line}: has something in column {column}, which has no name in the first line")]
    NamelessColumn {
        /// Where.
        line: u64,
        /// From 1.
        column: usize,
    },
}

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Not JSON.
    #[error("is no valid JSON: something is wrong at line {line}, column {column}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Not an object.
    #[error("must be one job, as a JSON object")]
    NoObject,
    /// Somebody is told already.
    #[error("must not have {0}: the table says who is told")]
    HasRecipients(&'static str),
    /// No id.
    #[error("has no job id: give it \"job\", or use --job NAME")]
    NoJob,
}

/// Reads a table.
///
/// # Errors
/// [`TableError`].
pub fn read(text: &str) -> Result<Table, TableError> {
    let separator = file_text::separator(text);
    let mut reader = file_text::table(text);
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header
            .iter()
            .map(|name| name.trim().to_owned())
            .map(plain_name)
            .collect(),
        Err(_unreadable) => return Err(TableError::NoRecipients),
    };
    for (index, name) in header.iter().enumerate() {
        if !name.is_empty() && header[..index].contains(name) {
            return Err(TableError::RepeatedColumn(name.clone()));
        }
    }
    if !header
        .iter()
        .any(|name| [PERSON, PHONE, EMAIL].contains(&name.as_str()))
    {
        return Err(TableError::NoRecipients);
    }
    let mut rows = Vec::new();
    let mut lines = file_text::LineCounter::new(text);
    for record in reader.records().filter_map(Result::ok) {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let line = lines.line_of(&record);
        let nameless = |index: usize| header.get(index).is_none_or(String::is_empty);
        let lost = record
            .iter()
            .enumerate()
            .find(|(index, cell)| nameless(*index) && !cell.trim().is_empty());
        if let Some((index, _)) = lost {
            return Err(TableError::NamelessColumn {
                line,
                column: index + 1,
            });
        }
        rows.push(Row {
            line,
            cells: record.iter().map(str::to_owned).collect(),
        });
    }
    if rows.is_empty() {
        return Err(TableError::Empty);
    }
    Ok(Table {
        header,
        separator,
        rows,
    })
}

/// Our own columns however they are capitalised; the others are names of values, as they are.
fn plain_name(name: String) -> String {
    let lower = name.to_lowercase();
    if [PERSON, PHONE, EMAIL, REF].contains(&lower.as_str()) {
        lower
    } else {
        name
    }
}

/// Reads a template: a job without recipients.
///
/// # Errors
/// [`TemplateError`].
pub fn read_template(text: &str) -> Result<Map<String, Value>, TemplateError> {
    let value: Value = serde_json::from_str(text).map_err(|error| TemplateError::Syntax {
        line: error.line(),
        column: error.column(),
    })?;
    let Value::Object(mut job) = value else {
        return Err(TemplateError::NoObject);
    };
    let is_given = |job: &Map<String, Value>, name| match job.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => true,
    };
    for name in ["recipients", "audience"] {
        if is_given(&job, name) {
            return Err(TemplateError::HasRecipients(name));
        }
        job.shift_remove(name);
    }
    Ok(job)
}

impl Table {
    /// Cuts the table into jobs of at most [`JOB_SIZE`] recipients named `<job>.1`, `<job>.2`, ….
    ///
    /// # Errors
    /// [`TemplateError::NoJob`].
    pub fn cut(
        &self,
        template: &Map<String, Value>,
        name: Option<&str>,
    ) -> Result<Vec<Draft>, TemplateError> {
        let given = template.get("job").and_then(Value::as_str);
        let name = name.or(given).ok_or(TemplateError::NoJob)?;
        let lines: Vec<u64> = self.rows.iter().map(|row| row.line).collect();
        let numbered: Vec<(usize, &Row)> = self.rows.iter().enumerate().collect();
        let drafts = (1..).zip(numbered.chunks(JOB_SIZE)).map(|(number, rows)| {
            let mut job = Map::new();
            job.insert("job".into(), format!("{name}.{number}").into());
            job.extend(
                template
                    .iter()
                    .filter(|(name, _)| *name != "job")
                    .map(|(n, v)| (n.clone(), v.clone())),
            );
            let recipients: Vec<Value> = rows
                .iter()
                .map(|(index, row)| self.recipient(*index, row))
                .collect();
            job.insert("recipients".into(), recipients.into());
            Draft {
                document: Value::Object(job),
                places: Places {
                    prefix: "template".to_owned(),
                    origin: rows.iter().map(|(index, _)| *index).collect(),
                    lines: lines.clone(),
                },
            }
        });
        Ok(drafts.collect())
    }

    /// A recipient; without a `ref` of its own it is known by its position in the whole table, so
    /// that references stay unique over all jobs of the table.
    fn recipient(&self, index: usize, row: &Row) -> Value {
        let mut recipient = Map::new();
        recipient.insert(REF.into(), (index + 1).to_string().into());
        let mut values = Map::new();
        for (column, name) in self
            .header
            .iter()
            .enumerate()
            .filter(|(_, name)| !name.is_empty())
        {
            let cell = row
                .cells
                .get(column)
                .map(String::as_str)
                .unwrap_or_default();
            match name.as_str() {
                PERSON | PHONE | EMAIL | REF => {
                    let cell = cell.trim();
                    if !cell.is_empty() {
                        recipient.insert(name.clone(), cell.into());
                    }
                }
                _value => {
                    values.insert(name.clone(), cell.into());
                }
            }
        }
        recipient.insert("values".into(), json!(values));
        Value::Object(recipient)
    }
}
