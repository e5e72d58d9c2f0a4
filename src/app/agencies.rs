//! The agencies of the configuration, as the pipeline knows them.

use anyhow::{Context as _, anyhow};

use crate::config::Config;
use crate::config::window::Window;
use crate::domain::pace::{Rate, RateError};
use crate::domain::window::{DayWindow, Days};
use crate::pipeline::deps::{Agency, Directory};
use crate::ports::store::{AgencyRecord, Store};

/// Makes the agencies known to the store and builds the directory.
///
/// # Errors
/// The store.
pub async fn directory(config: &Config, store: &dyn Store) -> anyhow::Result<Directory> {
    let records: Vec<AgencyRecord> = config
        .agency
        .iter()
        .map(|agency| AgencyRecord {
            id: agency.id.clone(),
            filter: agency.events,
        })
        .collect();
    let numbers = store.sync_agencies(&records).await?;
    let agencies = config
        .agency
        .iter()
        .zip(numbers)
        .map(|(agency, no)| {
            let sender = agency
                .sms_sender
                .as_ref()
                .map(|sender| sender.as_str().to_owned());
            Ok(Agency {
                no,
                id: agency.id.clone(),
                org_number: agency.org_number.clone(),
                classes: agency.classes.clone(),
                sms_sender: sender.unwrap_or_else(|| default_sender(agency.id.as_str())),
                email_from: agency
                    .email_from
                    .as_ref()
                    .map_or_else(|| default_mailbox(&agency.name), ToString::to_string),
                weight: agency.weight,
                sms_rate: agency_rate(agency.sms_rate).context("agency.sms_rate")?,
                email_rate: agency_rate(agency.email_rate).context("agency.email_rate")?,
                urgent_per_hour: agency.urgent_per_hour,
                hours: hours(agency.window.as_ref().unwrap_or(&config.window))?,
                municipality: agency.municipality_number.as_ref().map(ToString::to_string),
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Directory::new(agencies))
}

/// 0: none of its own.
fn agency_rate(per_second: f64) -> Result<Option<Rate>, RateError> {
    (per_second > 0.0)
        .then(|| Rate::new(per_second, 1))
        .transpose()
}

/// Up to eleven letters and digits of the id (the longest alphanumeric sender).
fn default_sender(id: &str) -> String {
    id.chars()
        .filter(char::is_ascii_alphanumeric)
        .take(11)
        .collect()
}

fn default_mailbox(name: &str) -> String {
    format!(
        "{} <no-reply@localhost>",
        name.replace(['<', '>', '"', ',', ';'], "")
    )
}

fn hours(window: &Window) -> anyhow::Result<DayWindow> {
    let days = if window.working_days_only {
        Days::Working
    } else {
        Days::All
    };
    DayWindow::new(window.from, window.until, days).map_err(|error| anyhow!("window: {error}"))
}
