//! The list of what is wrong, and the places.

use std::fmt;

use crate::domain::event::Problem;

/// The most problems that are listed one by one.
pub const MAX_PROBLEMS: usize = 100;

/// A place in the body. Built on the way down, written out only where something is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) enum At<'a> {
    /// The whole body.
    Root,
    /// A field of an object.
    Field(&'a At<'a>, &'a str),
    /// An entry of a list, from 0.
    Entry(&'a At<'a>, usize),
}

/// A JSON pointer (RFC 6901).
impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(parent, name) => {
                write!(f, "{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
            }
            Self::Entry(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}

/// What is wrong so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    listed: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// Adds a problem. The text says what is wrong and what to do, and holds nothing personal.
    pub(super) fn add(&mut self, at: &At<'_>, problem: impl Into<String>) {
        if self.is_full() {
            self.more += 1;
        } else {
            self.listed.push(Problem {
                pointer: at.to_string(),
                problem: problem.into(),
            });
        }
    }

    /// Adds problems that know their places.
    pub(super) fn extend(&mut self, problems: Vec<Problem>) {
        for problem in problems {
            if self.is_full() {
                self.more += 1;
            } else {
                self.listed.push(problem);
            }
        }
    }

    /// Whether further problems are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.listed.len() >= MAX_PROBLEMS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// The list; where it was cut, with a last entry that says how many more there are.
    pub(super) fn into_list(mut self) -> Vec<Problem> {
        if self.more > 0 {
            let problem = format!("and {} more problems that are not listed", self.more);
            self.listed.push(Problem {
                pointer: String::new(),
                problem,
            });
        }
        self.listed
    }
}
