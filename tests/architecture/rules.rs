//! The rules. Each returns its findings as sentences: which file, which rule, what to do.

use std::collections::BTreeSet;
use std::path::Path;

use crate::layers::{Layers, Reach};
use crate::sources::Source;

/// A file above this is two files.
pub(crate) const MAX_LINES: usize = 400;

/// Crates that talk to the outside, and where they may be named.
const DRIVERS: [&str; 4] = ["lapin", "sqlx", "reqwest", "lettre"];

/// What the domain may not name: it has no I/O, no clock, no chance and no log.
const NOT_IN_DOMAIN: [&str; 10] = [
    "tokio", "sqlx", "tracing", "axum", "reqwest", "lapin", "lettre", "rand", "metrics", "governor",
];

/// Adapters that others may build on; all others know nothing of each other.
const SHARED_ADAPTERS: [&str; 3] = ["https", "jose", "maskinporten"];

/// Names only what the table in `src/lib.rs` allows, and no other adapter.
pub(crate) fn directions(source: &Source, layers: &Layers) -> Vec<String> {
    let Some(layer) = source.layer() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for named in source.named().iter().filter(|named| named.ours) {
        let Some(other) = named.path.first().filter(|other| layers.contains(other)) else {
            continue;
        };
        let at = format!("{}:{}", source.path, named.line);
        let path = named.path.join("::");
        match layers.reach(layer, other) {
            None => findings.push(format!(
                "{at} names crate::{path}, but `{layer}` may name {} (table in src/lib.rs).\n\
                 Move what is shared down, or pass it in through a port.",
                layers.describe(layer)
            )),
            Some(Reach::Wire) if !named.path.iter().any(|part| part == "wire") => findings.push(format!(
                "{at} names crate::{path}, but `{layer}` may name only the wire formats of `{other}`.\n\
                 Put the format into a module `wire` of that adapter."
            )),
            Some(Reach::Wire) => {}
            Some(Reach::Whole) => findings.extend(other_adapter(source, &named.path).map(|other| {
                format!(
                    "{at} names crate::{path}, but adapters know nothing of each other.\n\
                     Move what both need out of `{other}`, below them."
                )
            })),
        }
    }
    findings
}

/// The other adapter that an adapter names.
fn other_adapter<'a>(source: &'a Source, path: &'a [String]) -> Option<&'a str> {
    let (layer, mine) = (source.layer()?, source.part()?);
    let theirs = path.get(1)?;
    let foreign = layer == "adapters"
        && path.first()? == "adapters"
        && theirs != mine
        && !SHARED_ADAPTERS.contains(&theirs.as_str());
    foreign.then_some(theirs.as_str())
}

/// Driver crates stand in adapters only.
pub(crate) fn drivers(source: &Source) -> Vec<String> {
    if source.layer() == Some("adapters") || source.layer() == Some("domain") {
        return Vec::new(); // the domain has its own, stricter rule
    }
    source
        .named()
        .iter()
        .filter(|named| !named.ours && DRIVERS.contains(&named.path[0].as_str()))
        .map(|named| {
            format!(
                "{}:{} names the driver crate `{}`, which only src/adapters may.\n\
                 Wrap what is needed in an adapter and name that, or a port.",
                source.path, named.line, named.path[0]
            )
        })
        .collect()
}

/// The domain is pure; the pipeline takes time and chance from its ports.
pub(crate) fn purity(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    let mut find = |line: usize, what: &str, instead: &str| {
        findings.push(format!("{}:{line} names {what}.\n{instead}", source.path));
    };
    match source.layer() {
        Some("domain") => {
            const INSTEAD: &str = "The domain is pure: take what is needed as an argument, leave the rest to the caller.";
            for token in &source.tokens {
                if matches!(token.text.as_str(), "async" | "SystemTime" | "Instant") {
                    find(token.line, &format!("`{}`", token.text), INSTEAD);
                }
            }
            for named in source.named() {
                if !named.ours && NOT_IN_DOMAIN.contains(&named.path[0].as_str()) {
                    find(named.line, &format!("`{}`", named.path.join("::")), INSTEAD);
                }
            }
        }
        Some("pipeline") => {
            const INSTEAD: &str = "The pipeline takes time from ports::clock and chance from ports::entropy, so that a simulation can set them.";
            for token in &source.tokens {
                if matches!(token.text.as_str(), "SystemTime" | "Instant") {
                    find(token.line, &format!("`{}`", token.text), INSTEAD);
                }
            }
            for named in source.named().iter().filter(|named| !named.ours) {
                let path: Vec<&str> = named.path.iter().map(String::as_str).collect();
                if matches!(path.as_slice(), ["tokio", "time", ..] | ["rand", ..]) {
                    find(named.line, &format!("`{}`", path.join("::")), INSTEAD);
                }
            }
        }
        _ => {}
    }
    findings
}

/// No file too long to read, and no work in `mod.rs`.
pub(crate) fn shape(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    if source.lines > MAX_LINES {
        findings.push(format!(
            "{} has {} lines, the limit is {MAX_LINES}.\nTake one noun out into its own file, or its tests into tests.rs.",
            source.path, source.lines
        ));
    }
    let function = source
        .tokens
        .windows(2)
        .find(|two| two[0].text == "fn" && two[1].is_word());
    if let (true, Some(found)) = (source.path.ends_with("/mod.rs"), function) {
        findings.push(format!(
            "{}:{} has `fn {}`; a mod.rs lists modules and re-exports only.\nMove it into a file named after its noun.",
            source.path, found[0].line, found[1].text
        ));
    }
    findings
}

/// What only one of the databases needs; everything else in a store is the contract's.
const ONE_SIDED: [&str; 5] = ["events.rs", "lock.rs", "pool.rs", "totals.rs", "write.rs"];

/// Two folders hold the same nouns, once both hold any.
pub(crate) fn same_names(left: &Path, right: &Path, extension: &str) -> Vec<String> {
    let (ours, theirs) = (names(left, extension), names(right, extension));
    if ours.is_empty() || theirs.is_empty() {
        return Vec::new();
    }
    let both = |name: &&String| !ONE_SIDED.contains(&name.as_str());
    let lacks = |folder: &Path, name: &String| {
        format!(
            "{} has no {name}, its twin has.\nBoth stores keep one contract in files of the same names; add it or fold it in.",
            folder.display()
        )
    };
    let mut findings: Vec<String> = ours
        .difference(&theirs)
        .filter(both)
        .map(|name| lacks(right, name))
        .collect();
    findings.extend(
        theirs
            .difference(&ours)
            .filter(both)
            .map(|name| lacks(left, name)),
    );
    findings
}

/// The nouns of a folder: its files and folders, besides `mod.rs`. How a noun is split into files
/// within its own folder is each database's business.
fn names(folder: &Path, extension: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let counts = path.is_dir() || path.extension().is_some_and(|found| found == extension);
        if counts && !path.ends_with("mod.rs") {
            names.insert(path.strip_prefix(folder).unwrap().display().to_string());
        }
    }
    names
}
