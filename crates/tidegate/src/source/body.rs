//! The body of a delivery before decoding.

use super::change::Change;

/// The body of a delivery.
#[derive(Debug, PartialEq)]
pub enum Body {
    /// A message.
    Bytes(Vec<u8>),
    /// A change of a table.
    Change(Change),
}
