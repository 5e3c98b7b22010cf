//! Connects a shard with the loop of the driver: reads, invokes, hands over, and stores
//! checkpoints.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::board::{Board, ShardStatus};
use super::end::End;
use super::kept::Kept;
use super::mapping::StreamMapping;
use super::reader::{Polled, Reader};
use super::shard::Shard;
use super::shard::step::{Action, Input};
use crate::activity::Activity;
use crate::destination::{lost, until_sent};
use crate::driver::{Performed, Port, Work};
use crate::invocation::Request;
use lambda_shapes::sequence::SequenceNumber;

/// The port of one shard.
pub(super) struct ShardPort {
    mapping: Arc<StreamMapping>,
    board: Arc<Board>,
    shard: String,
    /// `None` while a poll is in flight.
    reader: Option<Reader>,
    /// What this step stores.
    kept: Kept,
    status: ShardStatus,
    /// Set if this step follows a poll.
    ///
    /// The inner value is the activity counter before the poll, if that found nothing.
    polled: Option<Option<u64>>,
}

impl ShardPort {
    pub(super) fn new(
        mapping: Arc<StreamMapping>,
        board: Arc<Board>,
        shard: String,
        reader: Reader,
    ) -> Self {
        Self {
            mapping,
            board,
            shard,
            reader: Some(reader),
            kept: Kept::default(),
            status: ShardStatus::default(),
            polled: None,
        }
    }

    fn invoke(&self, lane: usize, invocation: u64, payload: Bytes) -> BoxFuture<'static, Input> {
        let mapping = Arc::clone(&self.mapping);
        async move {
            let request = Request::new(payload).patient(Duration::MAX);
            let answer = mapping.invoker.invoke(&mapping.function, request).await;
            Input::Answered { lane, invocation, answer }
        }
        .boxed()
    }

    fn hand_over(&self, lane: usize, body: String, event: Bytes) -> BoxFuture<'static, Input> {
        let (mapping, board) = (Arc::clone(&self.mapping), Arc::clone(&self.board));
        let shard = self.shard.clone();
        async move {
            if let Some(destination) = mapping.destination.as_deref() {
                let send = || destination.send_range(body.clone(), &shard, &event);
                let failed = |message: &str| board.failed(message);
                if let Err(error) = until_sent(send, mapping.settings.time_scale, failed).await {
                    board.undelivered(&error.message);
                    let source = &mapping.source_name;
                    lost(&format_args!("shard {shard} of {source}"), &error.message, &body);
                }
            }
            Input::HandedOver { lane }
        }
        .boxed()
    }
}

impl Port for ShardPort {
    type Machine = Shard;
    type Read = (Reader, Polled);
    type End = End;

    const READS_END: bool = false;

    fn activity(&self) -> &Activity {
        &self.mapping.activity
    }

    fn perform(&mut self, action: Action) -> Performed<Self> {
        match action {
            Action::Poll { limit } => {
                if let Some(mut reader) = self.reader.take() {
                    let signals = self.mapping.signals();
                    let poll = async move {
                        let polled = reader.poll(limit, &signals).await;
                        (reader, polled)
                    };
                    return Performed::Work(Work::Read(poll.boxed()));
                }
            }
            Action::Invoke { lane, invocation, payload } => {
                return Performed::Work(Work::Input(self.invoke(lane, invocation, payload)));
            }
            Action::HandOver { lane, body, event } => {
                return Performed::Work(Work::Input(self.hand_over(lane, body, event)));
            }
            Action::KeepWindow(window) => self.kept.window = Some(window),
            Action::KeepFailing(failing) => self.kept.failing = Some(failing),
            Action::Checkpoint(sequence) => self.kept.checkpoint = Some(sequence),
            Action::WaitUntil(moment) => return Performed::WaitUntil(moment),
            Action::Closed => return Performed::End(End::Closed),
            Action::Stopped => return Performed::End(End::Stopped),
        }
        Performed::Later
    }

    /// Stores what the step keeps.
    ///
    /// A failure does not stop the delivery: the next checkpoint includes this one, and delivery is
    /// at least once.
    fn settle(&mut self, _: &Shard) -> Vec<Work<Input, Self::Read>> {
        let (mapping, kept) = (&self.mapping, std::mem::take(&mut self.kept));
        let stored = kept.store(&*mapping.checkpoints, &mapping.checkpoint_name, &self.shard);
        if let Err(error) = stored {
            self.board.failed(&format!("the checkpoint cannot be stored: {error}"));
        }
        Vec::new()
    }

    fn received(&mut self, _: &Shard, (reader, polled): (Reader, Polled)) -> Vec<Input> {
        self.reader = Some(reader);
        let page = match polled.page {
            Ok(page) => page,
            Err(message) => {
                self.polled = Some(None);
                self.board.failed(&message);
                return vec![Input::ReadFailed];
            }
        };
        let (behind, closed) = (page.millis_behind.unwrap_or(0) > 0, page.next.is_none());
        // A closed shard is not empty: its children have not been read yet.
        let is_empty = page.records.is_empty() && !behind && !closed;
        self.polled = Some(is_empty.then_some(polled.seen));
        self.status.millis_behind = page.millis_behind;
        vec![Input::Read { records: page.records, closed, behind }]
    }

    fn publish(&mut self, shard: &Shard, _: usize) {
        let status = &mut self.status;
        status.idle_since = match (shard.is_idle(), self.polled.take()) {
            (false, _) => None,
            (true, Some(empty_poll)) => empty_poll,
            (true, None) => status.idle_since,
        };
        if let Some(error) = shard.counts().new_error(status.counts.errors) {
            self.board.failed(error);
        }
        status.position = shard.position().checkpoint().map(SequenceNumber::to_string);
        status.lag = shard.position().undone() as u64;
        status.oldest = shard.oldest();
        status.in_flight = shard.in_flight() as u64;
        status.counts.clone_from(shard.counts());
        status.lanes = shard.reports();
        self.board.shard(&self.shard, status.clone());
    }

    /// Does nothing: records of a dropped poll are read again from the checkpoint.
    async fn close(self) {}
}
