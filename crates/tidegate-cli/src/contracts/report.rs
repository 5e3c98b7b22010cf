//! The comparison as text and as JSON.

use std::path::Path;

use compatibility::Breaks;
use serde_json::{Value, json};
use terminal::counted::counted;
use terminal::escape::escaped;

use super::comparison::{Became, Comparison, Difference, Found, OlderVersion};

/// Returns the comparison as JSON.
pub(super) fn json(comparison: &Comparison, folder: &Path, commit: &str) -> Value {
    json!({
        "schemas": folder.display().to_string(),
        "commit": commit,
        "compared": comparison.compared,
        "breaks": comparison.breaks(),
        "differences": comparison.differences,
    })
}

/// Returns a line with the sums, then each difference with what it breaks. Each line is escaped.
pub(super) fn text(comparison: &Comparison, folder: &Path, commit: &str) -> String {
    let differences = &comparison.differences;
    let broken = differences.iter().filter(|difference| difference.breaks.any()).count();
    let verdict = match broken {
        0 => "no reader breaks".to_owned(),
        1 => "1 breaks readers".to_owned(),
        more => format!("{more} break readers"),
    };
    let schemas = counted(comparison.compared, "schema", "schemas");
    let sums = match comparison.has_older {
        true => format!("{schemas} compared, {} different; {verdict}", differences.len()),
        false => format!("{schemas}, all new; nothing was compared"),
    };
    let mut lines = vec![format!("{} against {}: {sums}", folder.display(), short(commit))];
    let is_new = |difference: &&Difference| difference.what == Became::TypeAdded;
    let new: Vec<&str> = differences.iter().filter(is_new).map(|of| of.kind.as_str()).collect();
    if !new.is_empty() {
        lines.push(format!("new types: {}", new.join(", ")));
    }
    for difference in differences.iter().filter(|difference| !is_new(difference)) {
        lines.push(String::new());
        lines.extend(described(difference));
    }
    // A schema's names may have line ends, which must not forge lines.
    lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\n")
}

fn described(difference: &Difference) -> Vec<String> {
    let name = format!("{} version {}", difference.kind, difference.version);
    let mut lines = vec![match difference.what {
        Became::Changed => format!("{name}: compatibility {}", difference.compatibility),
        Became::Removed => format!("{name}: removed"),
        Became::TypeAdded => format!("{name}: new"),
        Became::VersionAdded => {
            format!("{name}: new version; deploy its readers before its writers")
        }
    }];
    lines.extend(difference.changes.iter().map(found));
    for older in &difference.older {
        lines.extend(upcast(older));
    }
    if difference.breaks.any() || difference.what == Became::VersionAdded {
        let readers: Vec<&str> = difference.readers.iter().map(String::as_str).collect();
        lines.push(match readers.is_empty() {
            true => "  readers: none is known; name a catalog with --catalog FILE".to_owned(),
            false => format!("  readers: {}", readers.join(", ")),
        });
    }
    lines
}

fn found(found: &Found) -> String {
    let since = match &found.since {
        Some(commit) => format!(" since {}", short(commit)),
        None => String::new(),
    };
    format!("  {}{since} ({})", found.change, effect(found.change.breaks))
}

fn effect(breaks: Breaks) -> &'static str {
    match (breaks.backward, breaks.forward) {
        (false, false) => "breaks nothing",
        (true, false) => "breaks backward: new readers, older messages",
        (false, true) => "breaks forward: older readers, new messages",
        (true, true) => "breaks backward and forward",
    }
}

fn upcast(older: &OlderVersion) -> Vec<String> {
    let head = format!("  from version {}: compatibility {}", older.version, older.compatibility);
    let needs = older.upcast.iter().map(|change| format!("    the upcast decides {change}"));
    std::iter::once(head).chain(needs).collect()
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
