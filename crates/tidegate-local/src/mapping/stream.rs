//! The driver of a stream mapping: one task that watches the shards, and one per shard.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::{BoxFuture, OptionFuture};
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Mapping;
use super::moment::Moment;
use super::pace::{Pace, Pacer};
use super::reader::{Polled, Reader};
use super::retry::Backoff;
use super::sequence::SequenceNumber;
use super::settings::{StreamKind, StreamSettings};
use super::shard::Shard;
use super::source::{ReadFrom, ShardInfo, StreamSource};
use super::start::{self, Start};
use super::status::{Board, Name, ShardStatus};
use super::step::{Action, Input};
use crate::activity::Activity;
use crate::checkpoint::Checkpoints;
use crate::destination::Destination;
use crate::invocation::{Invoker, Request};
use crate::running::stopped;

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

/// How the delivery of a shard ended.
enum End {
    /// The shard has ended and is done.
    Closed,
    /// A stop was asked for.
    Stopped,
    /// Something went wrong that is written on the board; it goes on from the checkpoint.
    Failed,
}

/// Starts the shards, children after their parents.
async fn watch_shards(mapping: Arc<StreamMapping>, board: Arc<Board>, mut stop: watch::Receiver<bool>) {
    let mut finished: BTreeSet<String> = BTreeSet::new();
    let mut tasks: JoinSet<End> = JoinSet::new();
    let mut running: HashMap<tokio::task::Id, String> = HashMap::new();
    let from = loop {
        match mapping.starting_position.position(&mapping.checkpoint_name, &*mapping.checkpoints, now()) {
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

struct ShardDelivery {
    mapping: Arc<StreamMapping>,
    board: Arc<Board>,
    shard: ShardInfo,
}

impl ShardDelivery {
    async fn run(self, from: ReadFrom, mut stop: watch::Receiver<bool>) -> End {
        let mapping = &*self.mapping;
        let (checkpoint, from) = match self.position(from) {
            Ok(position) => position,
            Err(error) => {
                self.board.failed(&error.to_string());
                return End::Failed;
            }
        };
        let interval = match mapping.settings.kind {
            StreamKind::Kinesis => Duration::from_secs(1),
            StreamKind::DynamoDb => Duration::from_millis(250),
        };
        let pacer = Pacer::new(mapping.pace, interval);
        let mut reader = Some(Reader::new(Arc::clone(&mapping.source), &self.shard.id, from, pacer));
        let mut shard =
            Shard::new(&self.shard.id, mapping.settings.clone(), checkpoint.map(SequenceNumber::new));
        if let Err(error) = self.resume(&mut shard) {
            self.board.failed(&error.to_string());
            return End::Failed;
        }

        let mut poll: OptionFuture<BoxFuture<'_, (Reader, Polled)>> = None.into();
        let mut invocations: FuturesUnordered<BoxFuture<'_, Input>> = FuturesUnordered::new();
        let mut hand_overs: FuturesUnordered<BoxFuture<'_, Input>> = FuturesUnordered::new();
        let mut timer: Option<Moment>;
        let mut status = ShardStatus::default();
        let mut stopping = false;
        let mut input = Input::Start;
        // The activity counter before the poll that this input is the empty result of.
        let mut empty_poll: Option<u64> = None;
        loop {
            let completed = matches!(input, Input::Answered { .. } | Input::HandedOver { .. });
            let polled = matches!(input, Input::Read { .. } | Input::ReadFailed);
            let actions = match shard.handle(input, now()) {
                Ok(actions) => actions,
                Err(illegal) => {
                    self.board.failed(&illegal.to_string());
                    return End::Failed;
                }
            };
            timer = None;
            let (mut end, mut kept) = (None, Kept::default());
            for action in actions {
                match action {
                    Action::Poll { limit } => {
                        if let Some(mut reader) = reader.take() {
                            let poll_once: BoxFuture<'_, _> = Box::pin(async move {
                                let polled = reader.poll(limit, &mapping.activity).await;
                                (reader, polled)
                            });
                            poll = Some(poll_once).into();
                        }
                    }
                    Action::Invoke { lane, invocation, payload } => {
                        invocations.push(Box::pin(async move {
                            let request = Request::of(payload);
                            let answer = mapping.invoker.invoke(&mapping.function, request).await;
                            Input::Answered { lane, invocation, answer }
                        }));
                    }
                    Action::KeepWindow(window) => kept.window = Some(window),
                    Action::KeepFailing(failing) => kept.failing = Some(failing),
                    Action::Checkpoint(sequence) => kept.checkpoint = Some(sequence),
                    Action::HandOver { lane, body, event } => {
                        hand_overs.push(Box::pin(self.hand_over(lane, body, event)));
                    }
                    Action::WaitUntil(moment) => timer = Some(moment),
                    Action::Closed => end = Some(End::Closed),
                    Action::Stopped => end = Some(End::Stopped),
                }
            }
            self.store(&kept);
            status.idle_since = match (shard.is_idle(), polled) {
                (false, _) => None,
                (true, true) => empty_poll,
                (true, false) => status.idle_since,
            };
            self.publish(&shard, &mut status);
            if completed {
                mapping.activity.bump();
            }
            if let Some(end) = end {
                return end;
            }
            empty_poll = None;
            input = tokio::select! {
                () = stopped(&mut stop), if !stopping => {
                    stopping = true;
                    Input::Stop
                }
                Some(answered) = invocations.next(), if !invocations.is_empty() => answered,
                Some(handed_over) = hand_overs.next(), if !hand_overs.is_empty() => handed_over,
                Some((returned, polled)) = &mut poll => {
                    poll = None.into();
                    reader = Some(returned);
                    match polled.page {
                        Ok(page) => {
                            status.millis_behind = page.millis_behind;
                            let behind = page.millis_behind.unwrap_or(0) > 0;
                            // Behind a closed shard come its children, which nobody has looked at yet.
                            if page.records.is_empty() && !behind && page.next.is_some() {
                                empty_poll = Some(polled.seen);
                            }
                            Input::Read { records: page.records, closed: page.next.is_none(), behind }
                        }
                        Err(message) => {
                            self.board.failed(&message);
                            Input::ReadFailed
                        }
                    }
                }
                () = until(timer), if timer.is_some() => Input::TimerDue,
            };
        }
    }

    /// The shard's checkpoint, and where it is read from.
    fn position(&self, from: ReadFrom) -> io::Result<(Option<String>, ReadFrom)> {
        let (name, checkpoints) = (&self.mapping.checkpoint_name, &*self.mapping.checkpoints);
        match checkpoints.load(name, &self.shard.id)? {
            Some(sequence) => Ok((Some(sequence.clone()), ReadFrom::After(sequence))),
            None => Ok((None, start::of_shard(&self.shard, from, name, checkpoints)?)),
        }
    }

    /// Gives the shard the open window and the failed batches it had when the engine stopped.
    fn resume(&self, shard: &mut Shard) -> io::Result<()> {
        let (name, id) = (&self.mapping.checkpoint_name, &self.shard.id);
        let bad = |what: &str, error: serde_json::Error| {
            let reason = format!("the {what} of {id} is stored as none ({error})");
            io::Error::new(io::ErrorKind::InvalidData, reason)
        };
        if let Some(kept) = self.mapping.checkpoints.load(name, &window_of(id))? {
            shard.resume_window(&kept).map_err(|error| bad("window", error))?;
        }
        if let Some(kept) = self.mapping.checkpoints.load(name, &failing_of(id))? {
            shard.resume_failing(&kept).map_err(|error| bad("list of failed batches", error))?;
        }
        Ok(())
    }

    /// A checkpoint that cannot be stored is no reason to stop: the next one holds it too, and delivery is at least once.
    fn store(&self, kept: &Kept) {
        let mapping = &self.mapping;
        let id = &self.shard.id;
        let (of_window, of_failing) = (window_of(id), failing_of(id));
        let stored: Vec<(&str, &str)> = [
            (id.as_str(), kept.checkpoint.as_ref().map(SequenceNumber::as_str)),
            (of_window.as_str(), kept.window.as_deref()),
            (of_failing.as_str(), kept.failing.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        if stored.is_empty() {
            return;
        }
        if let Err(error) = mapping.checkpoints.store_all(&mapping.checkpoint_name, &stored) {
            self.board.failed(&format!("the checkpoint cannot be stored: {error}"));
        }
    }

    async fn hand_over(&self, lane: usize, body: String, event: Bytes) -> Input {
        if let Some(destination) = self.mapping.destination.as_deref() {
            let send = || destination.send_range(body.clone(), &self.shard.id, &event);
            let failed = |message: &str| self.board.failed(message);
            until_sent(send, self.mapping.settings.time_scale, failed).await;
        }
        Input::HandedOver { lane }
    }

    fn publish(&self, shard: &Shard, status: &mut ShardStatus) {
        if shard.counts().last_error != status.counts.last_error
            && let Some(error) = &shard.counts().last_error
        {
            self.board.failed(error);
        }
        status.position = shard.position().checkpoint().map(SequenceNumber::to_string);
        status.lag = shard.position().undone() as u64;
        status.oldest = shard.oldest();
        status.in_flight = shard.in_flight() as u64;
        status.counts.clone_from(shard.counts());
        self.board.shard(&self.shard.id, status.clone());
    }
}

/// What one step has to keep.
#[derive(Default)]
struct Kept {
    checkpoint: Option<SequenceNumber>,
    window: Option<String>,
    failing: Option<String>,
}

/// Where the open window of a shard stands among the checkpoints; no shard is called so.
fn window_of(shard: &str) -> String {
    format!("{shard}/window")
}

/// Where the failed batches of a shard stand among the checkpoints.
fn failing_of(shard: &str) -> String {
    format!("{shard}/failing")
}

/// Sends an on-failure record, again and again until it has arrived.
pub(crate) async fn hand_over(
    destination: Option<&dyn Destination>,
    body: &str,
    time_scale: f64,
    failed: impl Fn(&str),
) {
    if let Some(destination) = destination {
        until_sent(|| destination.send(body.to_owned()), time_scale, failed).await;
    }
}

async fn until_sent<'a>(
    send: impl Fn() -> BoxFuture<'a, Result<(), String>>,
    time_scale: f64,
    failed: impl Fn(&str),
) {
    let backoff = Backoff::scaled(time_scale);
    let mut failures = 0;
    while let Err(message) = send().await {
        failed(&message);
        sleep(backoff.delay(failures)).await;
        failures += 1;
    }
}

/// The clock of the drivers.
pub(crate) fn now() -> Moment {
    Timestamp::now().into()
}

/// Waits for a moment; for ever without one.
pub(crate) async fn until(moment: Option<Moment>) {
    match moment {
        // One millisecond more, because moments are cut to whole ones and a timer that comes early would be set again at once.
        Some(moment) => sleep(moment.since(now()) + Duration::from_millis(1)).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod lineage;
#[cfg(test)]
mod tests;
