//! What a mapping says about itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use super::step::Counts;
use crate::destination::DeliveryFailures;
use lambda_shapes::moment::Moment;
use lambda_shapes::text::shortened;

/// State and counts of a mapping since the engine started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MappingStatus {
    /// For people: `orders → order-processor`.
    pub name: String,
    /// The function.
    pub function: String,
    /// The stream, table or queue.
    pub source: String,
    /// `kinesis`, `dynamodb` or `sqs`.
    pub kind: &'static str,
    /// Checkpoint per shard, where something is done.
    pub positions: BTreeMap<String, Option<String>>,
    /// Records read and not done.
    pub lag: u64,
    /// How far behind the newest record the slowest shard is read, where the source says so.
    pub millis_behind: Option<i64>,
    /// Age in milliseconds of the oldest record read and not done, where the source's records say when they were written. In a queue those
    /// count that have failed and are hidden until they come again.
    pub oldest_ms: Option<u64>,
    /// Invocations going on.
    pub in_flight: u64,
    /// Invocations that failed, or reported failed records.
    pub failures: u64,
    /// Invocations begun, throttled ones included.
    pub invocations: u64,
    /// Failed invocations after which records were delivered again.
    pub retries: u64,
    /// Invocations for which no execution environment was free.
    pub throttled: u64,
    /// Records given up.
    pub discarded: u64,
    /// On-failure records that the destination refused for good.
    pub destination_failures: DeliveryFailures,
    /// Records that no filter let pass.
    pub filtered: u64,
    /// Records the function is done with.
    pub records_delivered: u64,
    /// The last failure of a poll, an invocation or a hand-over.
    pub last_error: Option<String>,
    /// The activity counter before a poll that found nothing while nothing was going on here; none while there is.
    pub idle_since: Option<u64>,
}

/// Where the tasks of a stream mapping write down how they stand.
#[derive(Debug, Default)]
pub(super) struct Board {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    shards: BTreeMap<String, ShardStatus>,
    discovered: bool,
    last_error: Option<String>,
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
    pub(super) counts: Counts,
    pub(super) idle_since: Option<u64>,
    pub(super) closed: bool,
}

impl Board {
    /// Writes down how a shard stands.
    pub(super) fn shard(&self, id: &str, status: ShardStatus) {
        self.with(|inner| match inner.shards.get_mut(id) {
            Some(known) => *known = status,
            None => drop(inner.shards.insert(id.to_owned(), status)),
        });
    }

    /// A shard has ended and is done.
    pub(super) fn closed(&self, id: &str) {
        self.with(|inner| {
            if let Some(shard) = inner.shards.get_mut(id) {
                shard.closed = true;
            }
        });
    }

    /// Whether every shard that can be read now is.
    pub(super) fn discovered(&self, discovered: bool) {
        self.with(|inner| inner.discovered = discovered);
    }

    /// Writes down a failure outside the state machine.
    pub(super) fn failed(&self, message: &str) {
        self.with(|inner| inner.last_error = Some(shortened(message)));
    }

    /// An on-failure record is lost.
    pub(super) fn undelivered(&self, why: &str) {
        self.with(|inner| inner.destination_failures.add(why));
    }

    /// The whole mapping.
    pub(super) fn status(&self, name: &Name) -> MappingStatus {
        self.with(|inner| {
            let sum = |number: fn(&ShardStatus) -> u64| inner.shards.values().map(number).sum::<u64>();
            let open = || inner.shards.values().filter(|shard| !shard.closed);
            let polled = inner.discovered && open().count() > 0;
            MappingStatus {
                name: format!("{} → {}", name.source, name.function),
                function: name.function.clone(),
                source: name.source.clone(),
                kind: name.kind,
                positions: inner.shards.iter().map(|(id, s)| (id.clone(), s.position.clone())).collect(),
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
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How long ago that was, in milliseconds.
pub(super) fn age(oldest: Option<Moment>) -> Option<u64> {
    let age = Moment::from(Timestamp::now()).since(oldest?);
    Some(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}

/// What a mapping is called.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) function: String,
    pub(super) source: String,
    pub(super) kind: &'static str,
}
