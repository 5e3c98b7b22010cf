//! What the loop does with one of the engine's own queues, whatever the events are for.

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

/// Most messages of one ReceiveMessage call.
const RECEIVE_LIMIT: usize = 10;

/// What asynchronous invocation and buses differ in.
pub(crate) trait Events: Send {
    /// The machine.
    type Machine: EventMachine;
    /// What is written down about it.
    type Status: LastError + Send + 'static;

    /// Where that is written.
    fn status(&self) -> &Arc<Mutex<Self::Status>>;

    /// Takes in an event that has come, under this number.
    fn taken(
        &mut self,
        machine: &Self::Machine,
        event: u64,
        message: Message,
    ) -> <Self::Machine as Machine>::Input;

    /// What an action means for the queue.
    fn sort(
        &mut self,
        action: <Self::Machine as Machine>::Action,
    ) -> EventAction<<Self::Machine as Machine>::Input>;

    /// Whether others have to look at their sources again after this input.
    fn is_progress(input: &<Self::Machine as Machine>::Input) -> bool;

    /// Writes down how the machine stands.
    fn publish(&self, machine: &Self::Machine, idle_since: Option<u64>);
}

/// An action, as a queue of the engine's own sees it. Events go by the numbers that
/// [`Events::taken`] had.
pub(crate) enum EventAction<I> {
    /// Begin work that has nothing to do with the queue.
    Begin(BoxFuture<'static, I>),
    /// Keep the event hidden for the usual time from now on.
    Extend(u64),
    /// Hide the event for this time and forget it: it comes again.
    Rest(u64, Duration),
    /// Make the event visible again and forget it.
    Release(u64),
    /// Delete the event.
    Finish(u64),
    /// Give the machine [`Machine::timer_due`] at this moment.
    WaitUntil(Moment),
    /// Nothing is in flight after a stop.
    Stopped,
}

/// The port of a queue of the engine's own.
pub(crate) struct OwnQueuePort<E> {
    events: E,
    queue: Arc<OwnQueue>,
    /// It is here while it is not polling.
    receiver: Option<Receiver>,
    /// What each event that is alive is deleted by.
    receipts: HashMap<u64, String>,
    newest: u64,
    hides: Hides,
    /// What the actions of this step release and finish.
    released: Vec<String>,
    finished: Vec<String>,
    /// The activity counter before the last receive, if that found nothing.
    empty_poll: Option<u64>,
}

/// What a receive brought.
pub(crate) struct Received {
    receiver: Receiver,
    messages: Result<Vec<Message>, String>,
    /// When the receive began.
    began: Moment,
    /// The activity counter before it.
    seen: u64,
}

impl<E: Events> OwnQueuePort<E> {
    pub(crate) fn new(events: E, queue: OwnQueue, stop: &watch::Receiver<bool>) -> Self {
        let receiver = Receiver::new(queue.sqs.clone(), &queue.url, Some(queue.hidden), queue.pace, stop);
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

    /// Calls the queue. A failure is written down: the event comes again.
    fn call<F>(&self, call: impl FnOnce(Arc<OwnQueue>) -> F + Send + 'static) -> Work<InputOf<Self>, Received>
    where
        F: Future<Output = Result<(), String>> + Send,
    {
        let (queue, status) = (Arc::clone(&self.queue), Arc::clone(self.events.status()));
        let called = async move { call(queue).await.unwrap_or_else(|message| note(&status, &message)) };
        Work::Upkeep(called.boxed())
    }

    fn receive(&mut self, room: usize) -> Option<Work<InputOf<Self>, Received>> {
        let mut receiver = self.receiver.take_if(|_| room > 0)?;
        let queue = Arc::clone(&self.queue);
        let received = async move {
            let began = Moment::now();
            let (messages, seen) = receiver.receive(room.min(RECEIVE_LIMIT), &queue.activity).await;
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
        &self.queue.activity
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

    /// Releases and deletes together what a step says so of, and receives when there is room.
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
            // An event is over when its message is gone.
            Done::Upkeep => true,
        }
    }

    fn publish(&mut self, machine: &E::Machine, upkeep: usize) {
        let idle_since = self.empty_poll.filter(|_| machine.is_idle() && upkeep == 0);
        self.events.publish(machine, idle_since);
    }

    /// Gives back the events whose end is still on its way to somebody: it is sent again.
    async fn close(self) {
        let left: Vec<String> = self.receipts.into_values().collect();
        if let Err(message) = self.queue.release(&left).await {
            note(self.events.status(), &message);
        }
    }
}
