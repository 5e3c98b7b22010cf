//! Watches the shards of a stream, and starts a delivery for each shard that may be read.
//!
//! When a shard is split or two are merged, the records of the new shards come after those of the
//! old ones (AWS docs: Kinesis resharding).
//!
//! # Invariant
//!
//! A shard is read only when each of its parents is either closed and done, or no longer listed. In
//! the second case the stream has none of the parent's records any more. A shard that is done is
//! not read again, although it is listed for as long as the stream keeps its records.
//!
//! # Example
//!
//! Shard a was split into b and c, and c is merged with d into e. At first a and d are read. When a
//! is closed and done, b and c are read. When c and d are both closed and done, e is read, whether
//! or not b is done.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::board::{Board, Name, ShardStatus};
use super::delivery::ShardDelivery;
use super::end::End;
use super::mapping::StreamMapping;
use super::source::ShardInfo;
use crate::mapping::status::Mapping;
use crate::running::stopped;
use lambda_shapes::moment::Moment;
use lambda_shapes::stream_kind::StreamKind;

/// Wait after a failed listing of shards or a failed shard, and while there is nothing to read.
const AGAIN: Duration = Duration::from_secs(1);
/// Wait between listings while shards are read: a child may be listed after its parent has ended.
const RELIST: Duration = Duration::from_secs(15);

/// Starts a stream mapping. Must be called within a Tokio runtime.
#[must_use]
pub fn start(mut mapping: StreamMapping) -> Mapping {
    mapping.settings.has_destination = mapping.destination.is_some();
    let (stop, receiver) = watch::channel(false);
    let board = Arc::new(Board::default());
    let name = Name {
        function: mapping.function.clone(),
        source: mapping.source_name.clone(),
        kind: match mapping.settings.kind {
            StreamKind::Kinesis => "kinesis",
            StreamKind::DynamoDb => "dynamodb",
        },
    };
    let task = tokio::spawn(watch_shards(Arc::new(mapping), Arc::clone(&board), receiver));
    Mapping::new(move || board.status(&name), stop, task)
}

/// Starts a delivery for each shard, for children only after their parents are done.
async fn watch_shards(
    mapping: Arc<StreamMapping>,
    board: Arc<Board>,
    mut stop: watch::Receiver<bool>,
) {
    let mut finished: BTreeSet<String> = BTreeSet::new();
    let mut tasks: JoinSet<End> = JoinSet::new();
    let mut running: HashMap<tokio::task::Id, String> = HashMap::new();
    let from = loop {
        match mapping.starting_position.position(
            &mapping.checkpoint_name,
            &*mapping.checkpoints,
            Moment::now(),
        ) {
            Ok(from) => break from,
            Err(error) => board.failed(&error.to_string()),
        }
        pause(&mut stop).await;
        if *stop.borrow() {
            return;
        }
    };
    while !*stop.borrow() {
        let again = match mapping.source.shards().await {
            Ok(shards) => {
                for shard in ready(&shards, &finished) {
                    if running.values().any(|id| *id == shard.id) {
                        continue;
                    }
                    board.shard(&shard.id, ShardStatus::default());
                    let delivery = ShardDelivery {
                        mapping: Arc::clone(&mapping),
                        board: Arc::clone(&board),
                        shard: shard.clone(),
                    };
                    let handle = tasks.spawn(delivery.run(from.clone(), stop.clone()));
                    running.insert(handle.id(), shard.id.clone());
                }
                board.children(children(&shards, &finished));
                board.discovered(!running.is_empty());
                if running.is_empty() { AGAIN } else { RELIST }
            }
            Err(error) => {
                board.failed(&error.to_string());
                AGAIN
            }
        };
        tokio::select! {
            () = stopped(&mut stop) => {}
            Some(ended) = tasks.join_next_with_id(), if !tasks.is_empty() => {
                board.discovered(false);
                let (id, end) = match ended {
                    Ok((id, end)) => (id, end),
                    Err(error) => {
                        board.failed(&format!("the delivery of a shard ended unexpectedly: {error}"));
                        (error.id(), End::Failed)
                    }
                };
                match (running.remove(&id), end) {
                    (Some(shard), End::Closed) => {
                        board.closed(&shard);
                        finished.insert(shard);
                    }
                    (_, End::Failed) => pause(&mut stop).await,
                    _ => {}
                }
            }
            () = sleep(again) => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

async fn pause(stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = stopped(stop) => {}
        () = sleep(AGAIN) => {}
    }
}

/// Returns the shards that can be read: not finished, and without a listed parent that is
/// unfinished.
///
/// Example: shard `c` is the merge of `a` and `b`. It can be read once each of them is finished or
/// no longer listed.
pub(super) fn ready<'a>(
    shards: &'a [ShardInfo],
    finished: &'a BTreeSet<String>,
) -> impl Iterator<Item = &'a ShardInfo> {
    shards.iter().filter(move |shard| {
        !finished.contains(&shard.id)
            && shard.parents.iter().all(|parent| {
                finished.contains(parent) || shards.iter().all(|other| other.id != *parent)
            })
    })
}

/// Returns the shards that wait for the end of a parent.
pub(super) fn children(shards: &[ShardInfo], finished: &BTreeSet<String>) -> Vec<String> {
    let ready: BTreeSet<&str> = ready(shards, finished).map(|shard| shard.id.as_str()).collect();
    let waiting = |id: &&String| !finished.contains(*id) && !ready.contains(id.as_str());
    shards.iter().map(|shard| &shard.id).filter(waiting).cloned().collect()
}
