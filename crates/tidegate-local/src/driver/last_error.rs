//! The last failure in a status that several pieces of work write to.

use parking_lot::Mutex;

use lambda_shapes::text::shortened;

/// A status that has a last failure.
pub(crate) trait LastError {
    /// The place for it.
    fn last_error(&mut self) -> &mut Option<String>;
}

/// Writes a failure down, in place of the one before.
pub(crate) fn note(status: &Mutex<impl LastError>, message: &str) {
    *status.lock().last_error() = Some(shortened(message));
}
