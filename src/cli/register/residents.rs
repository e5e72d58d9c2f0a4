//! Who lives where, row by row, and everything that can be wrong with a row. Pure. No message holds
//! a value of the file.

use std::collections::HashMap;

use super::rows::{FileError, ImportRules, read_number};
use crate::cli::file_text;
use crate::domain::person::PersonNumber;
use crate::domain::street::Resident;

/// The header, in the contract's order.
const COLUMNS: [&str; 7] = [
    "person",
    "municipality",
    "street",
    "number",
    "letter",
    "household",
    "birth_year",
];
/// Those that may be left out: most houses have no letter, and some files know no households.
const OPTIONAL: [&str; 2] = ["letter", "household"];
/// The highest house number.
const MAX_NUMBER: u32 = 9_999;
/// The longest name of a street, in characters.
const MAX_STREET: usize = 100;
/// The longest name of a household, in characters.
const MAX_HOUSEHOLD: usize = 100;
/// Nobody alive was born before.
const EARLIEST: i16 = 1890;

/// One row of the file.
#[derive(Debug)]
pub struct ResidentRow {
    /// Its line, from 1.
    pub line: u64,
    /// Who lives where, or everything that is wrong.
    pub read: Result<Resident, Vec<String>>,
}

/// Reads all rows; `this_year` is the latest year of birth. The same person at two places is wrong
/// in the second row.
///
/// # Errors
/// [`FileError`] when no row can be read at all.
pub fn residents(
    text: &str,
    rules: &ImportRules,
    this_year: i16,
) -> Result<Vec<ResidentRow>, FileError> {
    if text.trim().is_empty() {
        return Err(FileError::Empty);
    }
    let mut table = file_text::table(text);
    let header: Vec<String> = table.headers().map_or_else(
        |_unreadable| Vec::new(),
        |header| {
            header
                .iter()
                .map(|name| name.trim().to_lowercase())
                .collect()
        },
    );
    check_header(&header)?;
    let mut lines = file_text::LineCounter::new(text);
    let mut seen: HashMap<PersonNumber, (u64, Resident)> = HashMap::new();
    let mut rows = Vec::new();
    for record in table.into_records() {
        // The reader takes rows of any length, and the text is UTF-8.
        let Ok(record) = record else { continue };
        let line = lines.line_of(&record);
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let cell = |name: &str| {
            let at = header.iter().position(|column| column == name)?;
            record
                .get(at)
                .map(str::trim)
                .filter(|text| !text.is_empty())
        };
        let too_long = record
            .iter()
            .skip(header.len())
            .any(|c| !c.trim().is_empty());
        let read = if too_long {
            let problem = format!(
                "has {} cells, the header has {}",
                record.len(),
                header.len()
            );
            Err(vec![problem])
        } else {
            read(cell, rules, this_year)
        };
        let read = read.and_then(|resident| match seen.get(&resident.person) {
            Some((_, before)) if *before == resident => Ok(resident),
            Some((first, _)) => Err(vec![format!(
                "person lives somewhere else in line {first}; everybody has one address"
            )]),
            None => {
                seen.insert(resident.person.clone(), (line, resident.clone()));
                Ok(resident)
            }
        });
        rows.push(ResidentRow { line, read });
    }
    Ok(rows)
}

fn check_header(header: &[String]) -> Result<(), FileError> {
    let has = |name: &str| header.iter().any(|column| column == name);
    let missing = COLUMNS
        .iter()
        .find(|name| !OPTIONAL.contains(name) && !has(name));
    if let Some(missing) = missing {
        return Err(FileError::MissingColumn(missing));
    }
    for (index, name) in header.iter().enumerate() {
        if name.is_empty() {
            continue;
        }
        if header[..index].contains(name) {
            return Err(FileError::RepeatedColumn(name.clone()));
        }
        if !COLUMNS.contains(&name.as_str()) {
            return Err(FileError::UnknownResidentColumn(COLUMNS.join(", ")));
        }
    }
    Ok(())
}

