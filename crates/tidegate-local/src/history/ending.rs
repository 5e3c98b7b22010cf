//! What came of an invocation, as those see it who look at the records in it.

/// What came of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The function answered, and no record failed.
    Succeeded,
    /// The function reported this number of failed records.
    Reported(usize),
    /// It did, to somebody who does not look at such a list: AWS takes the invocation for a
    /// success.
    Ignored {
        /// Number of reported records.
        failed: usize,
        /// Why the source ignores the report, and what becomes of the records.
        why: &'static str,
    },
    /// The function failed, timed out or ended, or its answer is not a valid response.
    Failed,
}
