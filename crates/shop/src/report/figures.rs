//! The figures of the report, computed from a status and the read model.

use std::collections::BTreeMap;

use serde::Serialize;

use super::status::{Function, Status};
use crate::percentile::nearest_rank;
use crate::read_model::OrderRow;

/// The function that stores orders and returns.
const ORDER_PROCESSOR: &str = "order-processor";

/// Operations that change a table.
const WRITES: [&str; 8] = [
    "DynamoDB.PutItem",
    "DynamoDB.UpdateItem",
    "DynamoDB.DeleteItem",
    "DynamoDB.TransactWriteItems",
    "DynamoDB.BatchWriteItem",
    "DynamoDB.ExecuteTransaction",
    "DynamoDB.ExecuteStatement",
    "DynamoDB.BatchExecuteStatement",
];

/// The figures of the report.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) orders_placed: u64,
    pub(super) orders_rejected: u64,
    pub(super) returns_recorded: u64,
    pub(super) returns_rejected: u64,
    pub(super) emails: u64,
    pub(super) dead_letters: BTreeMap<String, u64>,
    pub(super) dead_letters_total: u64,
    /// Deliveries of all functions that ended: applied, duplicate, filtered, failed or
    /// dead-lettered.
    ///
    /// `None` if a function did not print its counts.
    pub(super) deliveries: Option<u64>,
    /// Rate over the time from the first arrival on the stream to the last change of the read
    /// model.
    pub(super) deliveries_per_second: Option<f64>,
    pub(super) seconds: Option<f64>,
    /// Latency from the stream to the read model, in milliseconds.
    pub(super) p50_ms: Option<i64>,
    pub(super) p99_ms: Option<i64>,
    /// Successful write requests of order-processor for each order or return, placed or rejected.
    pub(super) writes_per_order: Option<f64>,
    pub(super) functions: BTreeMap<String, FunctionFigures>,
    pub(super) cpu_seconds: CpuSeconds,
    pub(super) emulator: Option<String>,
}

/// The figures of one function. Counts that a function prints are `None` if it printed no metrics.
#[derive(Debug, Serialize)]
pub(super) struct FunctionFigures {
    pub(super) invocations: u64,
    pub(super) applied: Option<u64>,
    pub(super) duplicates: Option<u64>,
    pub(super) filtered: Option<u64>,
    pub(super) failed: Option<u64>,
    pub(super) not_run: Option<u64>,
    pub(super) dead_lettered: Option<u64>,
    pub(super) cpu_seconds: f64,
    /// Memory of the largest process.
    pub(super) peak_rss_bytes: u64,
    /// DynamoDB requests by operation.
    pub(super) dynamodb: BTreeMap<String, Requests>,
}

#[derive(Debug, Serialize)]
pub(super) struct Requests {
    pub(super) calls: u64,
    pub(super) ok: u64,
    pub(super) per_order: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct CpuSeconds {
    /// `None` for an emulator that runs elsewhere.
    pub(super) emulator: Option<f64>,
    pub(super) engine: f64,
    pub(super) functions: f64,
}

impl Figures {
    pub(super) fn from_status(status: &Status, orders: &BTreeMap<String, OrderRow>) -> Self {
        let with_status = |kind: &str, status: &str| {
            orders
                .values()
                .filter(|row| row.status == status && row.stream.starts_with(kind))
                .count() as u64
        };
        let sent = |function: &BTreeMap<String, super::status::CallCounts>| {
            function.get("SES.SendEmail").map_or(0, |email| email.ok)
        };
        let functions: BTreeMap<String, FunctionFigures> = status
            .functions
            .iter()
            .map(|(name, function)| {
                (name.clone(), FunctionFigures::new(name, function, status, orders.len()))
            })
            .collect();
        let deliveries: Option<u64> = functions.values().map(FunctionFigures::ended).sum();
        let seconds = span_seconds(orders);
        let waits = sorted_waits(orders);
        Self {
            orders_placed: with_status("order#", "placed"),
            orders_rejected: with_status("order#", "rejected"),
            returns_recorded: with_status("return#", "recorded"),
            returns_rejected: with_status("return#", "rejected"),
            emails: status.calls.values().map(sent).sum(),
            dead_letters: status.dead_letters.queues.clone(),
            dead_letters_total: status.dead_letters.total,
            deliveries,
            deliveries_per_second: seconds.and_then(|seconds| ratio(deliveries?, seconds)),
            seconds,
            p50_ms: nearest_rank(&waits, 50),
            p99_ms: nearest_rank(&waits, 99),
            writes_per_order: writes_per_order(status, orders.len()),
            cpu_seconds: CpuSeconds {
                emulator: status.emulator.cpu_seconds,
                engine: status.engine.cpu_seconds.unwrap_or(0.0),
                functions: status.functions.values().map(|function| function.cpu_seconds).sum(),
            },
            emulator: status.emulator.name.clone(),
            functions,
        }
    }
}

impl FunctionFigures {
    fn new(name: &str, function: &Function, status: &Status, orders: usize) -> Self {
        let calls = status.calls.get(name);
        let dynamodb = calls
            .into_iter()
            .flatten()
            .filter_map(|(operation, calls)| Some((operation.strip_prefix("DynamoDB.")?, calls)))
            .map(|(operation, calls)| {
                let per_order = ratio(calls.calls, float(orders as u64));
                (operation.to_owned(), Requests { calls: calls.calls, ok: calls.ok, per_order })
            })
            .collect();
        Self {
            invocations: function.invocations,
            applied: function.count("Applied"),
            duplicates: function.count("Duplicate"),
            filtered: function.count("Filtered"),
            failed: function.count("Failed"),
            not_run: function.count("NotRun"),
            dead_lettered: function.count("DeadLettered"),
            cpu_seconds: function.cpu_seconds,
            peak_rss_bytes: function.peak_rss_bytes,
            dynamodb,
        }
    }

