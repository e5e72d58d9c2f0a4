//! `budstikke register export`: page by page, so that a register of any size fits.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;

use super::command::Export;
use super::flat::{COLUMNS, to_row};
use crate::app::build;
use crate::cli::args::Global;
use crate::cli::context::{Failure, load, note};
use crate::domain::krr_person::KrrPerson;
use crate::ports::store::ContactRow;

/// Persons of one page.
const PAGE: u32 = 1_000;

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub async fn run(export: &Export, global: &Global) -> Result<ExitCode, Failure> {
    let config = load(global)?;
    let store = build::store(&config, build::clock(), build::Opening::Shared).await?;
    let mut out = io::stdout().lock();
    let mut written = Ok(());
    if export.csv {
        written = out.write_all(&csv_line(&COLUMNS)?);
    }
    let mut count = 0_u64;
    let mut after = None;
    while written.is_ok() {
        let page = store
            .contacts_after(after.as_ref(), PAGE)
            .await
            .map_err(anyhow::Error::from)?;
        let text = if export.csv {
            to_csv(&page)?
        } else {
            to_lines(&page)
        };
        written = out.write_all(&text);
        count += page.len() as u64;
        after = match page.into_iter().next_back() {
            Some(last) => Some(last.person),
            None => break,
        };
    }
    match written.and_then(|()| out.flush()) {
        Ok(()) => note(format!("{count} persons exported")),
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => return Err(anyhow::Error::from(error).context("cannot write").into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn to_lines(page: &[ContactRow]) -> Vec<u8> {
    page.iter()
        .flat_map(|row| [row.document.as_bytes(), b"\n"].concat())
        .collect()
}

fn to_csv(page: &[ContactRow]) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    for row in page {
        let person: KrrPerson = serde_json::from_str(&row.document)
            .ok()
            .context("a row of the local register cannot be read; import the person again")?;
        text.extend(csv_line(&to_row(&person))?);
    }
    Ok(text)
}

fn csv_line(cells: &[&str]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(cells)
        .context("cannot write a row of CSV")?;
    writer
        .into_inner()
        .ok()
        .context("cannot write a row of CSV")
}
