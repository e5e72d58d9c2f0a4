//! What `--skip-invalid` leaves out goes into a file beside the one that was given, with the
//! reasons, so that it can be put right and submitted again.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;

use super::check::{Checked, LeftOut};
use super::draft::{Draft, Finding};
use super::table::Table;

/// `FILE.invalid.csv` or `FILE.invalid.ndjson`, beside the file.
pub fn path(file: &Path, extension: &str) -> PathBuf {
    let name = if file == Path::new("-") {
        "stdin".as_ref()
    } else {
        file.as_os_str()
    };
    let mut name = name.to_owned();
    name.push(format!(".invalid.{extension}"));
    PathBuf::from(name)
}

/// The rows of a table that are left out, with their problems in a last column.
///
/// # Errors
/// Never in practice: memory takes every row.
pub fn rows(table: &Table, checked: &Checked) -> anyhow::Result<Vec<u8>> {
    let mut problems: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (_, finding) in &checked.findings {
        if let Some(origin) = finding.recipient {
            problems.entry(origin).or_default().push(&finding.problem);
        }
    }
    let mut writer = csv::WriterBuilder::new()
        .delimiter(table.separator)
        .flexible(true)
        .from_writer(Vec::new());
    writer.write_record(table.header.iter().map(String::as_str).chain(["problem"]))?;
    for (origin, problems) in &problems {
        if let Some(row) = table.rows.get(*origin) {
            let mut cells = row.cells.clone();
            cells.resize(table.header.len(), String::new());
            cells.push(problems.join("; "));
            writer.write_record(&cells)?;
        }
    }
    writer.into_inner().ok().context("cannot write CSV")
}

/// Recipients and jobs that are left out, one a line, with their problems.
pub fn lines(drafts: &[Draft], checked: &Checked) -> Vec<u8> {
    let mut text = Vec::new();
    for left_out in &checked.left_out {
        let (index, origin, at) = match left_out {
            LeftOut::Recipient {
                draft,
                origin,
                index,
            } => (*draft, Some(*origin), Some(*index)),
            LeftOut::Job { draft } => (*draft, None, None),
        };
        let Some(draft) = drafts.get(index) else {
            continue;
        };
        let about = |(of, finding): &&(usize, Finding)| {
            *of == index && (at.is_none() || finding.recipient == origin)
        };
        let problems: Vec<&Finding> = checked
            .findings
            .iter()
            .filter(about)
            .map(|(_, finding)| finding)
            .collect();
        let job = draft.document.get("job");
        let line = match at.and_then(|at| draft.document.get("recipients")?.get(at)) {
            Some(recipient) => json!({"job": job, "problems": problems, "recipient": recipient}),
            None => json!({"job": job, "problems": problems, "document": draft.document}),
        };
        text.extend_from_slice(line.to_string().as_bytes());
        text.push(b'\n');
    }
    text
}

/// Writes the file for its owner only: persons are in it. What stood there before is replaced.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text)
        .with_context(|| format!("cannot write {}", path.display()))
}
