//! Connects a queue mapping with the loop of the driver: receives, invokes, deletes, hides and
//! releases.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::machine::Queue;
use super::mapping::QueueMapping;
use super::step::{Action, Input};
use crate::activity::Activity;
use crate::driver::{Performed, Port, Work, note, write_error};
use crate::invocation::Request;
use crate::mapping::lane_status::LaneStatus;
use crate::mapping::status::MappingStatus;
use crate::sqs::{Hides, Receiver, delete, hide_all, release};
use lambda_shapes::moment::Moment;
use lambda_shapes::queue::message;

/// The port of one queue mapping.
pub(super) struct QueuePort {
    mapping: Arc<QueueMapping>,
    status: Arc<Mutex<MappingStatus>>,
    /// When the oldest unfinished message was sent.
    oldest: Arc<Mutex<Option<Moment>>>,
    /// `None` while a receive is in flight.
    receiver: Option<Receiver>,
    hides: Hides,
    /// Failures of invocations that the status has had.
    errors: u64,
    /// Set if this step follows a receive.
    ///
    /// The inner value is the activity counter before the receive, if that found nothing.
    polled: Option<Option<u64>>,
}

/// Result of a receive, with the activity counter before it.
pub(super) struct Received {
    receiver: Receiver,
    messages: Result<Vec<Message>, String>,
    seen: u64,
}

impl QueuePort {
    pub(super) fn new(
        mapping: QueueMapping,
        status: Arc<Mutex<MappingStatus>>,
        oldest: Arc<Mutex<Option<Moment>>>,
        stop: &watch::Receiver<bool>,
    ) -> Self {
        let visibility = Some(mapping.settings.visibility);
        let (sqs, url) = (mapping.sqs.clone(), &mapping.queue_url);
        let receiver = Receiver::new(sqs, url, visibility, mapping.pace, stop);
        Self {
            mapping: Arc::new(mapping),
            status,
            oldest,
            receiver: Some(receiver),
            hides: Hides::default(),
            errors: 0,
            polled: None,
        }
    }

    fn invoke(&self, batch: u64, payload: Bytes, patience: Duration) -> BoxFuture<'static, Input> {
        let mapping = Arc::clone(&self.mapping);
        async move {
            let request = Request::new(payload).patient(patience);
            let answer = mapping.invoker.invoke(&mapping.function, request).await;
            Input::Answered { batch, answer }
        }
        .boxed()
    }

    /// Calls the queue. A failure is only recorded in the status: the messages are received again.
    fn call<F>(
        &self,
        call: impl FnOnce(Arc<QueueMapping>) -> F + Send + 'static,
    ) -> BoxFuture<'static, ()>
    where
        F: Future<Output = Result<(), String>> + Send,
    {
        let (mapping, status) = (Arc::clone(&self.mapping), Arc::clone(&self.status));
        async move { call(mapping).await.unwrap_or_else(|message| note(&status, &message)) }.boxed()
    }
}

impl Port for QueuePort {
    type Machine = Queue;
    type Read = Received;
    type End = ();

    const READS_END: bool = true;

    fn activity(&self) -> &Activity {
        &self.mapping.activity
    }

    fn perform(&mut self, action: Action) -> Performed<Self> {
        Performed::Work(match action {
            Action::Receive { limit } => {
                let Some(mut receiver) = self.receiver.take() else { return Performed::Later };
                let signals = self.mapping.signals();
                let receive = async move {
                    let (messages, seen) = receiver.receive(limit, &signals).await;
                    Received { receiver, messages, seen }
                };
                Work::Read(receive.boxed())
            }
            Action::Invoke { batch, payload, patience } => {
                Work::Input(self.invoke(batch, payload, patience))
            }
            Action::Delete { batch, receipts } => {
                let deleted = self.call(|mapping| async move {
                    delete(&mapping.sqs, &mapping.queue_url, &receipts).await
                });
                Work::Input(deleted.map(move |()| Input::Deleted { batch }).boxed())
            }
            Action::Hide { receipts } => {
                let hiding = self.hides.begin(&receipts);
                Work::Upkeep(self.call(|mapping| async move {
                    let _hiding = hiding;
                    let hidden = mapping.settings.visibility;
                    hide_all(&mapping.sqs, &mapping.queue_url, &receipts, hidden).await
                }))
            }
            Action::Release { receipts } => {
                let extended = self.hides.over(&receipts);
                Work::Upkeep(self.call(|mapping| async move {
                    extended.await;
                    release(&mapping.sqs, &mapping.queue_url, &receipts).await
                }))
            }
            Action::WaitUntil(moment) => return Performed::WaitUntil(moment),
            Action::Stopped => return Performed::End(()),
        })
    }

    fn settle(&mut self, _: &Queue) -> Vec<Work<Input, Received>> {
        Vec::new()
    }

    fn received(&mut self, _: &Queue, read: Received) -> Vec<Input> {
        let Received { receiver, messages, seen } = read;
        self.receiver = Some(receiver);
        self.polled = Some(messages.as_ref().is_ok_and(Vec::is_empty).then_some(seen));
        let (arn, region) = (&self.mapping.queue_arn, &self.mapping.region);
        let messages = messages.and_then(|messages| {
            let messages = messages.iter().map(|source| message(source, arn, region));
            messages.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())
        });
        vec![match messages {
            Ok(messages) => Input::Received(messages),
            Err(reason) => {
                note(&self.status, &reason);
                Input::ReceiveFailed
            }
        }]
    }

    fn publish(&mut self, queue: &Queue, _: usize) {
        let now = Moment::now();
        *self.oldest.lock() = queue.oldest(now);
        // Nobody writes a failed message again when it becomes visible.
        if let Some(visible) = queue.next_return(now) {
            self.mapping.wake.later(visible.since(now));
        }
        let counts = queue.counts();
        let mut status = self.status.lock();
        status.lag = queue.lag() as u64;
        status.in_flight = queue.in_flight() as u64;
        status.invocations = counts.invocations;
        status.throttled = counts.throttled;
        status.filtered = counts.filtered;
        status.records_delivered = counts.delivered;
        status.retries = counts.retries;
        if let Some(error) = counts.new_error(self.errors) {
            self.errors = counts.errors;
            write_error(&mut *status, error);
        }
        status.lanes = queue.throttled().map(|report| LaneStatus { shard: None, report }).collect();
        status.idle_since = match (queue.is_idle(), self.polled.take()) {
            (false, _) => None,
            (true, Some(empty_poll)) => empty_poll,
            (true, None) => status.idle_since,
        };
    }

    /// Does nothing: the machine has released all messages outside invocations.
    async fn close(self) {}
}
