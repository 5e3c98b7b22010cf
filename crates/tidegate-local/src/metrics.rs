//! Metrics that functions print in CloudWatch's embedded metric format (EMF), as CloudWatch keeps
//! them.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::distribution::{Distribution, Summary};

/// Largest number of metric names that are kept per function, and CloudWatch's limit for the length
/// of one.
const NAMES: usize = 500;
const LONGEST_NAME: usize = 1024;
/// Largest number of series (name and dimensions) that are counted. Their number determines the
/// price.
const SERIES: usize = 50_000;

/// Measurements per metric name: counts are summed, other values are kept as a distribution.
///
/// A function may use any number of names, such as one per order. So the number of kept names is
/// bounded: values of further names are only counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Metrics {
    sums: BTreeMap<String, f64>,
    distributions: BTreeMap<String, Distribution>,
    /// Hashes of name and dimensions.
    series: HashSet<u64>,
    left_out: u64,
}

impl Metrics {
    /// Adds a line of output if it is an EMF document, and returns whether it was one.
    ///
    /// Other lines change nothing.
    pub(crate) fn add_line(&mut self, line: &[u8]) -> bool {
        // Most lines are plain logs: they must not cost a JSON parse.
        let line = line.trim_ascii();
        if !line.starts_with(b"{") || !line.windows(6).any(|part| part == b"\"_aws\"") {
            return false;
        }
        let Ok(document) = aws_json::value(line) else { return false };
        let Some(directives) =
            document.pointer("/_aws/CloudWatchMetrics").and_then(Value::as_array)
        else {
            return false;
        };
        let declared = directives
            .iter()
            .filter_map(|directive| directive.get("Metrics")?.as_array())
            .flatten();
        let unit =
            |metric: &Value| metric.get("Unit").and_then(Value::as_str).is_none_or(is_a_count);
        // A metric declared under several sets of dimensions is one measurement.
        let names: BTreeMap<&str, bool> = declared
            .filter_map(|metric| Some((metric.get("Name")?.as_str()?, unit(metric))))
            .collect();
        for directive in directives {
            self.add_series(directive, &document);
        }
        for (name, is_a_count) in names {
            let Some(values) = document.get(name).and_then(values) else { continue };
            if !self.keeps(name) {
                self.left_out += values.iter().map(|(_, times)| whole(*times)).sum::<u64>();
            } else if is_a_count {
                let sum: f64 = values.iter().map(|(value, times)| value * times).sum();
                *self.sums.entry(name.to_owned()).or_default() += sum;
            } else {
                let distribution = self.distributions.entry(name.to_owned()).or_default();
                for (value, times) in values {
                    distribution.record(value, whole(times));
                }
            }
        }
        true
    }

    /// Returns whether values of the metric are kept.
    fn keeps(&self, name: &str) -> bool {
        self.sums.contains_key(name)
            || self.distributions.contains_key(name)
            || (self.sums.len() + self.distributions.len() < NAMES && name.len() <= LONGEST_NAME)
    }

    /// Counts each metric of a directive with each of its sets of dimensions. CloudWatch keeps, and
    /// bills, each as a metric of its own.
    fn add_series(&mut self, directive: &Value, document: &Value) {
        let list =
            |field: &str| directive.get(field).and_then(Value::as_array).into_iter().flatten();
        let namespace = directive.get("Namespace").and_then(Value::as_str).unwrap_or_default();
        let metrics = list("Metrics").filter_map(|metric| metric.get("Name")?.as_str());
        for name in metrics.filter(|name| document.get(*name).is_some()) {
            for dimensions in list("Dimensions") {
                if self.series.len() >= SERIES {
                    return;
                }
                let mut series = DefaultHasher::new();
                (namespace, name).hash(&mut series);
                for dimension in
                    dimensions.as_array().into_iter().flatten().filter_map(Value::as_str)
                {
                    let value = document.get(dimension).and_then(Value::as_str).unwrap_or_default();
                    (dimension, value).hash(&mut series);
                }
                self.series.insert(series.finish());
            }
        }
    }

    /// Returns the number of different metrics (name and dimensions) since the start; at most
    /// 50,000.
    pub(crate) fn series(&self) -> u64 {
        self.series.len() as u64
    }

    /// Returns the number of values that are not kept, because there are too many names.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Returns the sum of each metric that counts: its unit is `Count`, `None`, or not given.
    pub(crate) fn sums(&self) -> &BTreeMap<String, f64> {
        &self.sums
    }

    /// Returns the distribution of every other metric.
    pub(crate) fn distributions(&self) -> BTreeMap<String, Summary> {
        self.distributions.iter().map(|(name, values)| (name.clone(), values.summary())).collect()
    }
}

fn is_a_count(unit: &str) -> bool {
    matches!(unit, "Count" | "None")
}

