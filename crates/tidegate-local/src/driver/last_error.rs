//! Records the last failure in a status.
//!
//! Several pieces of work that run at the same time write to one status, so it is behind a lock.

use parking_lot::Mutex;

use lambda_shapes::text::shortened;

/// A status with a field for the last failure.
pub(crate) trait LastError {
    /// Returns the field.
    fn last_error(&mut self) -> &mut Option<String>;
}

/// Records a failure. It replaces the previous one.
pub(crate) fn note(status: &Mutex<impl LastError>, message: &str) {
    *status.lock().last_error() = Some(shortened(message));
}
