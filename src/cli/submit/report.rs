//! What a person sees of totals and problems.

use comfy_table::{CellAlignment, Table, presets};

use super::draft::Finding;
use crate::adapters::api_client::wire::Totals;
use crate::cli::context::note;

/// Findings shown to a person; a program gets all.
pub(super) const SHOWN: usize = 100;

/// A table of statuses and how many notifications have them.
pub fn totals_table(totals: &Totals) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["status", "notifications"]);
    for (status, count) in totals.in_order() {
        table.add_row([status.to_owned(), grouped(count)]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 job`, `2 jobs`.
pub fn counted(number: u64, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {what}{ending}", grouped(number))
}

/// Shows findings, not too many.
pub(super) fn show(findings: &[Finding]) {
    for finding in findings.iter().take(SHOWN) {
        note(finding.line());
    }
    if let Some(more) = findings.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        note(format!(
            "… and {} more; --json lists all",
            grouped(more as u64)
        ));
    }
}
