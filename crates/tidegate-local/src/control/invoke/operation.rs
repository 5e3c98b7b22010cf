//! Which of the three operations is called.

/// The called operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Invoke,
    WithResponseStream,
    Async,
}
