//! What an input led to, with assertions.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::outbox::SentCommand;
use crate::failure::Failure;
use crate::message::Message;
use crate::process::{
    ProcessForced, ProcessIgnored, ProcessMoved, ProcessRefused, ProcessStuck, RecordedDeadline,
    StoredEvent,
};
use crate::store::RecordedEvent;
use crate::test::fail::fail;

/// What one input of a process led to.
///
/// Its methods are assertions: a failure shows the trace of the test so far.
#[derive(Clone, Debug)]
pub struct ProcessStep {
    pub(super) led: Led,
    pub(super) commands: Vec<SentCommand>,
    /// Trace of the test up to and with this step.
    pub(super) trace: String,
}

/// How an input ended.
#[derive(Clone, Debug)]
pub(super) enum Led {
    /// It was decided now.
    Decided { events: Vec<StoredEvent>, facts: Vec<RecordedEvent> },
    /// It was decided before.
    Duplicate,
    /// It comes again.
    Waits(Failure),
    /// It became a dead letter.
    DeadLetter(Failure),
}

impl ProcessStep {
    /// Returns the toolkit's events that were stored, in order.
    pub fn events(&self) -> &[StoredEvent] {
        match &self.led {
            Led::Decided { events, .. } => events,
            _ => &[],
        }
    }

    /// Returns the commands that were sent.
    pub fn commands(&self) -> &[SentCommand] {
        &self.commands
    }

    /// Checks that the instance is now in the state with this name, because of this input.
    ///
    /// # Panics
    /// Panics if the input did not lead to a state, or to another one.
    #[track_caller]
    pub fn moved_to(&self, state: &str) -> &Self {
        let led = self.events().iter().rev().find_map(|event| match event {
            StoredEvent::ProcessMoved(ProcessMoved { to, .. })
            | StoredEvent::ProcessForced(ProcessForced { to, .. }) => Some(to),
            _ => None,
        });
        match led {
            Some(to) if to == state => self,
            Some(to) => self.fail(&format!("the input should lead to {state}, it led to {to}")),
            None => self.fail(&format!("the input should lead to {state}, it led to no state")),
        }
    }

    /// Checks that the input was refused with this code.
    ///
    /// # Panics
    /// Panics if it was not.
    #[track_caller]
    pub fn refused(&self, code: &str) -> &Self {
        self.has(&format!("be refused as `{code}`"), |event| {
            matches!(event, StoredEvent::ProcessRefused(ProcessRefused { code: is, .. }) if is == code)
        })
    }

    /// Checks that the instance is stuck with this code because of the input.
    ///
    /// # Panics
    /// Panics if it is not.
    #[track_caller]
    pub fn stuck(&self, code: &str) -> &Self {
        self.has(&format!("make the instance stuck as `{code}`"), |event| {
            matches!(event, StoredEvent::ProcessStuck(ProcessStuck { code: is, .. }) if is == code)
        })
    }

    /// Checks that the input is held until an operator decided about the stuck one.
    ///
    /// # Panics
    /// Panics if it is not.
    #[track_caller]
    pub fn held(&self) -> &Self {
        self.has("be held", |event| matches!(event, StoredEvent::ProcessHeld(_)))
    }

    /// Checks that the input was the message of this deadline, which was not open any more.
    ///
    /// # Panics
    /// Panics if it was not.
    #[track_caller]
    pub fn ignored(&self, deadline: &str) -> &Self {
        self.has(&format!("be ignored as a late `{deadline}`"), |event| {
            matches!(event, StoredEvent::ProcessIgnored(ProcessIgnored { name, .. }) if name == deadline)
        })
    }

    /// Checks that the input was decided before.
    ///
    /// # Panics
    /// Panics if it was not.
    #[track_caller]
    pub fn duplicate(&self) -> &Self {
        match self.led {
            Led::Duplicate => self,
            _ => self.fail("the input should be a duplicate"),
        }
    }

    /// Checks that the input became a dead letter with this code.
    ///
    /// # Panics
    /// Panics if it did not.
    #[track_caller]
    pub fn dead_lettered(&self, code: &str) -> &Self {
        match &self.led {
            Led::DeadLetter(failure) if failure.code() == code => self,
            _ => self.fail(&format!("the input should become a dead letter as `{code}`")),
        }
    }

