//! How one layer of settings covers another.

use std::collections::BTreeMap;

use super::error::Origin;
use super::node::{Node, Raw};

/// The lists whose entries are known by a key of their own, and merge by it.
pub(super) const NAMED_LISTS: [(&str, &str); 3] = [
    ("agency", "id"),
    ("sms_gateway", "name"),
    ("email_relay", "name"),
];

/// Puts `over` on top of `base`, both whole configurations: tables merge, a list replaces a list,
/// entries of the named lists merge by id or name, and everything else is replaced.
pub(super) fn layer(base: &mut Node, over: Node) {
    let (Raw::Table(base), Raw::Table(over)) = (&mut base.value, over.value) else {
        return;
    };
    for (key, node) in over {
        match NAMED_LISTS.iter().find(|(name, _)| *name == key) {
            Some((_, id)) => named(base, key, node, id),
            None => put(base, key, node),
        }
    }
}

fn put(base: &mut BTreeMap<String, Node>, key: String, over: Node) {
    match base.get_mut(&key) {
        Some(under) if !is_other_variant(&key, under, &over) => cover(under, over),
        Some(_) | None => {
            base.insert(key, over);
        }
    }
}

/// `auth` is one of several variants: the fields of another variant make no sense any more.
fn is_other_variant(key: &str, base: &Node, over: &Node) -> bool {
    let kind = |node: &Node| node.get("kind").and_then(Node::text).map(str::to_owned);
    key == "auth" && kind(over).is_some_and(|over| kind(base) != Some(over))
}

fn cover(base: &mut Node, over: Node) {
    match (&mut base.value, over.value) {
        (Raw::Table(table), Raw::Table(entries)) => {
            for key in entries.keys() {
                forget_twin(table, &entries, key);
            }
            for (key, node) in entries {
                put(table, key, node);
            }
        }
        (under, value) => {
            *under = value;
            base.origin = over.origin;
        }
    }
}

/// A secret is given as `key` or as `key_file`: whichever the later layer writes holds.
fn forget_twin(base: &mut BTreeMap<String, Node>, over: &BTreeMap<String, Node>, key: &str) {
    let twin = key
        .strip_suffix("_file")
        .map_or_else(|| format!("{key}_file"), str::to_owned);
    if !over.contains_key(&twin) {
        base.remove(&twin);
    }
}

/// Entries that have the same id or name merge, others are appended in order. The environment
/// gives a table by id or name instead of a list.
fn named(base: &mut BTreeMap<String, Node>, key: String, over: Node, id: &str) {
    let entries = match (over.value, &over.origin) {
        (Raw::List(entries), _) => entries,
        (Raw::Table(table), Origin::Environment(_)) => {
            let list = base.get(&key);
            table
                .into_iter()
                .map(|(segment, entry)| addressed(list, segment, entry, id))
                .collect()
        }
        (value, _) => {
            let origin = over.origin;
            base.insert(key, Node { value, origin });
            return;
        }
    };
    let under = base.entry(key).or_insert_with(|| Node {
        value: Raw::List(Vec::new()),
        origin: over.origin,
    });
    let Raw::List(list) = &mut under.value else {
        return;
    };
    let before = list.len();
    for entry in entries {
        let same = list
            .iter()
            .take(before)
            .position(|old| entry.label().is_some() && old.label() == entry.label());
        match same.and_then(|at| list.get_mut(at)) {
            Some(old) => cover(old, entry),
            None => list.push(entry),
        }
    }
}

/// An entry of the environment gets the id or name of the entry that its segment means: names of
/// variables have neither capitals of ours nor `-`.
fn addressed(list: Option<&Node>, segment: String, mut entry: Node, id: &str) -> Node {
    let plain = |name: &str| name.to_lowercase().replace(['-', '.'], "_");
    let known = match list.map(|node| &node.value) {
        Some(Raw::List(entries)) => entries
            .iter()
            .filter_map(Node::label)
            .find(|name| plain(name) == segment)
            .map(str::to_owned),
        Some(_) | None => None,
    };
    let origin = entry.origin.clone();
    if let Raw::Table(table) = &mut entry.value {
        table.entry(id.to_owned()).or_insert(Node {
            value: Raw::Untyped(known.unwrap_or(segment)),
            origin,
        });
    }
    entry
}
