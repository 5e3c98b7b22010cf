//! Collects the status of a stream mapping from its tasks.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::destination::DeliveryFailures;
use crate::mapping::counts::Counts;
use crate::mapping::lane_status::{LaneCondition, LaneReport, LaneStatus};
use crate::mapping::status::{MappingStatus, age};
use lambda_shapes::moment::Moment;
use lambda_shapes::text::shortened;

/// Status of a stream mapping, to which each of its tasks adds its part.
#[derive(Debug, Default)]
pub(super) struct Board {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    shards: BTreeMap<String, ShardStatus>,
    discovered: bool,
    last_error: Option<String>,
    last_error_at: Option<Moment>,
    /// Shards that are not read because a parent is not closed and done.
    children: Vec<String>,
    destination_failures: DeliveryFailures,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ShardStatus {
    pub(super) position: Option<String>,
    pub(super) lag: u64,
    pub(super) millis_behind: Option<i64>,
    /// When the oldest record read and not done was written.
    pub(super) oldest: Option<Moment>,
    pub(super) in_flight: u64,
    pub(super) lanes: Vec<LaneReport>,
    pub(super) counts: Counts,
    pub(super) idle_since: Option<u64>,
    pub(super) closed: bool,
}

impl Board {
    /// Sets the status of a shard.
    pub(super) fn shard(&self, id: &str, status: ShardStatus) {
        self.with(|inner| match inner.shards.get_mut(id) {
            Some(known) => *known = status,
            None => drop(inner.shards.insert(id.to_owned(), status)),
        });
    }

    /// Notes that a shard has ended and is done.
    pub(super) fn closed(&self, id: &str) {
        self.with(|inner| {
            if let Some(shard) = inner.shards.get_mut(id) {
                shard.closed = true;
            }
        });
    }

    /// Sets whether every shard that can be read is being read.
    pub(super) fn discovered(&self, discovered: bool) {
        self.with(|inner| inner.discovered = discovered);
    }

    /// Sets which shards wait for the end of a parent.
    pub(super) fn children(&self, children: Vec<String>) {
        self.with(|inner| inner.children = children);
    }

    /// Notes a failure outside the state machine.
    pub(super) fn failed(&self, message: &str) {
        self.with(|inner| {
            inner.last_error = Some(shortened(message));
            inner.last_error_at = Some(Moment::now());
        });
    }

    /// Notes that an on-failure record is lost.
    pub(super) fn undelivered(&self, why: &str) {
        self.with(|inner| inner.destination_failures.add(why));
    }

    /// Returns the status of the whole mapping.
    pub(super) fn status(&self, name: &Name) -> MappingStatus {
        self.with(|inner| {
            let sum =
                |number: fn(&ShardStatus) -> u64| inner.shards.values().map(number).sum::<u64>();
            let open = || inner.shards.values().filter(|shard| !shard.closed);
            let polled = inner.discovered && open().count() > 0;
            MappingStatus {
                name: format!("{} → {}", name.source, name.function),
                function: name.function.clone(),
                source: name.source.clone(),
                kind: name.kind,
                positions: inner
                    .shards
                    .iter()
                    .map(|(id, s)| (id.clone(), s.position.clone()))
                    .collect(),
                lag: sum(|s| s.lag),
                millis_behind: open().filter_map(|s| s.millis_behind).max(),
                oldest_ms: age(open().filter_map(|s| s.oldest).min()),
                in_flight: sum(|s| s.in_flight),
                failures: 0,
                invocations: sum(|s| s.counts.invocations),
                retries: sum(|s| s.counts.retries),
                throttled: sum(|s| s.counts.throttled),
                discarded: sum(|s| s.counts.discarded),
                destination_failures: inner.destination_failures.clone(),
                filtered: sum(|s| s.counts.filtered),
                records_delivered: sum(|s| s.counts.delivered),
                last_error: inner.last_error.clone(),
                last_error_at: inner.last_error_at.map(Moment::with_millis),
                lanes: inner.lanes(),
                idle_since: if polled {
                    open()
                        .map(|s| s.idle_since)
                        .collect::<Option<Vec<_>>>()
                        .and_then(|all| all.into_iter().min())
                } else {
                    None
                },
            }
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock())
    }
}

impl Inner {
    fn lanes(&self) -> Vec<LaneStatus> {
        let status = |shard: &String, report| LaneStatus { shard: Some(shard.clone()), report };
        let open = self.shards.iter().filter(|(_, shard)| !shard.closed);
        let lanes =
            open.flat_map(|(id, shard)| shard.lanes.iter().map(move |report| status(id, *report)));
        let unread = LaneReport::new(LaneCondition::ParentUnfinished);
        lanes.chain(self.children.iter().map(|id| status(id, unread))).collect()
    }
}

/// Names of a mapping's function and source.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) function: String,
    pub(super) source: String,
    pub(super) kind: &'static str,
}
