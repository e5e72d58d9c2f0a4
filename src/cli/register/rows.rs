//! What is to be imported, row by row, and everything that can be wrong with a row. Pure. No message
//! holds a value of the file.

use crate::cli::file_text;
use crate::domain::krr_person::{KrrContact, KrrMailbox, KrrPerson, read_date};
use crate::domain::person::{PersonNumber, PersonNumberError};
use crate::domain::time::Timestamp;
use crate::ports::store::ContactRow;

use super::flat::{COLUMNS, MORE_COLUMNS, to_person};
use super::person_json;

/// What is longer, in bytes, is not compared with the names of columns nor shown as one.
const LONGEST_NAME: usize = 80;

/// What holds for the whole import.
#[derive(Debug, Clone, Copy)]
pub struct ImportRules {
    /// Synthetic identity numbers are let in, and real ones are not.
    pub allow_synthetic: bool,
    /// When addresses without a date count as verified; `None`: never.
    pub stamp: Option<Timestamp>,
}

/// One row of the file.
#[derive(Debug)]
pub struct Row {
    /// Its line, from 1.
    pub line: u64,
    /// What goes into the table, or everything that is wrong.
    pub read: Result<ContactRow, Vec<String>>,
}

/// Why the file as a whole cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// A JSON document over several lines.
    #[error(
        "holds JSON over several lines; it must have one Person object a line (`jq -c .` makes it so)"
    )]
    NotLines,
    /// The header lacks the first column.
    #[error("has no column personidentifikator; the header must have it, and may have {}", COLUMNS[1..].join(", "))]
    NoPerson,
    /// A column that nobody knows.
    #[error("has a column \"{column}\" that the register does not have{}", .nearest.as_ref().map_or(String::new(), |name| format!("; is it {name}?")))]
    UnknownColumn {
        /// Its name.
        column: String,
        /// The known name it looks like.
        nearest: Option<String>,
    },
    /// A table of residents lacks a column.
    #[error(
        "has no column {0}; the header must be person,municipality,street,number,letter,household,birth_year"
    )]
    MissingColumn(&'static str),
    /// A table of residents has a column that nobody knows; what it is called may be personal.
    #[error("has a column that is not known; the header may have {0}")]
    UnknownResidentColumn(String),
    /// A column twice.
    #[error("has the column {0} twice")]
    RepeatedColumn(String),
}

/// Reads the rows one after the other; NDJSON or CSV is told by the first character.
///
/// # Errors
/// [`FileError`] when no row can be read at all.
pub fn rows<'a>(
    text: &'a str,
    rules: &'a ImportRules,
) -> Result<Box<dyn Iterator<Item = Row> + 'a>, FileError> {
    if text.trim().is_empty() {
        return Err(FileError::Empty);
    }
    if file_text::is_json(text) {
        return lines(text, rules);
    }
    let mut table = file_text::table(text);
    let header: Vec<String> = match table.headers() {
        Ok(header) => header
            .iter()
            .map(|name| name.trim().to_lowercase())
            .collect(),
        Err(_unreadable) => return Err(FileError::NoPerson),
    };
    check_header(&header)?;
    let mut lines = file_text::LineCounter::new(text);
    let rows = table.into_records().filter_map(move |record| {
        let record = record.ok()?;
        let line = lines.line_of(&record);
        if record.iter().all(|cell| cell.trim().is_empty()) {
            return None;
        }
        let read = if record.len() > header.len()
            && record
                .iter()
                .skip(header.len())
                .any(|c| !c.trim().is_empty())
        {
            Err(vec![format!(
                "has {} cells, the header has {}",
                record.len(),
                header.len()
            )])
        } else {
            check(to_person(|name| cell(&header, &record, name)), rules)
        };
        Some(Row { line, read })
    });
    Ok(Box::new(rows))
}

