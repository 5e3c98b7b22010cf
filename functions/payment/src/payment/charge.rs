//! The money of an order: authorised, then captured or released.

use events::{
    AuthorisePayment, CapturePayment, CaptureRefused, Money, PaymentAuthorised, PaymentCaptured,
    PaymentDeclined, PaymentEvent, PaymentReleased, ReleasePayment,
};
use tidegate::batch::Handled;
use tidegate::failure::Failure;
use tidegate::store::Decision;

use super::next::{Next, moved};
use crate::provider::{Answer, Operation, Request};

/// Why a payment is declined that was released before it was authorised.
const RELEASED: &str = "released";

/// Where the money of an order is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Charge {
    #[default]
    New,
    /// Reserved on the customer's card. `refused`: why the provider did not let it be taken.
    Authorised { amount: Money, refused: Option<String> },
    /// The provider declined to reserve it.
    Declined,
    /// Taken.
    Captured { amount: Money },
    /// Given up, or never to be authorised. `authorised`: whether it had been.
    Released { authorised: bool },
}

impl Charge {
    pub(crate) fn apply(&mut self, event: &PaymentEvent) {
        match event {
            PaymentEvent::PaymentAuthorised(event) => {
                *self = Self::Authorised { amount: event.amount, refused: None };
            }
            PaymentEvent::PaymentDeclined(_) => {
                // A payment that was released stays so, whatever its late command was answered.
                if *self == Self::New {
                    *self = Self::Declined;
                }
            }
            PaymentEvent::PaymentCaptured(event) => {
                *self = Self::Captured { amount: event.amount };
            }
            PaymentEvent::CaptureRefused(event) => {
                if let Self::Authorised { refused, .. } = self {
                    *refused = Some(event.reason.clone());
                }
            }
            PaymentEvent::PaymentReleased(event) => {
                *self = Self::Released { authorised: event.amount.is_some() };
            }
            PaymentEvent::PaymentRefunded(_) | PaymentEvent::RefundRefused(_) => {}
        }
    }

    /// Returns what a command to authorise needs next.
    pub(crate) fn next_to_authorise(&self, command: &AuthorisePayment) -> Result<Next, Failure> {
        let asked = command.amount;
        match self {
            Self::New if asked.minor > 0 => {
                Ok(operation(&command.order_id.0, Request::Authorise(asked)))
            }
            Self::New => {
                let reason = format!("{asked} cannot be authorised: an amount is above zero");
                Err(Failure::permanent("invalid_amount", reason))
            }
            Self::Authorised { amount, .. } | Self::Captured { amount } if *amount != asked => {
                let reason = format!("{amount} was authorised before, now {asked} is asked for");
                Err(Failure::permanent("other_amount", reason))
            }
            Self::Authorised { .. } | Self::Captured { .. } | Self::Declined => {
                Ok(Next::Done(Handled::Duplicate))
            }
            Self::Released { .. } => Ok(Next::Record),
        }
    }

    /// Returns what a command to capture needs next.
    pub(crate) fn next_to_capture(&self, command: &CapturePayment) -> Next {
        match self {
            Self::Authorised { amount, refused: None } => {
                operation(&command.order_id.0, Request::Capture(*amount))
            }
            Self::Captured { .. } => Next::Done(Handled::Duplicate),
            // The refusal of the provider is final.
            Self::Authorised { refused: Some(_), .. }
            | Self::New
            | Self::Declined
            | Self::Released { .. } => Next::Record,
        }
    }

    /// Returns what a command to release needs next.
    pub(crate) fn next_to_release(&self, command: &ReleasePayment) -> Result<Next, Failure> {
        match self {
            // The command to authorise may be on its way to the provider.
            Self::New | Self::Authorised { .. } => {
                Ok(operation(&command.order_id.0, Request::Void))
            }
            Self::Declined => Ok(Next::Record),
            Self::Released { .. } => Ok(Next::Done(Handled::Duplicate)),
            Self::Captured { amount } => {
                let reason = format!("{amount} was captured and cannot be released; refund it");
                Err(Failure::permanent("captured", reason))
            }
        }
    }

