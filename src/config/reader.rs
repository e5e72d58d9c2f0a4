//! How the tree becomes typed sections: [`Setting`], [`Reader`] and the `section!` macro.

use std::collections::BTreeMap;

use super::error::{Finding, Origin};
use super::node::{Node, Raw};

/// What is wrong so far.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) list: Vec<Finding>,
    /// Secrets stay unread and their files unopened: the section is not in use.
    pub(super) leave_secret_files: bool,
}

impl Findings {
    pub(super) fn add(&mut self, path: &str, origin: &Origin, problem: impl Into<String>) {
        self.list.push(Finding {
            path: path.to_owned(),
            origin: origin.clone(),
            problem: problem.into(),
        });
    }
}

/// A type that a setting can have. `None` always means that a finding was added.
pub(super) trait Setting: Sized {
    /// Reads the value that stands at `path`.
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self>;

    /// What `budstikke check` prints, secrets masked; `None` when there is nothing to print.
    fn show(&self) -> Option<toml::Value>;

    /// Puts [`Self::show`] under `key` into what is shown of a section.
    fn show_into(&self, key: &str, table: &mut toml::Table) {
        if let Some(value) = self.show() {
            table.insert(key.to_owned(), value);
        }
    }

    /// What holds when the setting is absent and has no default.
    fn absent() -> Option<Self> {
        None
    }

    /// Reads the setting `key` of a section.
    fn field(reader: &mut Reader<'_>, key: &str, default: Option<Self>) -> Option<Self> {
        match reader.take(key) {
            Some(node) => Self::read(node, &reader.path_of(key), reader.findings),
            None => reader.or_required(key, default.or_else(Self::absent)),
        }
    }
}

/// A section while it is read: knows which keys were asked for, so that the others are unknown.
pub(super) struct Reader<'a> {
    path: String,
    node: &'a Node,
    entries: &'a BTreeMap<String, Node>,
    known: Vec<String>,
    pub(super) findings: &'a mut Findings,
}

impl<'a> Reader<'a> {
    pub(super) fn open(node: &'a Node, path: &str, findings: &'a mut Findings) -> Option<Self> {
        let Raw::Table(entries) = &node.value else {
            let problem = format!("expected a table, found {}", node.value.kind());
            findings.add(path, &node.origin, problem);
            return None;
        };
        Some(Self {
            path: path.to_owned(),
            node,
            entries,
            known: Vec::new(),
            findings,
        })
    }

    /// The whole path of `key`.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Where `key` was written, or would have to be.
    pub(super) fn origin_of(&self, key: &str) -> &'a Origin {
        let node = self.entries.get(key).unwrap_or(self.node);
        &node.origin
    }

    /// The value of `key`, which is a known key from now on.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a Node> {
        self.known.push(key.to_owned());
        self.entries.get(key)
    }

    /// A value, or the finding that the setting is missing.
    pub(super) fn or_required<T>(&mut self, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            let path = self.path_of(key);
            self.findings
                .add(&path, &self.node.origin, "is missing; it has no default");
        }
        value
    }

    /// Keeps `value` if it lies in the range.
    pub(super) fn within<T: Setting + PartialOrd>(
        &mut self,
        key: &str,
        value: Option<T>,
        least: T,
        most: T,
    ) -> Option<T> {
        let value = value?;
        if (&least..=&most).contains(&&value) {
            return Some(value);
        }
        let show = |value: T| match value.show() {
            Some(toml::Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let problem = format!("must be {} to {}", show(least), show(most));
        let origin = self.origin_of(key);
        let path = self.path_of(key);
        self.findings.add(&path, origin, problem);
        None
    }

    /// Every key that was not asked for is unknown.
    pub(super) fn finish(self) {
        for (key, node) in self.entries {
            if self.known.contains(key) {
                continue;
            }
            let nearest = self.known.iter().max_by(|a, b| {
                strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b))
            });
            let nearest = nearest.map_or_else(String::new, |nearest| {
                format!("; the nearest known key is `{nearest}`")
            });
            let path = self.path_of(key);
            let problem = format!("unknown key{nearest}");
            self.findings.add(&path, deepest(node), problem);
        }
    }
}

/// The section as it is when nothing is written of it; `None` if something must be.
pub(super) fn from_nothing<T: Setting>() -> Option<T> {
    T::read(&Node::table(Origin::Default), "", &mut Findings::default())
}

/// An unknown table of the environment is named by a variable inside it.
fn deepest(node: &Node) -> &Origin {
    match &node.value {
        Raw::Table(entries) => entries.values().next().map_or(&node.origin, deepest),
        Raw::Text(_)
        | Raw::Whole(_)
        | Raw::Real(_)
        | Raw::Truth(_)
        | Raw::Date
        | Raw::List(_)
        | Raw::Untyped(_) => &node.origin,
    }
}

/// Declares a section: a struct, how it is read and how it is shown.
///
/// `field: Type`, `field: Type = default`, `field: Type [least..=most]`, or both in the order
/// range, default. A field without a default is required unless its type is an `Option`. Sections
/// that `config/default.toml` fills need no defaults here.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$fdoc:meta])* $field:ident: $type:ty $([$least:expr, $most:expr])? $(= $default:expr)?,)+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: $type,)+
        }

        impl $crate::config::reader::Setting for $name {
            fn read(
                node: &$crate::config::node::Node,
                path: &str,
                findings: &mut $crate::config::reader::Findings,
            ) -> Option<Self> {
                let mut reader = $crate::config::reader::Reader::open(node, path, findings)?;
                $(
                    let default: Option<$type> = $crate::config::reader::section!(@default $($default)?);
                    let $field = <$type as $crate::config::reader::Setting>::field(
                        &mut reader, stringify!($field), default,
                    );
                    $(let $field = reader.within(stringify!($field), $field, $least, $most);)?
                )+
                reader.finish();
                Some(Self { $($field: $field?,)+ })
            }

            fn show(&self) -> Option<toml::Value> {
                let mut table = toml::Table::new();
                $($crate::config::reader::Setting::show_into(
                    &self.$field, stringify!($field), &mut table,
                );)+
                Some(toml::Value::Table(table))
            }

            fn absent() -> Option<Self> {
                $crate::config::reader::from_nothing()
            }
        }
    };
    (@default) => { None };
    (@default $default:expr) => { Some($default) };
}
pub(super) use section;
