//! Writes metrics of each invocation in CloudWatch's embedded metric format.

use std::fmt;
use std::io::Write as _;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::counts::Counts;
use super::decided::Decided;
use crate::failure::Class;
use crate::source::Delivery;

/// Largest number of values of a metric in one line (limit of CloudWatch).
const VALUES: usize = 100;

/// Writes the outcomes of each invocation in CloudWatch's embedded metric format.
///
/// An invocation writes one line, from which CloudWatch makes metrics without a request. Pass it to
/// [`Runner::metrics`](super::Runner::metrics); a runner without it measures and writes nothing.
///
/// The lines go to standard output, from which Lambda forwards them.
/// `docs/concepts/observability.md` in the repository describes each metric.
///
/// ```
/// use tidegate::batch::Metrics;
///
/// let metrics: Metrics = "Shop/Orders".parse().unwrap();
/// assert_eq!(
///     "AWS/Orders".parse::<Metrics>().unwrap_err().to_string(),
///     "a CloudWatch namespace must not begin with `AWS/`"
/// );
/// # let _ = metrics;
/// ```
pub struct Metrics {
    namespace: String,
    write: Write,
}

/// Receives a line with its line break.
type Write = Box<dyn Fn(&[u8]) + Send + Sync>;

impl Metrics {
    /// Passes each line, with its line break, to `write` instead of standard output.
    #[must_use]
    pub fn to(self, write: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self { write: Box::new(write), ..self }
    }

    /// Returns the namespace.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Writes another line of the format.
    pub(crate) fn write(&self, line: &serde_json::Value) {
        (self.write)(format!("{line}\n").as_bytes());
    }

    /// Writes what was recorded, one line for each set of dimensions.
    ///
    /// A [`Runner`](super::Runner) calls it before each response. Call it yourself in a function
    /// without a runner.
    #[cfg(feature = "custom-metrics")]
    pub fn flush(&self, recorded: &crate::metrics::CustomMetrics) {
        for line in recorded.lines(&self.namespace) {
            (self.write)(&line);
        }
    }