fn cell(header: &[String], record: &csv::StringRecord, name: &str) -> Option<String> {
    let column = header.iter().position(|column| column == name)?;
    record.get(column).map(str::to_owned)
}

fn lines<'a>(
    text: &'a str,
    rules: &'a ImportRules,
) -> Result<Box<dyn Iterator<Item = Row> + 'a>, FileError> {
    let whole = |line: &str| serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok();
    let first = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    if !whole(first) && whole(text) {
        return Err(FileError::NotLines);
    }
    let rows = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty());
    Ok(Box::new(rows.map(|(line, text)| Row {
        line,
        read: person_json::read(text).and_then(|person| check(person, rules)),
    })))
}

fn check_header(header: &[String]) -> Result<(), FileError> {
    for (index, name) in header.iter().enumerate() {
        if name.is_empty() {
            continue; // A spreadsheet's empty columns.
        }
        if header[..index].contains(name) {
            return Err(FileError::RepeatedColumn(name.clone()));
        }
        let known = || COLUMNS.iter().chain(&MORE_COLUMNS);
        if !known().any(|column| column == name) {
            let is_name = name.len() <= LONGEST_NAME;
            let nearest = known()
                .filter(|_| is_name)
                .map(|column| (strsim::osa_distance(column, name), *column))
                .min()
                .filter(|(distance, _)| *distance <= 3);
            // A first line that is no header at all may hold a person.
            let column = if !is_name || name.chars().any(|c| c.is_ascii_digit()) {
                "…".to_owned()
            } else {
                name.clone()
            };
            return if header.iter().any(|column| column == COLUMNS[0]) {
                Err(FileError::UnknownColumn {
                    column,
                    nearest: nearest.map(|(_, name)| name.to_owned()),
                })
            } else {
                Err(FileError::NoPerson)
            };
        }
    }
    if header.iter().any(|column| column == COLUMNS[0]) {
        Ok(())
    } else {
        Err(FileError::NoPerson)
    }
}

/// Checks a person, fills in what the contract says of missing fields, and makes the row.
///
/// Addresses are kept as they are: the register has unusable ones, too, and the plan knows what to
/// do with them. Codes and dates that we cannot read are refused here, since they would silently
/// keep a person from being told.
///
/// # Errors
/// Everything that is wrong, with the field's name.
pub fn check(mut person: KrrPerson, rules: &ImportRules) -> Result<ContactRow, Vec<String>> {
    let mut problems = Vec::new();
    let number = read_number(person.personidentifikator.trim(), rules)
        .map_err(|problem| problems.push(format!("personidentifikator {problem}")));
    for field in [
        &mut person.reservasjon,
        &mut person.status,
        &mut person.varslingsstatus,
        &mut person.spraak,
        &mut person.reservasjonstidspunkt,
        &mut person.reservasjon_oppdatert,
        &mut person.sertifikat,
        &mut person.spraak_oppdatert,
        &mut person.oppdatert,
    ] {
        blank_is_absent(field);
    }
    person.status.get_or_insert_with(|| "AKTIV".to_owned());
    person.reservasjon.get_or_insert_with(|| "NEI".to_owned());
    for (name, field, words) in [
        ("reservasjon", &person.reservasjon, &["JA", "NEI"][..]),
        (
            "status",
            &person.status,
            &["AKTIV", "SLETTET", "IKKE_REGISTRERT"],
        ),
        (
            "varslingsstatus",
            &person.varslingsstatus,
            &["KAN_VARSLES", "KAN_IKKE_VARSLES"],
        ),
        ("spraak", &person.spraak, &["nb", "nn", "en", "se"]),
    ] {
        if field.as_deref().is_some_and(|word| !words.contains(&word)) {
            problems.push(format!("{name} must be {}", words.join(" or ")));
        }
    }
    if let Some(contact) = &mut person.kontaktinformasjon {
        check_contact(contact, rules, &mut problems);
    }
    person
        .kontaktinformasjon
        .take_if(|contact| *contact == KrrContact::default());
    if let Some(mailbox) = &mut person.digital_post {
        blank_is_absent(&mut mailbox.postkasseadresse);
        blank_is_absent(&mut mailbox.postkasseleverandoeradresse);
    }
    person
        .digital_post
        .take_if(|mailbox| *mailbox == KrrMailbox::default());
    match number {
        Ok(number) if problems.is_empty() => {
            number.expose().clone_into(&mut person.personidentifikator);
            match serde_json::to_string(&person) {
                Ok(document) => Ok(ContactRow {
                    person: number,
                    document,
                }),
                Err(_never) => Err(vec!["cannot be written as JSON".to_owned()]),
            }
        }
        Ok(_) | Err(()) => Err(problems),
    }
}

