//! Compares the concurrency of each function with the batches that its sources run at a time.

use super::Check;
use crate::lookup::SourceKind;
use crate::model::Source;

/// Partitions of a new table with on-demand capacity.
///
/// Such a table takes 4,000 writes a second from the start, and a partition takes 1,000.
const TABLE_PARTITIONS: u64 = 4;

impl Check<'_> {
    /// Checks that a function's sources together do not need more environments than it may have.
    ///
    /// Otherwise Lambda throttles some batches. In a queue, each throttle uses up receives of its
    /// messages, and sound messages may reach the dead-letter queue. In a stream, the throttled
    /// shard waits while its records age.
    pub(super) fn concurrency(&mut self) {
        let topology = self.topology;
        for (name, function) in &topology.functions {
            let batches = |source: &Source| self.batches(source);
            let sum: u64 = function.sources.values().map(batches).sum();
            let is_queue = |source: &&Source| source.queue.is_some();
            let of_queues: u64 = function.sources.values().filter(is_queue).map(batches).sum();
            let (most, allowed) = (function.maximum_concurrency, function.concurrency());
            let field = match function.reserved_concurrency {
                Some(_) => "reserved_concurrency",
                None => "maximum_concurrency",
            };
            let path = ["functions", name, field];
            if allowed > 0 && of_queues > u64::from(allowed) {
                let what = format!(
                    "is {allowed}; its queues together may run {of_queues} batches at a time by their maximum_concurrency, and a \
                     batch that is throttled uses up receives of its messages; at least \
                     {of_queues} is recommended"
                );
                self.warning(&path, what);
            } else if sum > u64::from(most) {
                self.house_rule(
                    &["functions", name, "maximum_concurrency"],
                    format!(
                        "is {most}; its sources together may run {sum} at a time (maximum_concurrency of a queue, shards × \
                         parallelization_factor of a stream, {TABLE_PARTITIONS} of a table), so \
                         at least {sum} is required"
                    ),
                );
            } else if let Some(reserved) = function.reserved_concurrency
                && reserved != 0
                && (u64::from(reserved) < sum || reserved > most)
            {
                self.house_rule(
                    &path,
                    format!(
                        "is {reserved}; must be 0, which switches the function off, or {} to \
                         {most}: what its sources together may run at a \
                         time, up to its maximum_concurrency",
                        sum.max(1)
                    ),
                );
            }
        }
    }

    /// Returns how many batches of a source run at a time.
    ///
    /// DynamoDB chooses the number of shards of a table's stream: one for each partition.
    fn batches(&self, source: &Source) -> u64 {
        match source.kind() {
            Some(SourceKind::Stream(stream)) => {
                let shards = self.topology.streams.get(stream).map_or(1, |stream| stream.shards);
                let factor =
                    source.parallelization_factor.filter(|factor| (1..=10).contains(factor));
                u64::from(shards) * u64::from(factor.unwrap_or(1))
            }
            Some(SourceKind::Table(_)) => TABLE_PARTITIONS,
            Some(SourceKind::Queue(_)) => source.maximum_concurrency.map_or(0, u64::from),
            None => 0,
        }
    }
}
