//! Writes recorded metrics as lines of the embedded metric format.

use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::measured::Measured;

/// Most metrics of a line, and most values of a metric in it (limits of CloudWatch).
const METRICS: usize = 100;
/// Most values of a line. With the longest names and dimensions it then stays below 256 KB, the
/// limit of an event in CloudWatch Logs.
const VALUES: usize = 4000;

/// Returns the lines of the metrics that have these dimensions: one, unless a limit needs more.
pub(super) fn lines(
    namespace: &str,
    dimensions: &[(&'static str, String)],
    metrics: &[Measured],
) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut line: Vec<Part<'_>> = Vec::new();
    let mut values = 0;
    for metric in metrics {
        for chunk in metric.values.chunks(METRICS) {
            let there = line.iter().any(|part| part.metric.name == metric.name);
            if there || line.len() == METRICS || values + chunk.len() > VALUES {
                lines.extend(written(namespace, dimensions, &std::mem::take(&mut line)));
                values = 0;
            }
            line.push(Part { metric, values: chunk });
            values += chunk.len();
        }
    }
    lines.extend(written(namespace, dimensions, &line));
    lines
}

/// A metric with some of its values.
struct Part<'a> {
    metric: &'a Measured,
    values: &'a [f64],
}

fn written(
    namespace: &str,
    dimensions: &[(&'static str, String)],
    parts: &[Part<'_>],
) -> Option<Vec<u8>> {
    if parts.is_empty() {
        return None;
    }
    // Names, texts and finite numbers always have a JSON form.
    let mut line = serde_json::to_vec(&Line { namespace, dimensions, parts }).ok()?;
    line.push(b'\n');
    Some(line)
}

struct Line<'a> {
    namespace: &'a str,
    dimensions: &'a [(&'static str, String)],
    parts: &'a [Part<'a>],
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let definition = |part: &Part<'_>| Definition {
            name: part.metric.name,
            unit: part.metric.unit.as_str(),
        };
        let metadata = Metadata {
            timestamp: Timestamp::now().as_millisecond(),
            directives: [Directive {
                namespace: self.namespace,
                dimensions: [self.dimensions.iter().map(|(name, _)| *name).collect()],
                metrics: self.parts.iter().map(definition).collect(),
            }],
        };
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("_aws", &metadata)?;
        for (name, value) in self.dimensions {
            line.serialize_entry(name, value)?;
        }
        for Part { metric, values } in self.parts {
            match values {
                [value] => line.serialize_entry(metric.name, value)?,
                values => line.serialize_entry(metric.name, values)?,
            }
        }
        line.end()
    }
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(rename = "Timestamp")]
    timestamp: i64,
    #[serde(rename = "CloudWatchMetrics")]
    directives: [Directive<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: [Vec<&'static str>; 1],
    metrics: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: &'static str,
}
