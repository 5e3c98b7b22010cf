//! Connects one of the engine's own queues with the loop of the driver.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::machine::EventMachine;
use super::queue::OwnQueue;
use crate::activity::Activity;
use crate::driver::{Done, InputOf, LastError, Machine, Performed, Port, Work, note};
use crate::sqs::{Hides, Receiver};
use lambda_shapes::moment::Moment;

/// Most messages in one ReceiveMessage call.
const RECEIVE_LIMIT: usize = 10;

/// The part in which asynchronous invocation and buses differ.
pub(crate) trait Events: Send {
    /// The kind of machine.
    type Machine: EventMachine;
    /// Its status.
    type Status: LastError + Send + 'static;

    /// Returns the status.
    fn status(&self) -> &Arc<Mutex<Self::Status>>;

    /// Converts a received message into an input for the machine.
    ///
    /// `event` is the number by which the machine and its actions name the event from now on.
    fn taken(
        &mut self,
        machine: &Self::Machine,
        event: u64,
        message: Message,
    ) -> <Self::Machine as Machine>::Input;

    /// Converts an action of the machine into one for the queue.
    fn sort(
        &mut self,
        action: <Self::Machine as Machine>::Action,
    ) -> EventAction<<Self::Machine as Machine>::Input>;

    /// Returns whether the work behind this input may have written to a source of others.
    fn is_progress(input: &<Self::Machine as Machine>::Input) -> bool;

    /// Updates the status from the state of the machine.
    ///
    /// `idle_since` is the activity counter before the last receive, if that found nothing and the
    /// machine is idle.
    fn publish(&self, machine: &Self::Machine, idle_since: Option<u64>);
}

/// An action on one of the engine's own queues. It names events by the numbers from
/// [`Events::taken`].
pub(crate) enum EventAction<I> {
    /// Run work that does not concern the queue, such as an invocation.
    Begin(BoxFuture<'static, I>),
    /// Extend the visibility timeout of the event: hide it for the usual time from now on.
    Extend(u64),
    /// Hide the event for this time and forget it. It is received again afterwards.
    Rest(u64, Duration),
    /// Make the event visible again and forget it.
    Release(u64),
    /// Delete the event.
    Finish(u64),
    /// Pass [`Machine::timer_due`] to the machine at this moment.
    WaitUntil(Moment),
    /// End: after a stop, nothing is in flight.
    Stopped,
}

/// The port of one of the engine's own queues.
pub(crate) struct OwnQueuePort<E> {
    events: E,
    queue: Arc<OwnQueue>,
    /// `None` while a receive is in flight.
    receiver: Option<Receiver>,
    /// Receipt handle of each event in memory.
    receipts: HashMap<u64, String>,
    newest: u64,
    hides: Hides,
    /// Receipt handles of the events that this step releases (`released`) and deletes (`finished`).
    released: Vec<String>,
    finished: Vec<String>,
    /// Activity counter before the last receive, if that found nothing.
    empty_poll: Option<u64>,
}

/// Result of a receive.
pub(crate) struct Received {
    receiver: Receiver,
    messages: Result<Vec<Message>, String>,
    /// When the receive began.
    began: Moment,
    /// Activity counter before the receive.
    seen: u64,
}

impl<E: Events> OwnQueuePort<E> {
    pub(crate) fn new(events: E, queue: OwnQueue, stop: &watch::Receiver<bool>) -> Self {
        let receiver =
            Receiver::new(queue.sqs.clone(), &queue.url, Some(queue.hidden), queue.pace, stop);
        Self {
            events,
            queue: Arc::new(queue),
            receiver: Some(receiver),
            receipts: HashMap::new(),
            newest: 0,
            hides: Hides::default(),
            released: Vec::new(),
            finished: Vec::new(),
            empty_poll: None,
        }
    }

    /// Calls the queue. A failure is only recorded in the status: the event is received again.
    fn call<F>(
        &self,
        call: impl FnOnce(Arc<OwnQueue>) -> F + Send + 'static,
    ) -> Work<InputOf<Self>, Received>
    where
        F: Future<Output = Result<(), String>> + Send,
    {
        let (queue, status) = (Arc::clone(&self.queue), Arc::clone(self.events.status()));
        let called =
            async move { call(queue).await.unwrap_or_else(|message| note(&status, &message)) };
        Work::Upkeep(called.boxed())
    }

