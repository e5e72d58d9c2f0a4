//! `budstikke status JOB --reach`: who of a street was reached, and where somebody has to knock.

use comfy_table::{Table, presets};
use serde_json::json;

use super::args::Global;
use super::context::{say, say_json};
use super::submit::report::grouped;
use crate::adapters::api_client::wire::{HouseAnswer, ReachAnswer};
use crate::adapters::api_client::{ApiClient, ApiError};
use crate::domain::ids::JobName;

/// The groups in the order of a message's life, and how they are called.
const GROUPS: [(&str, &str); 7] = [
    ("delivered", "delivered"),
    ("sent", "sent"),
    (
        "covered",
        "covered by somebody of the household, or with the same address",
    ),
    ("no_contact_information", "no contact information"),
    ("refused", "reserved or opted out"),
    ("other", "failed, uncertain, expired or cancelled"),
    ("open", "not decided yet"),
];

/// Shows the report.
///
/// # Errors
/// [`ApiError`].
pub async fn show(client: &ApiClient, job: &JobName, global: &Global) -> Result<(), ApiError> {
    let report = client.reach(job).await?;
    if global.json {
        say_json(&json!(report));
    } else {
        say(text(&report));
    }
    Ok(())
}

fn text(report: &ReachAnswer) -> String {
    let mut lines = vec![
        format!("job          {}", report.job),
        format!("state        {}", report.state),
        format!(
            "residents    {} in {} households",
            grouped(report.recipients),
            grouped(report.households)
        ),
        String::new(),
    ];
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (word, meaning) in GROUPS {
        let count = report.reach.get(word).and_then(serde_json::Value::as_u64);
        table.add_row([grouped(count.unwrap_or_default()), meaning.to_owned()]);
    }
    lines.push(table.trim_fmt());
    lines.push(String::new());
    if report.without_reach.is_empty() {
        lines.push("No house is left without reach.".to_owned());
    } else {
        lines.push("Houses where a household was not reached:".to_owned());
        lines.push(houses(&report.without_reach));
    }
    lines.join("\n")
}

fn houses(houses: &[HouseAnswer]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["house", "households", "not reached"]);
    for house in houses {
        table.add_row([
            format!(
                "{}{}",
                house.number,
                house.letter.as_deref().unwrap_or_default()
            ),
            house.households.to_string(),
            house.unreached.to_string(),
        ]);
    }
    table.trim_fmt()
}
