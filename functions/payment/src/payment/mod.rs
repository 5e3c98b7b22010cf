//! The aggregate of the stream `payment#…`: the money of an order or of a return.

mod charge;
mod input;
mod next;
mod refund;
#[cfg(test)]
mod tests;

use std::panic::resume_unwind;

use events::{PAYMENT_SOURCE, PaymentEvent};
use tidegate::failure::Failure;
use tidegate::store::{Aggregate, Decision};

use charge::Charge;
pub(crate) use input::Input;
pub(crate) use next::{Next, Settled};
use refund::Refund;

/// The money of an order or of a return. Each has its own state, even if their ids are equal.
#[derive(Debug, Default)]
pub(crate) struct Payment {
    charge: Charge,
    refund: Refund,
}

impl Payment {
    /// Returns what an input needs next.
    ///
    /// # Errors
    /// A permanent failure if the input contradicts what is stored, or cannot be carried out.
    pub(crate) fn next(&self, input: &Input) -> Result<Next, Failure> {
        match input {
            Input::AuthorisePayment(command) => self.charge.next_to_authorise(command),
            Input::CapturePayment(command) => Ok(self.charge.next_to_capture(command)),
            Input::ReleasePayment(command) => self.charge.next_to_release(command),
            Input::ReturnRecorded(event) => self.refund.next(event),
        }
    }
}

impl Aggregate for Payment {
    type Command = Settled;
    type Event = PaymentEvent;
    const SOURCE: &'static str = PAYMENT_SOURCE;

    /// The first answer of the provider is usually the first event of its stream.
    fn creates(settled: &Settled) -> bool {
        match settled.input {
            Input::AuthorisePayment(_) | Input::ReturnRecorded(_) => settled.answer.is_some(),
            Input::CapturePayment(_) | Input::ReleasePayment(_) => false,
        }
    }

    fn apply(&mut self, event: &PaymentEvent) {
        self.charge.apply(event);
        self.refund.apply(event);
    }

    fn decide(&self, settled: &Settled) -> Decision<PaymentEvent> {
        let decided = self.try_decide(settled);
        decided.unwrap_or_else(|failure| resume_unwind(Box::new(failure.reason().to_owned())))
    }

    fn try_decide(&self, settled: &Settled) -> Result<Decision<PaymentEvent>, Failure> {
        let answer = settled.answer.as_ref();
        match &settled.input {
            Input::AuthorisePayment(command) => self.charge.authorise(command, answer),
            Input::CapturePayment(command) => self.charge.capture(command, answer),
            Input::ReleasePayment(command) => self.charge.release(command, answer),
            Input::ReturnRecorded(event) => self.refund.decide(event, answer),
        }
    }
}
