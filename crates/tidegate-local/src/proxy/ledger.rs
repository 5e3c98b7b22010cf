//! The account of one function's calls.

use std::sync::Arc;

use super::billed::{self, BilledReply, Items, Quantity};
use super::counts::{self, Counts};
use super::hook::{Call, Reply};

/// Counts and prices the calls of one function.
pub(super) struct Ledger {
    pub(super) counts: Arc<Counts>,
    pub(super) items: Arc<Items>,
}

impl Ledger {
    /// Returns what AWS would bill for a call that it answered.
    pub(super) fn billed(&self, call: &Call, reply: &Reply) -> Vec<Quantity> {
        let error = counts::error_code(reply);
        let body = reply.body().whole().map(AsRef::as_ref).unwrap_or_default();
        let seen = BilledReply { error: error.as_deref(), body };
        billed::quantities(call, seen, &self.items)
    }

    /// Counts a call with the answer that its caller gets.
    pub(super) fn add(&self, call: &Call, reply: &Reply, billed: &[Quantity]) {
        self.counts.add(&call.caller, &call.operation, counts::error_code(reply), billed);
    }
}
