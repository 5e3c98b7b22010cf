//! The driver of one shard.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::{BoxFuture, OptionFuture};
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::board::{Board, ShardStatus};
use super::mapping::StreamMapping;
use super::reader::{Polled, Reader};
use super::shard::Shard;
use super::shard::step::{Action, Input};
use super::source::{ReadFrom, ShardInfo};
use super::start;
use crate::destination::{lost, until_sent};
use crate::invocation::Request;
use crate::pace::Pacer;
use crate::pace::scale::scale;
use crate::pace::wait::until;
use crate::running::stopped;
use lambda_shapes::moment::Moment;
use lambda_shapes::sequence::SequenceNumber;
use lambda_shapes::stream_kind::StreamKind;

/// How the delivery of a shard ended.
pub(super) enum End {
    /// The shard has ended and is done.
    Closed,
    /// A stop was asked for.
    Stopped,
    /// Something went wrong that is written on the board; it goes on from the checkpoint.
    Failed,
}

/// The delivery of one shard: carries out what its state machine says.
pub(super) struct ShardDelivery {
    pub(super) mapping: Arc<StreamMapping>,
    pub(super) board: Arc<Board>,
    pub(super) shard: ShardInfo,
}

impl ShardDelivery {
    pub(super) async fn run(self, from: ReadFrom, mut stop: watch::Receiver<bool>) -> End {
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
        let pacer = Pacer::new(mapping.pace, scale(interval, mapping.settings.time_scale));
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
            let actions = match shard.handle(input, Moment::now()) {
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
                            let request = Request::new(payload).patient(Duration::MAX);
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
            let sent = until_sent(send, self.mapping.settings.time_scale, failed).await;
            if let Err(error) = sent {
                self.board.undelivered(&error.message);
                lost(
                    &format_args!("shard {} of {}", self.shard.id, self.mapping.source_name),
                    &error.message,
                    &body,
                );
            }
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
