//! What came of an invocation, as those see it who look at the records in it.

/// What came of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The function answered, and no record failed.
    Succeeded,
    /// It reported so many failed records.
    Reported(usize),
    /// It did, to somebody who does not look at such a list: AWS takes the invocation for a
    /// success.
    Ignored {
        /// How many it listed.
        failed: usize,
        /// Why nobody looks, and what became of the records.
        why: &'static str,
    },
    /// It failed, ran out of time, ended, or its answer is no valid response.
    Failed,
}
