//! Reads what was given: the file, and the template if there is one.

use std::path::Path;

use anyhow::{Context as _, anyhow};

use super::documents;
use super::draft::{Draft, Finding};
use super::table::{self, Table};
use crate::cli::context::note;
use crate::cli::file_text;

/// What is in the file.
#[derive(Debug)]
pub(super) struct Input {
    /// The jobs.
    pub(super) drafts: Vec<Draft>,
    /// The table they were cut from, if it was one.
    pub(super) table: Option<Table>,
    /// What is wrong so far.
    pub(super) findings: Vec<Finding>,
}

impl Input {
    /// Reads it.
    ///
    /// # Errors
    /// A file cannot be read or used at all.
    pub(super) fn read(
        file: &Path,
        template: Option<&Path>,
        job: Option<&str>,
    ) -> anyhow::Result<Self> {
        let content = text(file)?;
        let shown = || file_text::shown(file).into_owned();
        if let Some(path) = template {
            if file_text::is_json(&content) {
                return Err(anyhow!("{} is JSON; --template goes with CSV", shown()));
            }
            let name = path.display().to_string();
            let template = table::read_template(&text(path)?).with_context(|| name.clone())?;
            let table = table::read(&content).with_context(shown)?;
            let drafts = table.cut(&template, job).with_context(|| name)?;
            return Ok(Self {
                drafts,
                table: Some(table),
                findings: Vec::new(),
            });
        }
        if !file_text::is_json(&content) && !content.trim().is_empty() {
            return Err(anyhow!(
                "{} is no JSON; if it is CSV, give the job with --template JOB.JSON",
                shown()
            ));
        }
        let mut read = documents::read(&content).with_context(shown)?;
        if let Some(name) = job {
            documents::rename(&mut read.drafts, name);
        }
        Ok(Self {
            drafts: read.drafts,
            table: None,
            findings: read.findings,
        })
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    let bytes = file_text::read(path)?;
    let file = file_text::decode(&bytes);
    if let Some(remark) = file_text::remark(path, file.encoding) {
        note(remark);
    }
    Ok(file.text.into_owned())
}
