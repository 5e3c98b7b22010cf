//! Finds what a topology already declares, for a new function.

use std::collections::BTreeMap;

use topology::{Topology, Use};

/// Returns the names that a topology declares in a section, for a message.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Returns the name that occurs most often.
pub(super) fn most_frequent<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name)
}

/// Returns what the functions use under this variable.
pub(super) fn used<'a>(topology: &'a Topology, variable: &str) -> impl Iterator<Item = &'a Use> {
    let variable = variable.to_owned();
    topology.functions.values().filter_map(move |function| function.uses.get(&variable))
}
