//! The table in `src/lib.rs`: which layer may name which.

use std::collections::BTreeMap;

/// How much of a layer may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Everything that it shows.
    Whole,
    /// Only modules called `wire`: the other side's format.
    Wire,
}

/// Who may name whom.
#[derive(Debug)]
pub(crate) struct Layers(BTreeMap<String, BTreeMap<String, Reach>>);

impl Layers {
    /// Reads the rows ``//! | [`layer`] | layer, layer |``.
    ///
    /// # Errors
    /// A row that cannot be understood, or a layer that no row above it introduces.
    pub(crate) fn from_table(lib: &str) -> Result<Self, String> {
        let mut layers = BTreeMap::<String, BTreeMap<String, Reach>>::new();
        for row in lib.lines().filter_map(|line| line.strip_prefix("//! | [`")) {
            let (name, rest) = row.split_once("`] |").ok_or_else(|| {
                format!("src/lib.rs: the row of `{row}` is not | [`layer`] | … |")
            })?;
            let cell = rest.trim().trim_end_matches('|').trim();
            let mut may = BTreeMap::new();
            if cell == "all of the above" {
                may.extend(layers.keys().map(|above| (above.clone(), Reach::Whole)));
            } else if !cell.starts_with("nothing") {
                for item in cell.split(',').map(str::trim) {
                    let (layer, reach) = match item.strip_suffix("' wire formats") {
                        Some(layer) => (layer, Reach::Wire),
                        None => (item, Reach::Whole),
                    };
                    if !layers.contains_key(layer) {
                        return Err(format!(
                            "src/lib.rs: the row of `{name}` names `{item}`, which is no row above it"
                        ));
                    }
                    may.insert(layer.to_owned(), reach);
                }
            }
            layers.insert(name.to_owned(), may);
        }
        if layers.is_empty() {
            return Err("src/lib.rs: the table of layers is gone".to_owned());
        }
        Ok(Self(layers))
    }

    /// All layers.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Is it a layer?
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// How much of `other` `layer` may name.
    pub(crate) fn reach(&self, layer: &str, other: &str) -> Option<Reach> {
        if layer == other {
            return Some(Reach::Whole);
        }
        self.0.get(layer)?.get(other).copied()
    }

    /// What `layer` may name, for people.
    pub(crate) fn describe(&self, layer: &str) -> String {
        let names: Vec<&str> = self
            .0
            .get(layer)
            .into_iter()
            .flat_map(|may| may.keys().map(String::as_str))
            .collect();
        if names.is_empty() {
            "no other layer".to_owned()
        } else {
            names.join(", ")
        }
    }
}
