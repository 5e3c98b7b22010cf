//! The money of a return: paid back once.

use events::{PaymentEvent, PaymentRefunded, RefundRefused, ReturnRecorded};
use tidegate::batch::Handled;
use tidegate::failure::Failure;
use tidegate::store::Decision;

use super::next::{Next, moved};
use crate::provider::{Answer, Operation, Request};

/// Whether the money of a return was paid back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Refund {
    #[default]
    New,
    /// It was paid back, or the provider refused to.
    Answered,
}

impl Refund {
    pub(crate) fn apply(&mut self, event: &PaymentEvent) {
        if let PaymentEvent::PaymentRefunded(_) | PaymentEvent::RefundRefused(_) = event {
            *self = Self::Answered;
        }
    }

    /// Returns what a recorded return needs next.
    pub(crate) fn next(self, returned: &ReturnRecorded) -> Result<Next, Failure> {
        let amount = returned.refund;
        match self {
            Self::Answered => Ok(Next::Done(Handled::Duplicate)),
            // Goods without a price: no money moves.
            Self::New if amount.minor == 0 => Ok(Next::Done(Handled::Filtered)),
            Self::New if amount.minor > 0 => {
                let reference = returned.return_id.0.as_str();
                Ok(Next::Provider(Operation::new(reference, Request::Refund(amount))))
            }
            Self::New => {
                let reason = format!("{amount} cannot be paid back: it is below zero");
                Err(Failure::permanent("invalid_amount", reason))
            }
        }
    }

    /// Returns what the provider's answer to a refund leads to.
    pub(crate) fn decide(
        self,
        returned: &ReturnRecorded,
        answer: Option<&Answer>,
    ) -> Result<Decision<PaymentEvent>, Failure> {
        let return_id = returned.return_id.clone();
        match (self, answer) {
            (Self::New, Some(Answer::Refunded)) => {
                Ok(Decision::one(PaymentRefunded { return_id, amount: returned.refund }))
            }
            (Self::New, Some(Answer::Refused { reason })) => {
                Ok(Decision::one(RefundRefused { return_id, reason: reason.clone() }))
            }
            _ => Err(moved()),
        }
    }
}