    fn receive(&mut self, room: usize) -> Option<Work<InputOf<Self>, Received>> {
        let mut receiver = self.receiver.take_if(|_| room > 0)?;
        let queue = Arc::clone(&self.queue);
        let received = async move {
            let began = Moment::now();
            let (messages, seen) = receiver.receive(room.min(RECEIVE_LIMIT), &queue.signals).await;
            Received { receiver, messages, began, seen }
        };
        Some(Work::Read(received.boxed()))
    }
}

impl<E: Events> Port for OwnQueuePort<E> {
    type Machine = E::Machine;
    type Read = Received;
    type End = ();

    const READS_END: bool = true;

    fn activity(&self) -> &Activity {
        &self.queue.signals.activity
    }

    fn perform(&mut self, action: <E::Machine as Machine>::Action) -> Performed<Self> {
        match self.events.sort(action) {
            EventAction::Begin(work) => return Performed::Work(Work::Input(work)),
            EventAction::Extend(event) => {
                if let Some(receipt) = self.receipts.get(&event).cloned() {
                    let hiding = self.hides.begin([&receipt]);
                    return Performed::Work(self.call(|queue| async move {
                        let _hiding = hiding;
                        queue.extend(receipt).await
                    }));
                }
            }
            EventAction::Rest(event, wait) => {
                if let Some(receipt) = self.receipts.remove(&event) {
                    let extended = self.hides.over(std::slice::from_ref(&receipt));
                    return Performed::Work(self.call(move |queue| async move {
                        extended.await;
                        queue.rest(receipt, wait).await
                    }));
                }
            }
            EventAction::Release(event) => self.released.extend(self.receipts.remove(&event)),
            EventAction::Finish(event) => self.finished.extend(self.receipts.remove(&event)),
            EventAction::WaitUntil(moment) => return Performed::WaitUntil(moment),
            EventAction::Stopped => return Performed::End(()),
        }
        Performed::Later
    }

    /// Releases and deletes the events of the step, each in one call, and receives if there is
    /// room.
    fn settle(&mut self, machine: &E::Machine) -> Vec<Work<InputOf<Self>, Received>> {
        let released = std::mem::take(&mut self.released);
        let finished = std::mem::take(&mut self.finished);
        let mut work = Vec::new();
        if !released.is_empty() {
            let extended = self.hides.over(&released);
            work.push(self.call(|queue| async move {
                extended.await;
                queue.release(&released).await
            }));
        }
        if !finished.is_empty() {
            work.push(self.call(|queue| async move { queue.delete(&finished).await }));
        }
        work.extend(self.receive(machine.room(Moment::now())));
        work
    }

    fn received(&mut self, machine: &E::Machine, read: Received) -> Vec<InputOf<Self>> {
        let Received { receiver, messages, began, seen } = read;
        self.receiver = Some(receiver);
        self.empty_poll = messages.as_ref().is_ok_and(Vec::is_empty).then_some(seen);
        match messages {
            Err(message) => {
                note(self.events.status(), &message);
                Vec::new()
            }
            Ok(messages) if messages.is_empty() => vec![E::Machine::empty(began)],
            Ok(messages) => messages
                .into_iter()
                .map(|mut message| {
                    self.newest += 1;
                    let receipt = message.receipt_handle.take().unwrap_or_default();
                    self.receipts.insert(self.newest, receipt);
                    self.events.taken(machine, self.newest, message)
                })
                .collect(),
        }
    }

    fn is_progress(done: &Done<InputOf<Self>, Received>) -> bool {
        match done {
            Done::Read(_) => false,
            Done::Input(input) => E::is_progress(input),
            // An event is done once its message is deleted.
            Done::Upkeep => true,
        }
    }

    fn publish(&mut self, machine: &E::Machine, upkeep: usize) {
        let idle_since = self.empty_poll.filter(|_| machine.is_idle() && upkeep == 0);
        self.events.publish(machine, idle_since);
    }

    /// Releases the remaining events. Their records or dead letters have not arrived, and are sent
    /// again after the next start.
    async fn close(self) {
        let left: Vec<String> = self.receipts.into_values().collect();
        if let Err(message) = self.queue.release(&left).await {
            note(self.events.status(), &message);
        }
    }
}
