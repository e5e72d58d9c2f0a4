//! Closed sets of words, and domain types that are read from one text.

use super::node::Node;
use super::reader::{Findings, Setting};
use super::values::from_text;
use crate::domain::event::{EventFilter, EventKind};
use crate::domain::ids::AgencyId;
use crate::domain::kinds::Class;
use crate::domain::org_number::OrgNumber;

/// Declares a closed set of words that a setting chooses from.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
        }

        impl $name {
            /// The word in the configuration.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl $crate::config::reader::Setting for $name {
            fn read(
                node: &$crate::config::node::Node,
                path: &str,
                findings: &mut $crate::config::reader::Findings,
            ) -> Option<Self> {
                $crate::config::values::from_text(node, path, findings, |text| match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err($crate::config::words::one_of(&[$($word),+], other)),
                })
            }

            fn show(&self) -> Option<toml::Value> {
                Some(self.as_str().into())
            }
        }
    };
}
pub(super) use words;

/// What to say of a word that is not in the set.
pub(super) fn one_of(words: &[&str], found: &str) -> String {
    let shown: String = found.chars().take(40).collect();
    format!("expected one of {}, found `{shown}`", words.join(", "))
}

impl Setting for Class {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        from_text(node, path, findings, |text| {
            let words: Vec<&str> = Self::ALL.iter().map(|class| class.as_str()).collect();
            Self::from_word(text).ok_or_else(|| one_of(&words, text))
        })
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.as_str().into())
    }
}

impl Setting for AgencyId {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        from_text(node, path, findings, Self::parse)
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.as_str().into())
    }
}

impl Setting for OrgNumber {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        from_text(node, path, findings, Self::parse)
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.as_str().into())
    }
}

impl Setting for EventFilter {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let patterns = Vec::<String>::read(node, path, findings)?;
        match Self::parse(&patterns) {
            Ok(filter) => Some(filter),
            Err(pattern) => {
                let problem = format!(
                    "`{pattern}` matches no event type; use \"*\", \"job.*\", \"notification.*\" or a type such as \"job.finished\""
                );
                findings.add(path, &node.origin, problem);
                None
            }
        }
    }

    fn show(&self) -> Option<toml::Value> {
        if *self == Self::ALL {
            return Some(vec!["*"].into());
        }
        let kinds = EventKind::ALL.iter().filter(|kind| self.wants(**kind));
        Some(kinds.map(|kind| kind.as_str()).collect::<Vec<_>>().into())
    }
}