fn read<'a>(
    cell: impl Fn(&str) -> Option<&'a str>,
    rules: &ImportRules,
    this_year: i16,
) -> Result<Resident, Vec<String>> {
    let mut problems = Vec::new();
    let person = read_number(cell("person").unwrap_or_default(), rules)
        .map_err(|problem| problems.push(format!("person {problem}")));
    let municipality = cell("municipality").unwrap_or_default();
    if municipality.len() != 4 || !municipality.bytes().all(|b| b.is_ascii_digit()) {
        let digits = municipality.bytes().all(|b| b.is_ascii_digit());
        problems.push(if municipality.len() == 3 && digits {
            "municipality has lost its leading 0, as happens in spreadsheets; make the column text \
             and put it back"
                .to_owned()
        } else {
            "municipality must be its number: 4 digits".to_owned()
        });
    }
    let street = text("street", cell("street"), 1..=MAX_STREET, &mut problems);
    let number = cell("number").and_then(|raw| raw.parse().ok());
    let number = number.filter(|number| (1..=MAX_NUMBER).contains(number));
    if number.is_none() {
        problems.push(format!(
            "number must be a house number from 1 to {MAX_NUMBER}; a letter behind it goes into the \
             column letter"
        ));
    }
    let letter = cell("letter").unwrap_or_default().to_uppercase();
    if letter.chars().count() > 1 || letter.chars().any(|c| !c.is_alphabetic()) {
        problems.push("letter must be one letter, or blank".to_owned());
    }
    let household = text(
        "household",
        cell("household"),
        0..=MAX_HOUSEHOLD,
        &mut problems,
    );
    let birth_year = cell("birth_year").and_then(|raw| raw.parse().ok());
    let birth_year = birth_year.filter(|year| (EARLIEST..=this_year).contains(year));
    if birth_year.is_none() {
        problems.push(format!(
            "birth_year must be a year from {EARLIEST} to {this_year}"
        ));
    }
    match (person, number, birth_year) {
        (Ok(person), Some(number), Some(birth_year)) if problems.is_empty() => Ok(Resident {
            person,
            municipality: municipality.to_owned(),
            street,
            number,
            letter,
            household,
            birth_year,
        }),
        _ => Err(problems),
    }
}

fn text(
    name: &str,
    cell: Option<&str>,
    length: std::ops::RangeInclusive<usize>,
    problems: &mut Vec<String>,
) -> String {
    let text = cell.unwrap_or_default();
    if !length.contains(&text.chars().count()) || text.chars().any(char::is_control) {
        problems.push(format!(
            "{name} must have {} to {} characters",
            length.start(),
            length.end()
        ));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: ImportRules = ImportRules {
        allow_synthetic: true,
        stamp: None,
    };

    fn number(seed: u32) -> String {
        PersonNumber::synthetic(seed).expose().to_owned()
    }

    #[test]
    fn a_row_is_read_with_comma_or_semicolon_and_letters_in_capitals() {
        let rows = format!(
            "person;Municipality;street;number;letter;household;birth_year\n{};0301; Storgata ;7;b;H1;1980\n\n",
            number(1)
        );
        for text in [rows.clone(), rows.replace(';', ",")] {
            let rows = residents(&text, &TEST, 2030).unwrap();
            assert_eq!((rows.len(), rows[0].line), (1, 2));
            let one = rows[0].read.as_ref().unwrap();
            assert_eq!(
                (
                    one.street.as_str(),
                    one.number,
                    one.letter.as_str(),
                    one.birth_year
                ),
                ("Storgata", 7, "B", 1980)
            );
        }
        let without = format!(
            "birth_year,person,municipality,street,number\n1980,{},0301,Storgata,7\n",
            number(1)
        );
        let rows = residents(&without, &TEST, 2030).unwrap();
        assert_eq!(rows[0].read.as_ref().unwrap().letter, "");
    }

    #[test]
    fn everything_that_is_wrong_with_a_row_is_named_without_what_is_in_it() {
        let (one, two) = (number(1), number(2));
        let text = format!(
            "person,municipality,street,number,letter,household,birth_year\n\
             {one},301,,7B,BB,H1,2031\n12345678901,oslo,Storgata,0,1,H1,80\n\
             {two},0301,Storgata,1,,H1,1980\n{two},0301,Storgata,2,,H1,1980\n\
             {two},0301,Storgata,1,,H1,1980\n{two},0301,Storgata,1,,H1,1980,more\n"
        );
        let rows = residents(&text, &TEST, 2030).unwrap();
        let problems: Vec<(u64, usize)> = rows
            .iter()
            .filter_map(|row| Some((row.line, row.read.as_ref().err()?.len())))
            .collect();
        assert_eq!(problems, [(2, 5), (3, 5), (5, 1), (7, 1)]);
        let first = rows[0].read.as_ref().unwrap_err().join("; ");
        assert!(
            first.contains("leading 0") && first.contains("column letter"),
            "{first}"
        );
        let all = format!("{rows:?}");
        assert!(
            !all.contains("oslo") && !all.contains(&one) && !all.contains(&two),
            "{all}"
        );
        let twice = rows[3].read.as_ref().unwrap_err();
        assert!(twice[0].contains("line 4"), "{twice:?}");
    }

    #[test]
    fn a_file_that_is_no_table_of_residents_is_refused_as_a_whole() {
        let header = "person,municipality,street,number,letter,household,birth_year";
        for (text, part) in [
            ("", "is empty"),
            ("person,street\n", "no column municipality"),
            ("name\n", "no column person"),
            (&format!("{header},person\n"), "column person twice"),
            (
                &format!("{header},phone\n"),
                "may have person, municipality",
            ),
        ] {
            let error = residents(text, &TEST, 2030).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
