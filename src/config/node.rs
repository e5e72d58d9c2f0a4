//! The tree of settings before it has types: every value knows where it was written.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::{Finding, Origin};

/// A value and where it was written.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) value: Raw,
    pub(super) origin: Origin,
}

/// A value as TOML has it, or a text of the environment that has no type yet.
#[derive(Clone)]
pub(super) enum Raw {
    Text(String),
    Whole(i64),
    Real(f64),
    Truth(bool),
    Date,
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
    /// From the environment: the setting that it is for decides how it is read.
    Untyped(String),
}

impl Raw {
    /// What it is, in words for an error.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Whole(_) => "a whole number",
            Self::Real(_) => "a number",
            Self::Truth(_) => "true or false",
            Self::Date => "a date or time without quotes",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Untyped(_) => "other text",
        }
    }
}

impl Node {
    /// An empty table.
    pub(super) const fn table(origin: Origin) -> Self {
        Self {
            value: Raw::Table(BTreeMap::new()),
            origin,
        }
    }

    /// Reads a TOML text.
    ///
    /// The error names line and column but quotes nothing: the line may hold a secret.
    pub(super) fn parse(text: &str, origin: &Origin) -> Result<Self, Finding> {
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            let place = error.span().map_or_else(String::new, |span| {
                let before = text.get(..span.start).unwrap_or(text);
                let line = before.matches('\n').count() + 1;
                let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
                format!(" at line {line}, column {column}")
            });
            Finding {
                path: String::new(),
                origin: origin.clone(),
                problem: format!("is no TOML{place}: {}", error.message().replace('\n', ", ")),
            }
        })?;
        Ok(Self::of(toml::Value::Table(table), origin))
    }

    fn of(value: toml::Value, origin: &Origin) -> Self {
        let value = match value {
            toml::Value::String(text) => Raw::Text(text),
            toml::Value::Integer(number) => Raw::Whole(number),
            toml::Value::Float(number) => Raw::Real(number),
            toml::Value::Boolean(truth) => Raw::Truth(truth),
            toml::Value::Datetime(_) => Raw::Date,
            toml::Value::Array(list) => {
                Raw::List(list.into_iter().map(|v| Self::of(v, origin)).collect())
            }
            toml::Value::Table(table) => Raw::Table(
                table
                    .into_iter()
                    .map(|(key, v)| (key, Self::of(v, origin)))
                    .collect(),
            ),
        };
        Self {
            value,
            origin: origin.clone(),
        }
    }

    /// The text, whoever gave it.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Raw::Text(text) | Raw::Untyped(text) => Some(text),
            Raw::Whole(_)
            | Raw::Real(_)
            | Raw::Truth(_)
            | Raw::Date
            | Raw::List(_)
            | Raw::Table(_) => None,
        }
    }

    /// The table's entry.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Raw::Table(table) => table.get(key),
            Raw::List(list) => list.iter().find(|entry| entry.label() == Some(key)),
            Raw::Text(_)
            | Raw::Whole(_)
            | Raw::Real(_)
            | Raw::Truth(_)
            | Raw::Date
            | Raw::Untyped(_) => None,
        }
    }

    /// What an entry of a list of tables is called: its id or name.
    pub(super) fn label(&self) -> Option<&str> {
        let Raw::Table(table) = &self.value else {
            return None;
        };
        table.get("id").or_else(|| table.get("name"))?.text()
    }

    /// Where the setting at `path` was written; where it is missing, its nearest parent.
    pub(super) fn origin_of(&self, path: &str) -> &Origin {
        let mut at = self;
        for key in path.split('.') {
            match at.get(key) {
                Some(next) => at = next,
                None => break,
            }
        }
        &at.origin
    }

    /// The folder that relative paths of this node's file are relative to.
    pub(super) fn folder(&self) -> &Path {
        match &self.origin {
            Origin::File(path) => path.parent().unwrap_or(Path::new("")),
            Origin::Default | Origin::Environment(_) => Path::new(""),
        }
    }
}
