//! What left an instance: commands that were sent, and deadlines that are scheduled.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::envelope::{Data, Envelope};
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::message::Message;
use crate::process::{PassDeadline, messages};
use crate::publish::{Action, Outgoing, Published};
use crate::store::RecordedCommit;
use crate::test::fail::fail;

/// A command that a process sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SentCommand {
    /// Name of the target.
    pub to: String,
    /// Command, as the target gets it. A test can answer it, with its ids.
    pub envelope: Envelope,
}

impl SentCommand {
    /// Returns the content of the command as a `M`.
    ///
    /// # Panics
    /// Panics if it is another command.
    #[track_caller]
    pub fn content<M: Message>(&self) -> M {
        let Envelope { kind, schema, data, .. } = &self.envelope;
        if kind != M::TYPE {
            fail(&format!("the command for `{}` is a {kind}, not a {}", self.to, M::TYPE));
        }
        let Data::Inline(data) = data else { fail("a command has its data by value") };
        match M::decode(schema.version, data.get()) {
            Ok(content) => content,
            Err(failure) => fail(&format!("{kind} {data} cannot be read: {failure}")),
        }
    }
}

/// Publishes what the store holds, and keeps what leaves: the double of queues and of Scheduler.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    sent: Vec<SentCommand>,
    /// Schedules by their names.
    schedules: BTreeMap<String, Schedule>,
    /// All schedules so far, also those that fired or were deleted.
    set: Vec<(String, Schedule)>,
}

/// A schedule that has not fired.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) due: Timestamp,
    pub(super) message: Envelope,
}

impl Schedule {
    /// Returns the name of the deadline.
    pub(super) fn deadline(&self) -> String {
        let pass = match &self.message.data {
            Data::Inline(data) => serde_json::from_str::<PassDeadline>(data.get()).ok(),
            Data::Reference(_) => None,
        };
        pass.map(|pass| pass.name).unwrap_or_default()
    }

    pub(super) fn is_of(&self, instance: &StreamId, deadline: &str) -> bool {
        self.message.subject == *instance && self.deadline() == deadline
    }
}

impl Outbox {
    /// Publishes a commit, as often as the publisher may: a message that differs the second time
    /// fails the test.
    pub(super) fn publish(&mut self, commit: &RecordedCommit) -> Result<(), Failure> {
        for event in &commit.events {
            let published = Published::new(commit, event);
            let (first, second) = (messages(&published)?, messages(&published)?);
            if texts(&first) != texts(&second) {
                fail(&format!(
                    "{} {} published twice leads to other messages",
                    event.kind, event.id
                ));
            }
            first.into_iter().for_each(|message| self.take(&commit.stream, message));
        }
        Ok(())
    }

    fn take(&mut self, stream: &StreamId, message: Outgoing) {
        let Outgoing { to, action, envelope } = message;
        match (action, envelope) {
            (Action::Send, Some(envelope)) => {
                if self.sent.iter().any(|sent| sent.envelope.id == envelope.id) {
                    let (kind, id) = (&envelope.kind, &envelope.id);
                    fail(&format!("{stream} sent two commands with one id: {kind} {id}"));
                }
                self.sent.push(SentCommand { to, envelope });
            }
            (Action::Schedule { name, due }, Some(message)) => {
                if self.set.iter().any(|(set, _)| *set == name) {
                    fail(&format!("{stream} set two deadlines with one schedule: {name}"));
                }
                let schedule = Schedule { due, message };
                self.set.push((name.clone(), schedule.clone()));
                self.schedules.insert(name, schedule);
            }
            (Action::Cancel { name }, _) => {
                self.schedules.remove(&name);
            }
            (action, None) => fail(&format!("{stream}: {action:?} for `{to}` has no message")),
        }
    }

    /// Returns all commands so far, in order.
    pub(super) fn sent(&self) -> &[SentCommand] {
        &self.sent
    }

    /// Returns the schedules that have not fired, in order of their time.
    pub(super) fn schedules(&self) -> Vec<(&String, &Schedule)> {
        let mut schedules: Vec<_> = self.schedules.iter().collect();
        // Of two that are due at once, the first to be set comes first.
        let place = |name: &String| self.set.iter().position(|(set, _)| set == name);
        schedules.sort_by_key(|(name, schedule)| (schedule.due, place(name)));
        schedules
    }

    /// Returns the newest schedule of an instance's deadline with this name, open or not.
    pub(super) fn newest(&self, instance: &StreamId, deadline: &str) -> Option<&Schedule> {
        let is_it = |schedule: &&Schedule| schedule.is_of(instance, deadline);
        self.set.iter().rev().map(|(_, schedule)| schedule).find(is_it)
    }

    /// Returns the name of the deadline whose message this is.
    pub(super) fn deadline_of(&self, message: &Envelope) -> Option<String> {
        let is_it = |(_, set): &&(String, Schedule)| set.message.id == message.id;
        self.set.iter().find(is_it).map(|(_, schedule)| schedule.deadline())
    }

    /// Lets a schedule fire: it is deleted, and its message goes to the queue.
    pub(super) fn fire(&mut self, name: &str) -> Option<Schedule> {
        self.schedules.remove(name)
    }
}

fn texts(messages: &[Outgoing]) -> Vec<(String, String, Option<String>)> {
    let text = |message: &Outgoing| {
        let envelope = message.envelope.as_ref();
        let envelope = envelope.and_then(|envelope| serde_json::to_string(envelope).ok());
        (message.to.clone(), format!("{:?}", message.action), envelope)
    };
    messages.iter().map(text).collect()
}
