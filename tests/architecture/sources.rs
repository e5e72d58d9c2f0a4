//! The files of `src`, the paths that they name, and which part of them is test.

use std::path::Path;

use crate::tokens::{self, Token};

/// A path that a file names, from the crate's root (`["adapters", "smtp"]`) or, for other crates,
/// from their name (`["tokio", "time"]`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// In this crate?
    pub(crate) ours: bool,
    /// The segments.
    pub(crate) path: Vec<String>,
    /// From 1.
    pub(crate) line: usize,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the repository's root, `src/domain/job.rs`.
    pub(crate) path: String,
    /// How many lines.
    pub(crate) lines: usize,
    /// Its tokens without test modules.
    pub(crate) tokens: Vec<Token>,
    /// Its own module path.
    module: Vec<String>,
    /// The depth of inline modules at each token.
    inline: Vec<usize>,
}

/// All files below `src`, without tests.
pub(crate) fn all(root: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(Source::read(root, &path));
            }
        }
    }
    assert!(files.len() > 10, "the files of src/ were not found");
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

impl Source {
    /// Reads a file.
    pub(crate) fn read(root: &Path, path: &Path) -> Self {
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        Self::new(&name, &std::fs::read_to_string(path).unwrap())
    }

    /// A file of that name and text.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let module = path
            .trim_start_matches("src/")
            .trim_end_matches(".rs")
            .split('/')
            .filter(|part| !matches!(*part, "mod" | "lib" | "main"))
            .map(str::to_owned)
            .collect();
        let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
        let tokens = if is_test {
            Vec::new()
        } else {
            without_tests(tokens::cut(text))
        };
        let inline = inline_depths(&tokens);
        let lines = if is_test { 0 } else { text.lines().count() };
        Self {
            path: path.to_owned(),
            lines,
            tokens,
            module,
            inline,
        }
    }

    /// The layer: the first folder or file below `src`; none for `lib.rs` and `main.rs`.
    pub(crate) fn layer(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }

    /// The second part of the module path: which adapter.
    pub(crate) fn part(&self) -> Option<&str> {
        self.module.get(1).map(String::as_str)
    }

    /// Names of `mod x;` here.
    pub(crate) fn declared_modules(&self) -> Vec<String> {
        self.tokens
            .windows(3)
            .filter(|three| three[0].text == "mod" && three[2].text == ";")
            .map(|three| three[1].text.clone())
            .collect()
    }

    /// Every path with `::`, groups spread out, and every `use` of a single name.
    pub(crate) fn named(&self) -> Vec<Named> {
        let mut named = Vec::new();
        for (at, token) in self.tokens.iter().enumerate() {
            let before = |back: usize| at.checked_sub(back).map(|i| self.tokens[i].text.as_str());
            let follows = self.tokens.get(at + 1).map(|next| next.text.as_str());
            let begins = match before(1) {
                // `::lapin` begins a path, `x::lapin` and `>::lapin` go on with one.
                Some("::") => !at.checked_sub(2).is_some_and(|i| {
                    self.tokens[i].is_word() && self.tokens[i].text != "use"
                        || self.tokens[i].text == ">"
                }),
                Some(".") => false,
                _ => true,
            };
            let alone =
                before(1) == Some("use") || before(2) == Some("use") && before(1) == Some("::");
            if !token.is_word() || !begins || !(follows == Some("::") || alone) || self.in_group(at)
            {
                continue;
            }
            let mut paths = Vec::new();
            spread(&self.tokens, at, &[], &mut paths);
            named.extend(
                paths
                    .into_iter()
                    .map(|path| self.resolve(path, at, token.line)),
            );
        }
        named
    }

    /// Within the braces of a `use a::{…}`: [`spread`] has been there.
    fn in_group(&self, at: usize) -> bool {
        let mut depth = 0_i32;
        for i in (0..at).rev() {
            match self.tokens[i].text.as_str() {
                "}" => depth += 1,
                "{" if depth > 0 => depth -= 1,
                "{" => return i > 0 && self.tokens[i - 1].text == "::",
                ";" if depth == 0 => return false,
                _ => {}
            }
        }
        false
    }

    fn resolve(&self, path: Vec<String>, at: usize, line: usize) -> Named {
        let mut base = self.module.clone();
        // Modules in the file have no place in `module`; a `super` leaves them first.
        let mut inline = self.inline[at];
        let mut rest = path.as_slice();
        let ours = match rest.first().map(String::as_str) {
            Some("crate" | "budstikke") => {
                base.clear();
                rest = &rest[1..];
                true
            }
            Some("self" | "super") => true,
            _ => {
                return Named {
                    ours: false,
                    path,
                    line,
                };
            }
        };
        while let Some(first) = rest.first() {
            match first.as_str() {
                "self" => {}
                "super" if inline > 0 => inline -= 1,
                "super" => drop(base.pop()),
                _ => break,
            }
            rest = &rest[1..];
        }
        base.extend(rest.iter().cloned());
        Named {
            ours,
            path: base,
            line,
        }
    }
}

/// Follows a path from `at` and pushes each of its ends.
fn spread(
    tokens: &[Token],
    mut at: usize,
    before: &[String],
    paths: &mut Vec<Vec<String>>,
) -> usize {
    let mut path = before.to_vec();
    while let Some(token) = tokens.get(at) {
        if token.text == "{" {
            at += 1;
            while tokens.get(at).is_some_and(|token| token.text != "}") {
                let next = spread(tokens, at, &path, paths);
                at = next.max(at + 1);
            }
            return at + 1;
        }
        if token.text == "::" {
            at += 1;
            continue;
        }
        if !token.is_word() && token.text != "*" {
            return at;
        }
        path.push(token.text.clone());
        at += 1;
        if tokens.get(at).is_none_or(|next| next.text != "::")
            || tokens
                .get(at + 1)
                .is_some_and(|next| !next.is_word() && !matches!(next.text.as_str(), "{" | "*"))
        {
            paths.push(path);
            // A new name: `x as y`.
            if tokens.get(at).is_some_and(|next| next.text == "as") {
                at += 2;
            }
            return at;
        }
    }
    at
}

/// Takes out every item under `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let marked = tokens[at..].len() > MARK.len()
            && tokens[at..]
                .iter()
                .zip(MARK)
                .all(|(token, mark)| token.text == mark);
        if !marked {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += MARK.len();
        let mut depth = 0;
        while at < tokens.len() {
            match tokens[at].text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            let ends = matches!(tokens[at].text.as_str(), ";" | "}");
            at += 1;
            if ends && depth == 0 {
                break;
            }
        }
    }
    kept
}

fn inline_depths(tokens: &[Token]) -> Vec<usize> {
    let mut braces = Vec::new();
    let mut depths = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        if token.text == "{" {
            braces.push(at >= 2 && tokens[at - 2].text == "mod");
        } else if token.text == "}" {
            braces.pop();
        }
        depths.push(braces.iter().filter(|is_module| **is_module).count());
    }
    depths
}
