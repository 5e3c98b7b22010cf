//! The driver of a stream mapping: one task that watches the shards, and one per shard.

mod delivery;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use delivery::{End, ShardDelivery};

use super::Mapping;
use super::pace::Pace;
use super::settings::StreamSettings;
use lambda_shapes::stream_kind::StreamKind;

use super::source::{ShardInfo, StreamSource};
use super::start::Start;
use super::status::{Board, Name, ShardStatus};
use crate::activity::Activity;
use crate::checkpoint::Checkpoints;
use crate::destination::Destination;
use crate::invocation::Invoker;
use crate::running::stopped;
use lambda_shapes::moment::Moment;

/// After a failure of the listing of shards, or of a shard's task; and while there is nothing to read.
const AGAIN: Duration = Duration::from_secs(1);
/// While shards are read: a child may be listed later than its parent ends.
const RELIST: Duration = Duration::from_secs(15);

/// Everything a stream mapping needs.
pub struct StreamMapping {
    /// The function's declared name.
    pub function: String,
    /// The stream's or table's declared name.
    pub source_name: String,
    /// Name of the mapping in the checkpoints. A stream made anew must have another.
    pub checkpoint_name: String,
    /// The rules.
    pub settings: StreamSettings,
    /// Where a mapping without checkpoint begins.
    pub starting_position: Start,
    /// The stream.
    pub source: Arc<dyn StreamSource>,
    /// Runs the function.
    pub invoker: Arc<dyn Invoker>,
    /// Where on-failure records go. Decides about `has_destination` of the settings.
    pub destination: Option<Arc<dyn Destination>>,
    /// Where positions are kept.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// The engine's activity counter.
    pub activity: Arc<Activity>,
    /// How fast the stream is polled.
    pub pace: Pace,
}

/// Starts a stream mapping. Must be called inside a Tokio runtime.
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

/// Starts the shards, children after their parents.
async fn watch_shards(mapping: Arc<StreamMapping>, board: Arc<Board>, mut stop: watch::Receiver<bool>) {
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

/// Shards that may be read: not finished, and none of their parents is still to be read.
fn ready<'a>(shards: &'a [ShardInfo], finished: &'a BTreeSet<String>) -> impl Iterator<Item = &'a ShardInfo> {
    shards.iter().filter(move |shard| {
        !finished.contains(&shard.id)
            && shard
                .parents
                .iter()
                .all(|parent| finished.contains(parent) || shards.iter().all(|other| other.id != *parent))
    })
}
/// Waits for a moment; for ever without one.
pub(crate) async fn until(moment: Option<Moment>) {
    match moment {
        // One millisecond more, because moments are cut to whole ones and a timer that comes early would be set again at once.
        Some(moment) => sleep(moment.since(Moment::now()) + Duration::from_millis(1)).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod lineage;
#[cfg(test)]
mod tests;
