//! Records the last failure in a status.
//!
//! Several pieces of work that run at the same time write to one status, so it is behind a lock.

use parking_lot::Mutex;

use lambda_shapes::moment::Moment;
use lambda_shapes::text::shortened;

/// A status with a field for the last failure.
pub(crate) trait LastError {
    /// Returns the field.
    fn last_error(&mut self) -> &mut Option<String>;

    /// The place for its time.
    fn last_error_at(&mut self) -> &mut Option<String>;
}

/// Records a failure. It replaces the previous one.
pub(crate) fn note(status: &Mutex<impl LastError>, message: &str) {
    write_error(&mut *status.lock(), message);
}

/// Writes a failure down in a status that is locked already.
pub(crate) fn write_error(status: &mut impl LastError, message: &str) {
    *status.last_error() = Some(shortened(message));
    *status.last_error_at() = Some(Moment::now().with_millis());
}
