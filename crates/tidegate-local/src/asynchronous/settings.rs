//! What asynchronous invocation goes by.

use std::time::Duration;

use crate::pace::scale::scale_age;
use topology::model::Asynchronous;

/// For how many seconds a received event is hidden in its queue at a time: how soon another engine
/// takes over after a crash.
pub(crate) const HIDDEN_SECONDS: u32 = 120;

/// What asynchronous invocation of a function goes by.
#[derive(Clone, Debug)]
pub struct AsynchronousSettings {
    /// Unqualified ARN of the function.
    pub function_arn: String,
    /// Retries after a function error.
    pub maximum_retry_attempts: u32,
    /// How long an event is kept.
    pub maximum_event_age: Duration,
    /// Most concurrent invocations. With none allowed every event is given up at once, without an
    /// attempt.
    pub maximum_concurrency: usize,
    /// Given-up events go to a destination, and count as finished only once they are there.
    pub has_destination: bool,
    /// So do the records of events that succeeded.
    pub has_success_destination: bool,
    /// For how long a received event is hidden in its queue at a time.
    pub hidden: Duration,
    /// Divides the waits between attempts; 1 is AWS's own pace.
    pub time_scale: f64,
}

impl AsynchronousSettings {
    /// Settings of a declared function; Lambda's defaults (2 retries, 6 hours) where it declares
    /// none.
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
