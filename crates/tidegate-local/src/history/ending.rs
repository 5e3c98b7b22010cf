//! The result of an invocation for its records.

/// Result of an invocation for its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The function answered, and no record failed.
    Succeeded,
    /// The function reported this number of failed records.
    Reported(usize),
    /// The function reported failed records to a source that ignores them.
    ///
    /// AWS counts such an invocation as a success.
    Ignored {
        /// Number of reported records.
        failed: usize,
        /// Why the source ignores the report, and what becomes of the records.
        why: &'static str,
    },
    /// The function failed, timed out or ended, or its answer is not a valid response.
    Failed,
}
