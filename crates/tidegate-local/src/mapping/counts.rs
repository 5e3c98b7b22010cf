//! What a mapping counts.

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Invocations begun, throttled ones included.
    pub invocations: u64,
    /// Failed invocations after which records were delivered again.
    pub retries: u64,
    /// Invocations for which no execution environment was free.
    pub throttled: u64,
    /// Records given up.
    pub discarded: u64,
    /// Records that no filter let pass.
    pub filtered: u64,
    /// Records the function is done with.
    pub delivered: u64,
    /// The last failure, if any.
    pub last_error: Option<String>,
}
