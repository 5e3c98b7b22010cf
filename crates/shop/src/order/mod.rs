//! `shop order show`: shows one order or return, from the read model, with its timeline from the
//! event store.

mod timeline;

use std::process::ExitCode;

use comfy_table::{Table, presets};
use serde::Serialize;
use terminal::account::Intent;
use terminal::connection::Connection;
use terminal::output;
use terminal::problem::Problem;
use terminal::table::cell;
use terminal::timeline::drawn;
use tidegate::timeline::{HEADER, Timeline};

use crate::amount::{count, money};
use crate::arguments;
use crate::read_model::{OrderRow, read_order};

/// An order or a return, and its timeline.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    row: &'a OrderRow,
    /// Absent if the event store cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<&'a Timeline>,
}

/// Shows an order or a return. What the read model has is shown also if the event store cannot be
/// read.
///
/// # Errors
/// The read model cannot be read, or has neither.
pub(crate) async fn show(options: &arguments::OrderShow) -> Result<ExitCode, Problem> {
    let connection = Connection::open(&options.endpoint, Intent::Read).await?;
    let view = options.view.table(&options.endpoint);
    for stream in streams(&options.id) {
        if let Some(row) = read_order(&connection, &view, &stream).await? {
            let store = options.events.table(&options.endpoint);
            let timeline = timeline::timeline(&connection, &store, &row.stream).await;
            let known = timeline.as_ref().ok().filter(|timeline| !timeline.is_empty());
            if options.json {
                output::json(&Shown { row: &row, timeline: known })?;
            } else {
                output::line(&table(&row))?;
                if let Some(timeline) = known {
                    let (rows, summary) = (timeline.rows(), timeline.summary());
                    output::line(&format!("\n{}", drawn(HEADER, rows, &summary)))?;
                }
            }
            if let Err(problem) = &timeline {
                output::note(&format!("the order has no timeline: {problem}"));
            }
            return Ok(ExitCode::SUCCESS);
        }
    }
    Err(Problem::new(format!("there is no order and no return `{}` in table `{view}`", options.id)))
}

/// Returns the streams that an id may name: that of an order's number, that of a return's number,
/// or the stream itself.
fn streams(id: &str) -> Vec<String> {
    if id.contains('#') {
        return vec![id.to_owned()];
    }
    let kinds = [events::OrderId::STREAM_KIND, events::ReturnId::STREAM_KIND];
    let mut streams: Vec<String> = kinds.iter().map(|kind| format!("{kind}#{id}")).collect();
    if id.starts_with('C') {
        streams.reverse();
    }
    streams
}

fn table(row: &OrderRow) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let or_none =
        |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
    let currency = row.currency.as_deref().unwrap_or_default();
    let mut fields = vec![
        ("stream", row.stream.clone()),
        ("status", row.status.clone()),
        ("customer", or_none(&row.customer, "guest")),
        ("country", or_none(&row.country, "-")),
        ("at", or_none(&row.at, "-")),
    ];
    let numbers = [("lines", row.lines), ("units", row.units)];
    fields.extend(numbers.into_iter().filter_map(|(name, number)| Some((name, count(number?)))));
    fields.extend(row.total.map(|total| ("total", format!("{} {currency}", money(total)))));
    if row.rejections > 0 {
        fields.push(("rejections", count(row.rejections)));
    }
    fields.extend(row.reasons.iter().map(|reason| ("reason", reason.clone())));
    if let (Some(arrived), Some(applied)) = (row.arrived_at, row.applied_at) {
        fields.push(("took", format!("{} ms from the stream to here", count(applied - arrived))));
    }
    for (name, value) in fields {
        table.add_row([cell(name), cell(value)]);
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_mean_an_order_or_a_return() {
        assert_eq!(streams("536365"), ["order#536365", "return#536365"]);
        assert_eq!(streams("C536379"), ["return#C536379", "order#C536379"]);
        assert_eq!(streams("order#1"), ["order#1"]);
    }

    #[test]
    fn an_order_moves_no_cursor_and_makes_no_further_line() {
        let row = OrderRow {
            stream: "order#1".to_owned(),
            status: "rejected\nstatus placed".to_owned(),
            country: Some("\x1b[2JFrance\u{202e}".to_owned()),
            ..OrderRow::default()
        };
        let shown = table(&row);
        assert!(
            shown.contains(r"\u{1b}[2JFrance\u{202e}") && shown.contains(r"rejected\nstatus"),
            "{shown}"
        );
        assert!(!shown.contains(['\x1b', '\u{202e}']), "{shown:?}");
    }

    #[test]
    fn a_rejected_order_shows_its_reasons() {
        let row = OrderRow {
            stream: "order#1".to_owned(),
            status: "rejected".to_owned(),
            reasons: vec!["line 1 (A): quantity 0 is not positive".to_owned()],
            rejections: 1,
            ..OrderRow::default()
        };
        let shown = table(&row);
        assert!(
            shown.contains("rejected") && shown.contains("quantity 0 is not positive"),
            "{shown}"
        );
    }
}
