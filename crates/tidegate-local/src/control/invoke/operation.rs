//! Which of the three operations is called.

/// Which operation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Invoke,
    WithResponseStream,
    Async,
}
