//! Counts of a mapping.

/// Counts of records and invocations of a mapping since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Invocations begun, including throttled ones.
    pub invocations: u64,
    /// Failed invocations after which records were delivered again.
    pub retries: u64,
    /// Invocations for which no execution environment was free.
    pub throttled: u64,
    /// Records that were given up.
    pub discarded: u64,
    /// Records that the filter rejected.
    pub filtered: u64,
    /// Records that the function handled.
    pub delivered: u64,
    /// The last failure, if any.
    pub last_error: Option<String>,
    /// Failures that `last_error` has held so far: it may hold equal texts one after the other.
    pub errors: u64,
}

impl Counts {
    /// Notes the last failure.
    pub(super) fn failed(&mut self, why: String) {
        self.last_error = Some(why);
        self.errors += 1;
    }

    /// Returns the last failure if it is later than those of `before`.
    pub(super) fn new_error(&self, before: u64) -> Option<&str> {
        self.last_error.as_deref().filter(|_| self.errors != before)
    }
}