    /// Returns the answer to a command to authorise.
    pub(crate) fn authorise(
        &self,
        command: &AuthorisePayment,
        answer: Option<&Answer>,
    ) -> Result<Decision<PaymentEvent>, Failure> {
        let order_id = command.order_id.clone();
        match (self, answer) {
            (Self::New, Some(Answer::Authorised(authorised))) => {
                let (amount, reference) = (authorised.amount, authorised.payment.clone());
                Ok(Decision::one(PaymentAuthorised { order_id, amount, reference }))
            }
            (Self::New, Some(Answer::Declined { reason })) => {
                Ok(Decision::one(PaymentDeclined { order_id, reason: reason.clone() }))
            }
            // The provider voided this payment before it authorised it.
            (Self::Released { authorised: false }, Some(Answer::Authorised(authorised))) => {
                let reason = format!(
                    "the provider authorised {} after it had voided the payment; void it by hand",
                    authorised.payment
                );
                Err(Failure::permanent("authorised_after_void", reason))
            }
            (Self::Released { .. }, _) => {
                Ok(Decision::one(PaymentDeclined { order_id, reason: RELEASED.to_owned() }))
            }
            _ => Err(moved()),
        }
    }

    /// Returns the answer to a command to capture.
    pub(crate) fn capture(
        &self,
        command: &CapturePayment,
        answer: Option<&Answer>,
    ) -> Result<Decision<PaymentEvent>, Failure> {
        let order_id = command.order_id.clone();
        let reason = match (self, answer) {
            (Self::Authorised { amount, .. }, Some(Answer::Captured)) => {
                return Ok(Decision::one(PaymentCaptured { order_id, amount: *amount }));
            }
            (Self::Released { .. }, Some(Answer::Captured)) => {
                let reason = "the provider captured what it had voided; refund it by hand";
                return Err(Failure::permanent("captured_after_void", reason));
            }
            (Self::Authorised { .. }, Some(Answer::Refused { reason })) => reason.as_str(),
            (Self::Authorised { refused: Some(reason), .. }, None) => reason.as_str(),
            (Self::Released { .. }, _) => RELEASED,
            (Self::New, None) => "not_authorised",
            (Self::Declined, None) => "declined",
            _ => return Err(moved()),
        };
        Ok(Decision::one(CaptureRefused { order_id, reason: reason.to_owned() }))
    }

    /// Returns the answer to a command to release.
    pub(crate) fn release(
        &self,
        command: &ReleasePayment,
        answer: Option<&Answer>,
    ) -> Result<Decision<PaymentEvent>, Failure> {
        let order_id = command.order_id.clone();
        let amount = match (self, answer) {
            (_, Some(Answer::Refused { reason })) => {
                let reason = format!("the provider does not void the payment: {reason}");
                return Err(Failure::permanent("void_refused", reason));
            }
            (Self::New, Some(Answer::Voided { authorised: Some(authorised) })) => {
                // The money moved and moved back, before its command could record it.
                let (amount, reference) = (authorised.amount, authorised.payment.clone());
                let event = PaymentAuthorised { order_id: order_id.clone(), amount, reference };
                let released = PaymentReleased { order_id, amount: Some(amount) };
                return Ok(Decision::one(event).and(released));
            }
            (Self::Authorised { amount, .. }, Some(Answer::Voided { .. })) => Some(*amount),
            (Self::New, Some(Answer::Voided { authorised: None })) => None,
            (Self::Declined, None | Some(Answer::Voided { authorised: None })) => None,
            _ => return Err(moved()),
        };
        Ok(Decision::one(PaymentReleased { order_id, amount }))
    }
}

fn operation(order_id: &str, request: Request) -> Next {
    Next::Provider(Operation::new(order_id, request))
}
