//! The ports of what keeps pointers.

use futures::future::BoxFuture;

use super::pointer::Pointer;
use crate::failure::Failure;

/// Reads pointers.
pub trait PointerReader: Send + Sync {
    /// Reads the pointer of a projection, strongly consistent. One that is not stored has the
    /// revision 0.
    ///
    /// # Errors
    /// Any failure to read it. `corrupt_pointer` (permanent): another program changed it.
    fn read<'a>(&'a self, projection: &'a str) -> BoxFuture<'a, Result<Pointer, Failure>>;
}

/// Reads and changes pointers. Only commands need it.
pub trait Pointers: PointerReader {
    /// Writes a pointer as the next revision, if the stored one still has its revision. Returns the
    /// pointer as it is stored now. `None`: another change was faster.
    ///
    /// # Errors
    /// Any failure to write it. It may be written all the same.
    fn write<'a>(&'a self, pointer: &'a Pointer)
    -> BoxFuture<'a, Result<Option<Pointer>, Failure>>;
}
