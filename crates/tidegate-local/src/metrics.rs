//! Metrics that functions print in CloudWatch's embedded metric format (EMF), added up as CloudWatch would.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Sum per metric name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    sums: BTreeMap<String, f64>,
    series: BTreeSet<String>,
}

impl Metrics {
    /// Adds a line of output if it is an EMF document; returns whether it was one. Other lines change nothing.
    pub fn add_line(&mut self, line: &[u8]) -> bool {
        // Most lines are plain logs: they must not cost a JSON parse.
        let line = line.trim_ascii();
        if !line.starts_with(b"{") || !line.windows(6).any(|part| part == b"\"_aws\"") {
            return false;
        }
        let Ok(document) = serde_json::from_slice::<Value>(line) else { return false };
        let Some(directives) = document.pointer("/_aws/CloudWatchMetrics").and_then(Value::as_array) else {
            return false;
        };
        let mut names: Vec<&str> = directives
            .iter()
            .filter_map(|directive| directive.get("Metrics")?.as_array())
            .flatten()
            .filter_map(|metric| metric.get("Name")?.as_str())
            .collect();
        // A metric declared under several sets of dimensions is one measurement.
        names.sort_unstable();
        names.dedup();
        for directive in directives {
            self.add_series(directive, &document);
        }
        for name in names {
            if let Some(value) = document.get(name).and_then(sum) {
                *self.sums.entry(name.to_owned()).or_default() += value;
            }
        }
        true
    }

    /// Notes each metric of a directive with each of its sets of dimensions: CloudWatch keeps, and bills, each as a metric of its own.
    fn add_series(&mut self, directive: &Value, document: &Value) {
        let list = |field: &str| directive.get(field).and_then(Value::as_array).into_iter().flatten();
        let namespace = directive.get("Namespace").and_then(Value::as_str).unwrap_or_default();
        let metrics = list("Metrics").filter_map(|metric| metric.get("Name")?.as_str());
        for name in metrics.filter(|name| document.get(*name).is_some()) {
            for dimensions in list("Dimensions") {
                let mut series = format!("{namespace} {name}");
                for dimension in dimensions.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    let value = document.get(dimension).and_then(Value::as_str).unwrap_or_default();
                    series.extend([" ", dimension, "=", value]);
                }
                if !self.series.contains(&series) {
                    self.series.insert(series);
                }
            }
        }
    }

    /// Different metrics so far: name and dimensions.
    pub fn series(&self) -> u64 {
        self.series.len() as u64
    }

    /// Sum per metric name.
    pub fn sums(&self) -> &BTreeMap<String, f64> {
        &self.sums
    }
}

/// A metric's value: a number, an array of numbers, or a histogram of values and their counts.
fn sum(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Array(values) => values.iter().map(Value::as_f64).sum(),
        Value::Object(histogram) => {
            let values = histogram.get("Values")?.as_array()?;
            let counts = histogram.get("Counts")?.as_array()?;
            values.iter().zip(counts).map(|(value, count)| Some(value.as_f64()? * count.as_f64()?)).sum()
        }
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fields: &str) -> String {
        format!(
            r#"{{"_aws":{{"Timestamp":1,"CloudWatchMetrics":[{{"Namespace":"n","Dimensions":[[],["f"]],"Metrics":[{{"Name":"Applied"}},{{"Name":"Latency","Unit":"Milliseconds"}}]}}]}},{fields}}}"#
        )
    }

    #[test]
    fn numbers_arrays_and_histograms_are_added_up() {
        let mut metrics = Metrics::default();
        assert!(metrics.add_line(line(r#""Applied":2,"Latency":[1.5,2.5]"#).as_bytes()));
        assert!(
            metrics.add_line(line(r#""Applied":3,"Latency":{"Values":[2,10],"Counts":[3,1]}"#).as_bytes())
        );
        assert_eq!(
            metrics.sums(),
            &BTreeMap::from([("Applied".to_owned(), 5.0), ("Latency".to_owned(), 20.0)])
        );
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
