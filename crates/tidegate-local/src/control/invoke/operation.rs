//! The three operations that invoke a function.

/// The called operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Invoke,
    WithResponseStream,
    Async,
}
