//! What one step of a shard stores, and under which names among the checkpoints.

use std::io;

use crate::checkpoint::Checkpoints;
use lambda_shapes::sequence::SequenceNumber;

/// What one step of a shard stores. Either all of it is stored, or nothing.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) checkpoint: Option<SequenceNumber>,
    pub(super) window: Option<String>,
    pub(super) failing: Option<String>,
}

impl Kept {
    /// Stores the values that are set, for this shard of a mapping.
    pub(super) fn store(
        &self,
        checkpoints: &dyn Checkpoints,
        mapping: &str,
        shard: &str,
    ) -> io::Result<()> {
        let (of_window, of_failing) = (window_of(shard), failing_of(shard));
        let stored: Vec<(&str, &str)> = [
            (shard, self.checkpoint.as_ref().map(SequenceNumber::as_str)),
            (of_window.as_str(), self.window.as_deref()),
            (of_failing.as_str(), self.failing.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        if stored.is_empty() { Ok(()) } else { checkpoints.store_all(mapping, &stored) }
    }
}

/// Name under which the checkpoints hold the open window of a shard; no shard has this name.
pub(super) fn window_of(shard: &str) -> String {
    format!("{shard}/window")
}

/// Name under which the checkpoints hold the failed batches of a shard.
pub(super) fn failing_of(shard: &str) -> String {
    format!("{shard}/failing")
}
