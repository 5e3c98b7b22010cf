//! An instance decides as every aggregate does: no second way to commit.

use std::panic::resume_unwind;

use super::definition::Process;
use super::event::InstanceEvent;
use super::instance::Instance;
use super::received::{Received, What};
use super::turn::Turn;
use crate::failure::Failure;
use crate::store::{Aggregate, Decision};

impl<P: Process> Aggregate for Instance<P> {
    type Command = Received<P>;
    type Event = InstanceEvent<P>;
    const SOURCE: &'static str = P::SOURCE;

    fn creates(received: &Received<P>) -> bool {
        match &received.what {
            What::Input(input) => P::starts(input),
            What::Word(_) => false,
        }
    }

    fn apply(&mut self, event: &InstanceEvent<P>) {
        self.fold(event);
    }

    fn decide(&self, received: &Received<P>) -> Decision<InstanceEvent<P>> {
        let decided = self.try_decide(received);
        decided.unwrap_or_else(|failure| resume_unwind(Box::new(failure.reason().to_owned())))
    }

    fn try_decide(&self, received: &Received<P>) -> Result<Decision<InstanceEvent<P>>, Failure> {
        let mut events = Turn::run(self, received)?.into_iter();
        let first = events.next().ok_or_else(|| {
            Failure::transient("no_decision", "the input led to no event of the process")
        })?;
        Ok(events.fold(Decision::one(first), Decision::and))
    }
}
