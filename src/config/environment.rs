//! Settings from the environment: `BUDSTIKKE__SECTION__KEY`.
//!
//! Two underscores separate, so that one may stand inside a name; `BUDSTIKKE_API_KEY` is therefore
//! no setting. Values have no type until the setting that they are for reads them, so a password
//! `10` stays a text.

use std::collections::BTreeMap;

use super::error::{Finding, Origin};
use super::node::{Node, Raw};

const PREFIX: &str = "BUDSTIKKE__";

/// The layer that the environment makes; variables of others are not looked at.
pub(super) fn layer(
    variables: impl IntoIterator<Item = (String, String)>,
    findings: &mut Vec<Finding>,
) -> Option<Node> {
    let mut settings: Vec<(String, String)> = variables
        .into_iter()
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    settings.sort();
    let first = settings.first()?;
    let mut root = Node::table(Origin::Environment(first.0.clone()));
    for (name, value) in settings {
        let path = name.strip_prefix(PREFIX).unwrap_or_default().to_lowercase();
        let segments: Vec<&str> = path.split("__").collect();
        let origin = Origin::Environment(name);
        if let Err(problem) = insert(&mut root, &segments, value, &origin) {
            findings.push(Finding {
                path: segments.join("."),
                origin,
                problem: problem.to_owned(),
            });
        }
    }
    Some(root)
}

fn insert(
    at: &mut Node,
    segments: &[&str],
    value: String,
    origin: &Origin,
) -> Result<(), &'static str> {
    let Raw::Table(table) = &mut at.value else {
        return Err("another variable gives the setting above it a value of its own; keep one");
    };
    match segments {
        [] => Ok(()),
        ["", ..] | [_, "", ..] => {
            Err("is no setting; write BUDSTIKKE__SECTION__KEY with two underscores between names")
        }
        [key] => {
            let leaf = Node {
                value: Raw::Untyped(value),
                origin: origin.clone(),
            };
            table.insert((*key).to_owned(), leaf);
            Ok(())
        }
        [key, rest @ ..] => {
            let next = table.entry((*key).to_owned()).or_insert(Node {
                value: Raw::Table(BTreeMap::new()),
                origin: origin.clone(),
            });
            insert(next, rest, value, origin)
        }
    }
}