    fn ended(&self) -> Option<u64> {
        [self.applied, self.duplicates, self.filtered, self.failed, self.dead_lettered]
            .into_iter()
            .sum()
    }
}

fn writes_per_order(status: &Status, orders: usize) -> Option<f64> {
    let calls = status.calls.get(ORDER_PROCESSOR)?;
    let writes =
        WRITES.iter().filter_map(|operation| calls.get(*operation)).map(|calls| calls.ok).sum();
    ratio(writes, float(orders as u64))
}

fn sorted_waits(orders: &BTreeMap<String, OrderRow>) -> Vec<i64> {
    let mut waits: Vec<i64> =
        orders.values().filter_map(|row| Some(row.applied_at? - row.arrived_at?)).collect();
    waits.sort_unstable();
    waits
}

fn span_seconds(orders: &BTreeMap<String, OrderRow>) -> Option<f64> {
    let first = orders.values().filter_map(|row| row.arrived_at).min()?;
    let last = orders.values().filter_map(|row| row.applied_at).max()?;
    let milliseconds = u64::try_from(last - first).ok()?;
    Some(float(milliseconds) / 1000.0)
}

fn ratio(number: u64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| float(number) / of)
}

#[expect(clippy::cast_precision_loss, reason = "a run has far less than 2^52 of anything")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_come_from_status_and_read_model() {
        let status: Status = serde_json::from_str(
            r#"{"in_flight":0,"lag":0,"idle":true,"dead_letters":{"dead-letters":3,"rule-failures":0,"total":3},
                "calls":{"order-processor":{"DynamoDB.PutItem":{"calls":5,"ok":3,"errors":{"ConditionalCheckFailedException":2}},
                                             "DynamoDB.TransactWriteItems":{"calls":1,"ok":1,"errors":{}},
                                             "DynamoDB.BatchExecuteStatement":{"calls":4,"ok":4,"errors":{}},
                                             "DynamoDB.Query":{"calls":2,"ok":2,"errors":{}}},
                         "notification":{"SES.SendEmail":{"calls":3,"ok":2,"errors":{"Throttling":1}}}},
                "functions":{"order-processor":{"environments":1,"invocations":4,"errors":0,"cpu_seconds":0.5,"peak_rss_bytes":9000000,
                                "metrics":{"Applied":4.0,"Duplicate":2.0,"DeadLettered":3,"NotRun":7}},
                             "notification":{"invocations":2,"cpu_seconds":0.25,"metrics":{"Applied":2}}},
                "emulator":{"name":"ministack","endpoint":"http://127.0.0.1:1","cpu_seconds":7.5},"engine":{"cpu_seconds":1.0,"rss_bytes":1}}"#,
        )
        .unwrap();
        let row = |stream: &str, status: &str, arrived, applied| OrderRow {
            stream: stream.to_owned(),
            status: status.to_owned(),
            arrived_at: Some(arrived),
            applied_at: Some(applied),
            ..OrderRow::default()
        };
        let orders = [
            row("order#1", "placed", 1_000, 1_030),
            row("order#2", "rejected", 1_100, 1_110),
            row("return#C1", "recorded", 1_200, 1_220),
            row("order#3", "placed", 1_500, 3_000),
        ];
        let orders = orders.into_iter().map(|row| (row.stream.clone(), row)).collect();
        let figures = Figures::from_status(&status, &orders);
        assert_eq!((figures.orders_placed, figures.orders_rejected), (2, 1));
        assert_eq!((figures.returns_recorded, figures.returns_rejected), (1, 0));
        assert_eq!((figures.emails, figures.dead_letters_total), (2, 3));
        assert_eq!(figures.dead_letters.len(), 2);
        assert_eq!((figures.p50_ms, figures.p99_ms), (Some(20), Some(1_500)));
        assert_eq!(figures.deliveries, Some(11), "records that were not run are delivered again");
        assert_eq!(figures.seconds, Some(2.0));
        assert_eq!(figures.deliveries_per_second, Some(5.5));
        assert_eq!(figures.writes_per_order, Some(2.0));
        assert_eq!(figures.functions["order-processor"].dynamodb["PutItem"].per_order, Some(1.25));
        assert_eq!(figures.cpu_seconds.functions, 0.75);
        let shown = super::super::text::text(&figures);
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        assert!(shown.contains("2.00 successful writes per order"), "{shown}");
    }

    #[test]
    fn counts_that_a_function_did_not_print_are_no_zeros() {
        let status: Status = serde_json::from_str(
            r#"{"dead_letters":{"total":0},"calls":{},
                "functions":{"silent":{"invocations":4},"idle":{"invocations":0}}}"#,
        )
        .unwrap();
        let figures = Figures::from_status(&status, &BTreeMap::new());
        assert_eq!(
            (figures.functions["silent"].applied, figures.functions["idle"].applied),
            (None, Some(0))
        );
        assert_eq!(figures.deliveries, None);
        let shown = super::super::text::text(&figures);
        assert!(shown.contains("metrics_namespace"), "{shown}");
        assert!(shown.contains("- suppressed"), "{shown}");
    }

    #[test]
    fn nothing_to_report_divides_by_nothing() {
        let status: Status = serde_json::from_str(
            r#"{"dead_letters":{"total":0},"calls":{"order-processor":{}},"functions":{}}"#,
        )
        .unwrap();
        let figures = Figures::from_status(&status, &BTreeMap::new());
        assert_eq!((figures.writes_per_order, figures.p50_ms, figures.seconds), (None, None, None));
        assert!(super::super::text::text(&figures).contains('-'));
    }
}
