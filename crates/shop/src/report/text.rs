//! The report for people.

use terminal::escape::escaped;
use terminal::table::{cell, right, table};

use super::figures::Figures;
use crate::amount::count;

/// Returns the report as text, within 80 columns.
pub(super) fn text(figures: &Figures) -> String {
    let mut parts = vec![summary(figures), functions(figures)];
    let requests = requests(figures);
    if !requests.is_empty() {
        parts.push(requests);
    }
    parts.join("\n\n")
}

fn summary(figures: &Figures) -> String {
    let rate =
        figures.deliveries_per_second.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}"));
    let seconds = figures.seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}"));
    let milliseconds = |value: Option<i64>| value.map_or_else(|| "-".to_owned(), count);
    let duplicates: Option<u64> =
        figures.functions.values().map(|function| function.duplicates).sum();
    let mut dead_letters = count(figures.dead_letters_total);
    let queues: Vec<String> = figures
        .dead_letters
        .iter()
        .filter(|(_, letters)| **letters > 0)
        .map(|(queue, letters)| format!("{} {}", escaped(queue), count(*letters)))
        .collect();
    if !queues.is_empty() {
        dead_letters.push_str(&format!(" ({})", queues.join(", ")));
    }
    let emulator = escaped(figures.emulator.as_deref().unwrap_or("emulator"));
    let emulator_cpu = figures
        .cpu_seconds
        .emulator
        .map_or_else(|| "not known".to_owned(), |seconds| format!("{seconds:.1} s"));
    let writes =
        figures.writes_per_order.map_or_else(|| "-".to_owned(), |writes| format!("{writes:.2}"));
    let lines = [
        (
            "orders",
            format!(
                "{} placed, {} rejected",
                count(figures.orders_placed),
                count(figures.orders_rejected)
            ),
        ),
        (
            "returns",
            format!(
                "{} recorded, {} rejected",
                count(figures.returns_recorded),
                count(figures.returns_rejected)
            ),
        ),
        ("e-mails", count(figures.emails)),
        ("duplicates", format!("{} suppressed", printed(duplicates))),
        ("dead letters", dead_letters),
        ("deliveries", format!("{} in {seconds} s, {rate}/s", printed(figures.deliveries))),
        (
            "stream to view",
            format!(
                "p50 {} ms, p99 {} ms",
                milliseconds(figures.p50_ms),
                milliseconds(figures.p99_ms)
            ),
        ),
        ("order-processor", format!("{writes} successful writes per order")),
        (
            "CPU time",
            format!(
                "{emulator} {emulator_cpu}, engine {:.1} s, functions {:.1} s",
                figures.cpu_seconds.engine, figures.cpu_seconds.functions
            ),
        ),
    ];
    let lines: Vec<String> =
        lines.into_iter().map(|(name, value)| format!("{name:<16} {value}")).collect();
    lines.join("\n")
}

fn functions(figures: &Figures) -> String {
    let mut table =
        table(["function", "applied", "dupl.", "filt.", "failed", "dead", "CPU s", "peak MB"]);
    for (name, function) in &figures.functions {
        let numbers = [
            printed(function.applied),
            printed(function.duplicates),
            printed(function.filtered),
            printed(function.failed),
            printed(function.dead_lettered),
            format!("{:.1}", function.cpu_seconds),
            format!(
                "{}.{}",
                function.peak_rss_bytes / 1_000_000,
                function.peak_rss_bytes / 100_000 % 10
            ),
        ];
        table.add_row(std::iter::once(cell(name)).chain(numbers.into_iter().map(right)));
    }
    let silent = figures.functions.values().any(|function| function.applied.is_none());
    let why = if silent {
        "\n- not printed: the topology's metrics_namespace switches metrics on"
    } else {
        ""
    };
    format!("{}{why}", table.trim_fmt())
}

/// A count that the function may not have printed.
fn printed(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), count)
}

fn requests(figures: &Figures) -> String {
    let mut table = table(["function", "DynamoDB request", "calls", "successful", "per order"]);
    let mut rows = 0;
    for (name, function) in &figures.functions {
        for (operation, requests) in &function.dynamodb {
            let per_order =
                requests.per_order.map_or_else(|| "-".to_owned(), |calls| format!("{calls:.2}"));
            let numbers = [count(requests.calls), count(requests.ok), per_order];
            let names = [cell(name), cell(operation)];
            table.add_row(names.into_iter().chain(numbers.into_iter().map(right)));
            rows += 1;
        }
    }
    if rows == 0 { String::new() } else { table.trim_fmt() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::status::Status;
    use super::*;

    #[test]
    fn a_status_from_outside_moves_no_cursor_and_makes_no_further_line() {
        let name = "\x1b[2J\u{202e}f\nforged";
        let status = serde_json::json!({
            "in_flight": 0, "lag": 0, "idle": true, "dead_letters": {name: 3, "total": 3},
            "calls": {name: {name: {"calls": 1, "ok": 1, "errors": {}}}},
            "functions": {name: {"invocations": 1, "cpu_seconds": 0.5}},
            "emulator": {"name": name, "endpoint": "e", "cpu_seconds": 7.5},
            "engine": {"cpu_seconds": 1.0, "rss_bytes": 1}
        });
        let status: Status = serde_json::from_value(status).unwrap();
        let shown = text(&Figures::from_status(&status, &BTreeMap::new()));
        assert!(shown.matches(r"\u{1b}[2J\u{202e}f\nforged").count() >= 3, "{shown}");
        assert!(!shown.contains(['\x1b', '\u{202e}']), "{shown:?}");
        assert!(!shown.lines().any(|line| line.starts_with("forged")), "{shown}");
    }
}