/// Returns a metric's values, each with how often it was measured: from a number, an array of
/// numbers, or a histogram of values and counts.
fn values(value: &Value) -> Option<Vec<(f64, f64)>> {
    match value {
        Value::Number(number) => Some(vec![(number.as_f64()?, 1.0)]),
        Value::Array(values) => values.iter().map(|value| Some((value.as_f64()?, 1.0))).collect(),
        Value::Object(histogram) => {
            let values = histogram.get("Values")?.as_array()?;
            let counts = histogram.get("Counts")?.as_array()?;
            values
                .iter()
                .zip(counts)
                .map(|(value, count)| Some((value.as_f64()?, count.as_f64()?)))
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count is a small number"
)]
fn whole(count: f64) -> u64 {
    count.max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(fields: &str) -> String {
        format!(
            r#"{{"_aws":{{"Timestamp":1,"CloudWatchMetrics":[{{"Namespace":"n","Dimensions":[[],["f"]],"Metrics":[{{"Name":"Applied"}},{{"Name":"Latency","Unit":"Milliseconds"}}]}}]}},{fields}}}"#
        )
    }

    #[test]
    fn counts_are_added_up_and_times_are_not() {
        let mut metrics = Metrics::default();
        assert!(metrics.add_line(line(r#""Applied":2,"Latency":[1.5,2.5]"#).as_bytes()));
        assert!(metrics.add_line(
            line(r#""Applied":3,"Latency":{"Values":[2,10],"Counts":[3,1]}"#).as_bytes()
        ));
        assert_eq!(metrics.sums(), &BTreeMap::from([("Applied".to_owned(), 5.0)]));
        let latency = metrics.distributions()["Latency"];
        assert_eq!((latency.count, latency.max), (6, 10.0));
        assert!((latency.p50 - 2.0).abs() < 0.02, "{latency:?}");
    }

    #[test]
    fn a_property_that_a_strict_reader_refuses_costs_no_count() {
        let mut metrics = Metrics::default();
        assert!(metrics.add_line(line(r#""Applied":2,"note":"\ud83d""#).as_bytes()));
        assert_eq!(metrics.sums(), &BTreeMap::from([("Applied".to_owned(), 2.0)]));
    }

    #[test]
    fn a_count_may_come_as_a_histogram_too() {
        let mut metrics = Metrics::default();
        metrics.add_line(line(r#""Applied":{"Values":[2,10],"Counts":[3,1]}"#).as_bytes());
        assert_eq!(metrics.sums()["Applied"], 16.0);
    }

    #[test]
    fn each_set_of_dimensions_is_a_metric_of_its_own() {
        let mut metrics = Metrics::default();
        metrics.add_line(line(r#""Applied":1,"f":"a""#).as_bytes());
        metrics.add_line(line(r#""Applied":1,"f":"a""#).as_bytes());
        assert_eq!(metrics.series(), 2); // without a dimension, and f=a
        metrics.add_line(line(r#""Applied":1,"Latency":2,"f":"b""#).as_bytes());
        assert_eq!(metrics.series(), 2 + 3); // Applied of b, Latency without a dimension and of b
    }

    #[test]
    fn names_and_dimensions_without_end_are_bounded_and_what_is_left_out_is_counted() {
        let mut metrics = Metrics::default();
        for n in 0..NAMES + 7 {
            let unit = ["Count", "Milliseconds"][n % 2];
            let document = json!({
                "_aws": {"CloudWatchMetrics": [{"Dimensions": [["order"]], "Metrics": [{"Name": format!("M{n}"), "Unit": unit}]}]},
                "order": n.to_string(), format!("M{n}"): [1, 2],
            });
            assert!(metrics.add_line(document.to_string().as_bytes()));
        }
        assert_eq!(metrics.sums().len() + metrics.distributions().len(), NAMES);
        assert_eq!((metrics.left_out(), metrics.series()), (14, NAMES as u64 + 7));
        assert_eq!(metrics.sums()["M0"], 3.0, "the first are as exact as ever");
        metrics.series = (0..SERIES as u64).collect();
        metrics.add_line(line(r#""Applied":1,"f":"a""#).as_bytes());
        assert_eq!(metrics.series(), SERIES as u64);
    }

    #[test]
    fn fields_that_are_not_declared_as_metrics_are_not_counted() {
        let mut metrics = Metrics::default();
        metrics.add_line(line(r#""Applied":1,"other":7"#).as_bytes());
        assert_eq!(metrics.sums().get("other"), None);
        assert_eq!(metrics.sums().get("Applied"), Some(&1.0));
    }

    #[test]
    fn other_lines_change_nothing() {
        let mut metrics = Metrics::default();
        for other in [
            "",
            "plain",
            r#"{"level":"INFO","_aws":1}"#,
            r#"{"_aws":{"CloudWatchMetrics":[]"#,
            "{\"a\":\"_aws\"}",
        ] {
            assert!(!metrics.add_line(other.as_bytes()), "{other}");
        }
        assert_eq!(metrics, Metrics::default());
    }

    #[test]
    fn a_metric_declared_twice_in_one_document_counts_once() {
        let mut metrics = Metrics::default();
        metrics.add_line(
            br#"{"_aws":{"CloudWatchMetrics":[{"Metrics":[{"Name":"A"}]},{"Metrics":[{"Name":"A"}]}]},"A":4}"#,
        );
        assert_eq!(metrics.sums().get("A"), Some(&4.0));
    }
}