    /// Checks that the input was not decided and comes again, because of a failure with this code.
    ///
    /// # Panics
    /// Panics if it does not.
    #[track_caller]
    pub fn waits(&self, code: &str) -> &Self {
        match &self.led {
            Led::Waits(failure) if failure.code() == code => self,
            _ => self.fail(&format!("the input should come again because of `{code}`")),
        }
    }

    /// Checks that this command was sent to the target with the name `to`.
    ///
    /// # Panics
    /// Panics if it was not.
    #[track_caller]
    pub fn sends<M: Message>(&self, to: &str, command: &M) -> &Self {
        let wanted = value(command);
        let is_it = |sent: &&SentCommand| {
            sent.to == to && sent.envelope.kind == M::TYPE && value(&sent.content::<M>()) == wanted
        };
        match self.commands.iter().find(is_it) {
            Some(_) => self,
            None => self.fail(&format!("the input should send {} {wanted} to `{to}`", M::TYPE)),
        }
    }

    /// Checks that no command was sent.
    ///
    /// # Panics
    /// Panics if one was.
    #[track_caller]
    pub fn sends_nothing(&self) -> &Self {
        match self.commands.first() {
            None => self,
            Some(sent) => self.fail(&format!(
                "the input should send no command, it sent {} to `{}`",
                sent.envelope.kind, sent.to
            )),
        }
    }

    /// Checks that this event was stored beside the step.
    ///
    /// # Panics
    /// Panics if it was not.
    #[track_caller]
    pub fn publishes<M: Message>(&self, fact: &M) -> &Self {
        let wanted = value(fact);
        let facts = match &self.led {
            Led::Decided { facts, .. } => facts.as_slice(),
            _ => &[],
        };
        let is_it = |event: &&RecordedEvent| {
            let read = M::decode(event.data_version, &event.data);
            event.kind == M::TYPE && read.is_ok_and(|fact| value(&fact) == wanted)
        };
        match facts.iter().find(is_it) {
            Some(_) => self,
            None => self.fail(&format!("the input should publish {} {wanted}", M::TYPE)),
        }
    }

    /// Checks that a deadline of this name was set, which is due at this time.
    ///
    /// # Panics
    /// Panics if it was not.
    #[track_caller]
    pub fn sets(&self, deadline: &str, due: Timestamp) -> &Self {
        let is_it = |set: &&RecordedDeadline| set.name == deadline && set.due == due;
        match self.moves().flat_map(|moved| &moved.deadlines).find(is_it) {
            Some(_) => self,
            None => self.fail(&format!("the input should set the deadline `{deadline}` at {due}")),
        }
    }

    /// Checks that an open deadline of this name was cancelled.
    ///
    /// # Panics
    /// Panics if it was not.
    #[track_caller]
    pub fn cancels(&self, deadline: &str) -> &Self {
        let cancelled = self.events().iter().flat_map(|event| match event {
            StoredEvent::ProcessMoved(moved) => moved.cancelled.as_slice(),
            StoredEvent::ProcessForced(forced) => forced.cancelled.as_slice(),
            _ => &[],
        });
        let mut names = cancelled.map(|id| id.rsplit_once('@').map_or(&**id, |(name, _)| name));
        if names.any(|name| name == deadline) {
            return self;
        }
        self.fail(&format!("the input should cancel the deadline `{deadline}`"))
    }

    fn moves(&self) -> impl Iterator<Item = &ProcessMoved> {
        self.events().iter().filter_map(|event| match event {
            StoredEvent::ProcessMoved(moved) => Some(moved),
            _ => None,
        })
    }

    #[track_caller]
    fn has(&self, what: &str, is_it: impl Fn(&StoredEvent) -> bool) -> &Self {
        if self.events().iter().any(is_it) {
            return self;
        }
        self.fail(&format!("the input should {what}"))
    }

    #[track_caller]
    fn fail(&self, problem: &str) -> ! {
        fail(&format!("{problem}. The trace, which ends with it:\n\n{}", self.trace))
    }
}

/// Returns content as JSON, so that equal content compares as equal.
fn value<T: Serialize>(content: &T) -> Value {
    match serde_json::to_value(content) {
        Ok(value) => value,
        Err(error) => fail(&format!("the content cannot be written as JSON: {error}")),
    }
}
