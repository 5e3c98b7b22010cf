//! The part of an answer that a bill depends on.

use serde_json::Value;

/// The part of an answer that a bill depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BilledReply<'a> {
    /// The error code, if the call failed.
    pub(crate) error: Option<&'a str>,
    /// The answer's body.
    pub(crate) body: &'a [u8],
}

impl BilledReply<'_> {
    /// Returns the body as JSON; null if it is not JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap_or(Value::Null)
    }

    /// Returns whether the call failed.
    pub(super) fn failed(&self) -> bool {
        self.error.is_some()
    }
}
