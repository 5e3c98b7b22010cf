//! Settings of a function's asynchronous invocation.

use std::time::Duration;

use crate::pace::scale::scale_age;
use topology::model::Asynchronous;

/// Visibility timeout of a received event, in seconds; extended while the engine works on the
/// event.
///
/// After a crash, another engine takes over within this time.
pub(crate) const HIDDEN_SECONDS: u32 = 120;

/// Settings of a function's asynchronous invocation.
#[derive(Clone, Debug)]
pub struct AsynchronousSettings {
    /// Unqualified ARN of the function.
    pub function_arn: String,
    /// Most retries after a function error.
    pub maximum_retry_attempts: u32,
    /// Age after which an event is given up.
    pub maximum_event_age: Duration,
    /// Most concurrent invocations. At 0, every event is given up at once, without an attempt.
    pub maximum_concurrency: usize,
    /// Events that are given up go to a destination, and end only after that hand-over.
    pub has_destination: bool,
    /// Records of successful events go to a destination in the same way.
    pub has_success_destination: bool,
    /// Visibility timeout of a received event in its queue.
    pub hidden: Duration,
    /// Divides the waits between attempts; 1 is AWS's pace.
    pub time_scale: f64,
}

impl AsynchronousSettings {
    /// Creates the settings of a declared function.
    ///
    /// Where the topology declares none, Lambda's defaults apply: 2 retries and 6 hours.
    #[must_use]
    pub fn new(
        declared: Option<&Asynchronous>,
        function_arn: &str,
        maximum_concurrency: u32,
        time_scale: f64,
    ) -> Self {
        let age = declared.map_or(21_600, |declared| declared.maximum_event_age_seconds);
        Self {
            function_arn: function_arn.to_owned(),
            maximum_retry_attempts: declared.map_or(2, |declared| declared.maximum_retry_attempts),
            maximum_event_age: scale_age(Duration::from_secs(age.into()), time_scale),
            maximum_concurrency: usize::try_from(maximum_concurrency).unwrap_or(usize::MAX),
            has_destination: declared.is_some_and(|declared| declared.on_failure.is_some()),
            has_success_destination: declared.is_some_and(|declared| declared.on_success.is_some()),
            hidden: Duration::from_secs(HIDDEN_SECONDS.into()),
            time_scale,
        }
    }
}
