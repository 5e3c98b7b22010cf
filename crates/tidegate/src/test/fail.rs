//! How a test fails.

/// Fails the test with this text.
#[track_caller]
#[allow(clippy::panic, reason = "this is how a test fails")]
pub(in crate::test) fn fail(text: &str) -> ! {
    panic!("{text}")
}
