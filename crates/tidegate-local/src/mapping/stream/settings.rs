//! Settings of a stream mapping.

use std::sync::Arc;
use std::time::Duration;

use crate::pace::scale::{scale, scale_age, scale_seconds};
use lambda_shapes::stream_kind::StreamKind;
use topology::model::Source;
use topology::pattern::filter::Filter;

/// Settings of a stream mapping.
///
/// Where the topology sets none, Lambda's defaults apply.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// The kind of stream.
    pub kind: StreamKind,
    /// ARN of the stream, as in events and on-failure records.
    pub source_arn: String,
    /// Unqualified ARN of the function.
    pub function_arn: String,
    /// Most records in one batch.
    pub batch_size: usize,
    /// Longest time for which records are gathered into a batch.
    pub batching_window: Duration,
    /// Length of a tumbling window; zero for none.
    pub tumbling_window: Duration,
    /// Concurrent batches per shard. With a tumbling window only one is used.
    pub lanes: usize,
    /// Whether partial batch responses are honoured.
    pub report_batch_item_failures: bool,
    /// Whether a failed batch is split.
    pub bisect_on_error: bool,
    /// Retries before a batch is given up; `None` for no limit.
    pub maximum_retry_attempts: Option<u32>,
    /// Age at which a record is given up; `None` for no limit.
    pub maximum_record_age: Option<Duration>,
    /// Ranges that are given up go to a destination, and are done only after that hand-over.
    pub has_destination: bool,
    /// Filter of the records; without one all records are delivered.
    pub filter: Option<Arc<Filter>>,
    /// Divides the waits between retries; 1 is AWS's pace.
    pub time_scale: f64,
}

impl StreamSettings {
    /// Creates the settings of a declared source with its parsed filter.
    ///
    /// `time_scale` divides windows and ages.
    #[must_use]
    pub fn new(
        source: &Source,
        kind: StreamKind,
        source_arn: &str,
        function_arn: &str,
        filter: Option<Arc<Filter>>,
        time_scale: f64,
    ) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Self {
            kind,
            source_arn: source_arn.to_owned(),
            function_arn: function_arn.to_owned(),
            batch_size: usize::try_from(source.batch_size.max(1)).unwrap_or(usize::MAX),
            batching_window: scale(seconds(source.batching_window_seconds), time_scale),
            tumbling_window: scale_seconds(seconds(source.tumbling_window_seconds), time_scale),
            lanes: usize::try_from(source.parallelization_factor.unwrap_or(1).max(1)).unwrap_or(1),
            report_batch_item_failures: source.report_batch_item_failures,
            bisect_on_error: source.bisect_on_error,
            // -1, Lambda's value for "no limit", fails the conversion.
            maximum_retry_attempts: source
                .maximum_retry_attempts
                .and_then(|n| u32::try_from(n).ok()),
            maximum_record_age: source
                .maximum_record_age_seconds
                .and_then(|n| u32::try_from(n).ok())
                .map(|age| scale_age(seconds(age), time_scale)),
            has_destination: source.on_failure.is_some(),
            filter,
            time_scale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use topology::check_text;

    #[test]
    fn settings_that_are_left_out_are_lambdas_defaults() {
        let text = r#"
            streams = { orders = {} }
            queues = { work = {}, letters = {} }
            functions = { f = {
                sources = {
                    orders = { stream = "orders", starting_position = "LATEST" }
                    work = { queue = "work" }
                }
                asynchronous = { on_failure = { queue = "letters" } }
            } }
        "#;
        let checked = check_text(text).unwrap();
        let sources = &checked.topology.functions["f"].sources;
        let StreamSettings {
            kind: _,
            source_arn: _,
            function_arn: _,
            batch_size,
            batching_window,
            tumbling_window,
            lanes,
            report_batch_item_failures,
            bisect_on_error,
            maximum_retry_attempts,
            maximum_record_age,
            has_destination,
            filter: _,
            time_scale: _,
        } = StreamSettings::new(&sources["orders"], StreamKind::Kinesis, "s", "f", None, 1.0);
        assert_eq!((batch_size, lanes, sources["work"].batch_size), (100, 1, 10));
        assert_eq!((batching_window, tumbling_window), (Duration::ZERO, Duration::ZERO));
        assert_eq!((maximum_retry_attempts, maximum_record_age), (None, None));
        assert!(!report_batch_item_failures && !bisect_on_error && !has_destination);
        let asynchronous = &checked.topology.functions["f"].asynchronous.as_ref().unwrap();
        assert_eq!(
            (asynchronous.maximum_retry_attempts, asynchronous.maximum_event_age_seconds),
            (2, 21_600)
        );
    }
}
