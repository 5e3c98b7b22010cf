//! What a bill must know of an answer.

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
    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap_or(Value::Null)
    }

    /// The call failed.
    pub(super) fn failed(&self) -> bool {
        self.error.is_some()
    }
}