fn check_contact(contact: &mut KrrContact, rules: &ImportRules, problems: &mut Vec<String>) {
    for field in [
        &mut contact.epostadresse,
        &mut contact.epostadresse_oppdatert,
        &mut contact.epostadresse_sist_verifisert,
        &mut contact.epostadresse_sist_validert,
        &mut contact.epostadresse_duplisert,
        &mut contact.mobiltelefonnummer,
        &mut contact.mobiltelefonnummer_oppdatert,
        &mut contact.mobiltelefonnummer_sist_verifisert,
        &mut contact.mobiltelefonnummer_sist_validert,
        &mut contact.mobiltelefonnummer_duplisert,
    ] {
        blank_is_absent(field);
    }
    for (name, date) in [
        ("epostadresse_oppdatert", &contact.epostadresse_oppdatert),
        (
            "epostadresse_sist_verifisert",
            &contact.epostadresse_sist_verifisert,
        ),
        (
            "mobiltelefonnummer_oppdatert",
            &contact.mobiltelefonnummer_oppdatert,
        ),
        (
            "mobiltelefonnummer_sist_verifisert",
            &contact.mobiltelefonnummer_sist_verifisert,
        ),
    ] {
        if date.as_ref().is_some_and(|date| read_date(date).is_none()) {
            problems.push(format!(
                "{name} must be a time with its offset, as the register writes it: 2030-01-31T12:00:00Z"
            ));
        }
    }
    let Some(stamp) = rules.stamp else { return };
    for (address, updated, verified) in [
        (
            &contact.epostadresse,
            &contact.epostadresse_oppdatert,
            &mut contact.epostadresse_sist_verifisert,
        ),
        (
            &contact.mobiltelefonnummer,
            &contact.mobiltelefonnummer_oppdatert,
            &mut contact.mobiltelefonnummer_sist_verifisert,
        ),
    ] {
        if address.is_some() && updated.is_none() && verified.is_none() {
            *verified = Some(stamp.to_string());
        }
    }
}

fn blank_is_absent(field: &mut Option<String>) {
    if let Some(text) = field {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            *field = None;
        } else if trimmed.len() < text.len() {
            *field = Some(trimmed.to_owned());
        }
    }
}

pub(super) fn read_number(raw: &str, rules: &ImportRules) -> Result<PersonNumber, String> {
    if raw.is_empty() {
        return Err("is missing".to_owned());
    }
    let number = PersonNumber::parse(raw).map_err(|error| match error {
        PersonNumberError::Shape if PersonNumber::missing_leading_zero(raw) => {
            "has lost its leading 0, as happens in spreadsheets; make the column text and put it back".to_owned()
        }
        PersonNumberError::Shape | PersonNumberError::Date | PersonNumberError::CheckDigits => error.to_string(),
    })?;
    match (number.is_synthetic(), rules.allow_synthetic) {
        (true, false) => Err("is synthetic; set register.allow_synthetic = true in a test environment".to_owned()),
        (false, true) => Err(
            "is a real one; with register.allow_synthetic = true (test) only synthetic ones are let in".to_owned(),
        ),
        (true, true) | (false, false) => Ok(number),
    }
}
