//! Shows the rules of buses, and the subscriptions of topics.

use serde_json::Value;
use terminal::table::{right, table};

/// Buses or topics, with their rules or subscriptions: fields of the status, and words for them.
pub(super) struct Routes {
    list: &'static str,
    one: &'static str,
    ways: &'static str,
    way: &'static str,
    title: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

pub(super) const BUSES: Routes = Routes {
    list: "buses",
    one: "bus",
    ways: "rules",
    way: "rule",
    title: "bus: rule",
    columns: &[
        ("waiting", "waiting"),
        ("failing", "failing"),
        ("delivered", "handed_over"),
        ("retries", "retries"),
        ("discarded", "failed"),
    ],
};

pub(super) const TOPICS: Routes = Routes {
    list: "topics",
    one: "topic",
    ways: "subscriptions",
    way: "subscription",
    title: "topic: subscription",
    columns: &[
        ("waiting", "waiting"),
        ("failing", "failing"),
        ("delivered", "handed_over"),
        ("filtered", "filtered"),
        ("retries", "retries"),
        ("discarded", "failed"),
    ],
};

/// Renders the rules of buses, or the subscriptions of topics.
///
/// `errors_of` returns the lines about the errors of one of them.
pub(super) fn routes(
    status: &Value,
    of: &Routes,
    errors_of: impl Fn(&str, &Value) -> Vec<String>,
) -> Option<String> {
    let mut shown =
        table(std::iter::once(of.title).chain(of.columns.iter().map(|(title, _)| *title)));
    let (mut any, mut errors) = (false, Vec::new());
    for one in list(&status[of.list]) {
        let name = text(&one[of.one]);
        errors.extend(errors_of(&format!("{} {name}", of.one), one));
        for (way, counts) in one[of.ways].as_object().into_iter().flatten() {
            any = true;
            let mut row = vec![comfy_table::Cell::new(format!("{name}: {way}"))];
            row.extend(of.columns.iter().map(|(_, field)| right(count(&counts[*field]))));
            shown.add_row(row);
            errors.extend(errors_of(&format!("{} {way}", of.way), counts));
        }
    }
    any.then(|| std::iter::once(shown.to_string()).chain(errors).collect::<Vec<_>>().join("\n"))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