    pub(super) fn emit(
        &self,
        function: &str,
        counts: &Counts,
        measured: &mut Measured,
        took: Duration,
    ) {
        let values = values(counts, measured, took);
        let line = Line { namespace: &self.namespace, function, values: &values };
        // A failure to write metrics must not fail the invocation.
        if let Ok(mut line) = serde_json::to_vec(&line) {
            line.push(b'\n');
            (self.write)(&line);
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// Parses a namespace. The metrics are written to standard output.
impl FromStr for Metrics {
    type Err = NotANamespace;

    fn from_str(namespace: &str) -> Result<Self, NotANamespace> {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || " .-_/#:".contains(letter);
        if namespace.trim().is_empty() || namespace.len() > 255 {
            return Err(NotANamespace("must have 1 to 255 characters"));
        }
        if !namespace.chars().all(allowed) {
            return Err(NotANamespace("may contain only letters, digits, spaces and `.-_/#:`"));
        }
        if namespace.starts_with(':') {
            return Err(NotANamespace("must not begin with `:`"));
        }
        if namespace.starts_with("AWS/") {
            return Err(NotANamespace("must not begin with `AWS/`"));
        }
        let write = |line: &[u8]| {
            let mut output = std::io::stdout().lock();
            let _ = output.write_all(line).and_then(|()| output.flush());
        };
        Ok(Self { namespace: namespace.to_owned(), write: Box::new(write) })
    }
}

/// A text that is not a namespace of CloudWatch.
///
/// The rules are those of `PutMetricData`. CloudWatch silently drops a line that breaks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANamespace(&'static str);

impl fmt::Display for NotANamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a CloudWatch namespace {}", self.0)
    }
}

impl std::error::Error for NotANamespace {}

/// Measurements of one invocation that the counts do not contain.
#[derive(Debug, Default)]
pub(super) struct Measured {
    permanent: u64,
    transient: u64,
    busy: u64,
    /// Milliseconds from arrival to decision, for each delivery.
    lags: Vec<u64>,
}

impl Measured {
    /// Adds the deliveries of an invocation, whose outcomes are all decided.
    pub(super) fn note<R>(&mut self, deliveries: &[Delivery<'_>], decided: &Decided<R>) {
        for failure in decided.failures() {
            let counter = match failure.class() {
                Class::Permanent => &mut self.permanent,
                Class::Transient => &mut self.transient,
                Class::Busy => &mut self.busy,
            };
            *counter += 1;
        }
        let now = Timestamp::now();
        let arrivals = deliveries.iter().filter_map(|delivery| delivery.arrived_at);
        // A clock that is behind the transport's clock gives a lag of zero.
        self.lags.extend(
            arrivals
                .map(|at| u64::try_from(now.as_millisecond() - at.as_millisecond()).unwrap_or(0)),
        );
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Values<'a> {
    Count(u64),
    Milliseconds(f64),
    Each(&'a [u64]),
}

impl Values<'_> {
    fn unit(&self) -> &'static str {
        match self {
            Values::Count(_) => "Count",
            Values::Milliseconds(_) | Values::Each(_) => "Milliseconds",
        }
    }
}

/// Returns every metric of the line.
///
/// The counts of outcomes are written even if they are zero. With missing data CloudWatch would
/// look for older values, and an alarm on lasting failures would count those of quiet periods. The
/// failure classes have no alarm, so they are written, and paid for, only in hours with failures.
fn values<'a>(
    counts: &Counts,
    measured: &'a mut Measured,
    took: Duration,
) -> Vec<(&'static str, Values<'a>)> {
    let mut values = vec![
        ("Applied", Values::Count(counts.applied)),
        ("Duplicate", Values::Count(counts.duplicate)),
        ("Filtered", Values::Count(counts.filtered)),
        ("Parked", Values::Count(counts.parked)),
        ("Held", Values::Count(counts.held)),
        ("Failed", Values::Count(counts.failed)),
        ("NotRun", Values::Count(counts.not_run)),
        ("DeadLettered", Values::Count(counts.dead_lettered)),
    ];
    let classes = [
        ("PermanentFailures", measured.permanent),
        ("TransientFailures", measured.transient),
        ("BusyFailures", measured.busy),
    ];
    let classes = classes.into_iter().filter(|(_, count)| *count > 0);
    values.extend(classes.map(|(name, count)| (name, Values::Count(count))));
    let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
    values.push(("Duration", Values::Milliseconds(f64::from(micros) / 1000.0)));
    thin_out(&mut measured.lags);
    if !measured.lags.is_empty() {
        values.push(("Lag", Values::Each(&measured.lags)));
    }
    values
}

/// Reduces the values to the number that a line may have: the smallest, the largest, and values at
/// equal distances between them in sorted order.
fn thin_out(values: &mut Vec<u64>) {
    if values.len() <= VALUES {
        return;
    }
    values.sort_unstable();
    let last = values.len() - 1;
    *values =
        (0..VALUES).filter_map(|place| values.get(place * last / (VALUES - 1)).copied()).collect();
}

struct Line<'a> {
    namespace: &'a str,
    function: &'a str,
    values: &'a [(&'static str, Values<'a>)],
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let metrics = self.values.iter();
        let metadata = Metadata {
            timestamp: Timestamp::now().as_millisecond(),
            directives: [Directive {
                namespace: self.namespace,
                dimensions: [["function"]],
                metrics: metrics
                    .map(|(name, value)| Definition { name, unit: value.unit() })
                    .collect(),
            }],
        };
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("_aws", &metadata)?;
        line.serialize_entry("function", self.function)?;
        for (name, value) in self.values {
            line.serialize_entry(name, value)?;
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
    dimensions: [[&'static str; 1]; 1],
    metrics: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: &'static str,
}
