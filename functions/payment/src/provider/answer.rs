//! What the provider answers to an operation.

use events::Money;
use serde::Deserialize;
use tidegate::failure::Failure;

use super::operation::{Operation, Request};

/// Longest text of the provider that is kept, in characters.
const TEXT_CHARACTERS: usize = 200;

/// What became of an operation at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The amount is reserved.
    Authorised(Authorisation),
    /// The provider refuses to reserve the amount.
    Declined { reason: String },
    /// The authorised amount was taken.
    Captured,
    /// What was authorised is given up; `None`: nothing was.
    Voided { authorised: Option<Authorisation> },
    /// The amount was paid back.
    Refunded,
    /// The provider refuses to take, to give up or to pay back.
    Refused { reason: String },
}

/// An amount that is reserved on a customer's card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorisation {
    /// The provider's number of the payment.
    pub(crate) payment: String,
    pub(crate) amount: Money,
}

/// An answer as the provider writes it.
#[derive(Deserialize)]
struct Written {
    status: String,
    reference: String,
    payment: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    reason: Option<String>,
}

impl Answer {
    /// Reads the answer to an operation, and checks that it is one.
    ///
    /// # Errors
    /// - `unreadable_answer` (transient): it is not JSON of the agreed form. Something else may
    ///   have answered, such as a proxy.
    /// - `other_payment` (permanent): it is about another payment or amount than was asked for.
    pub(crate) fn read(operation: &Operation, body: &[u8]) -> Result<Self, Failure> {
        let written: Written = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
        if written.reference != operation.reference {
            let reason = format!("the answer is about `{}`", shortened(&written.reference));
            return Err(other_payment(operation, &reason));
        }
        match (written.status.as_str(), operation.request) {
            ("authorised", Request::Authorise(amount)) => {
                let authorised = written.authorisation(operation, amount)?;
                Ok(Self::Authorised(authorised))
            }
            ("declined", Request::Authorise(_)) => Ok(Self::Declined { reason: written.reason() }),
            ("captured", Request::Capture(amount)) => {
                written.check(operation, amount).map(|()| Self::Captured)
            }
            ("refunded", Request::Refund(amount)) => {
                written.check(operation, amount).map(|()| Self::Refunded)
            }
            ("voided", Request::Void) => written.voided(operation),
            ("refused", Request::Capture(_) | Request::Void | Request::Refund(_)) => {
                Ok(Self::Refused { reason: written.reason() })
            }
            (status, _) => Err(unreadable(&format!("unexpected status `{}`", shortened(status)))),
        }
    }
}

impl Written {
    fn reason(&self) -> String {
        self.reason.as_deref().map_or_else(|| "no reason given".to_owned(), shortened)
    }

    fn authorisation(
        &self,
        operation: &Operation,
        amount: Money,
    ) -> Result<Authorisation, Failure> {
        self.check(operation, amount)?;
        match self.payment.as_deref() {
            Some(payment) if !payment.is_empty() && payment.len() <= TEXT_CHARACTERS => {
                Ok(Authorisation { payment: payment.to_owned(), amount })
            }
            _ => Err(unreadable(&"`payment` is missing, empty or too long")),
        }
    }

    /// Returns what was given up: the answer names an amount, and then a payment too.
    fn voided(&self, operation: &Operation) -> Result<Answer, Failure> {
        let Some(minor) = self.amount else { return Ok(Answer::Voided { authorised: None }) };
        if minor <= 0 {
            return Err(other_payment(operation, &format!("the answer gives up {minor}")));
        }
        let authorised = self.authorisation(operation, Money::pence(minor))?;
        Ok(Answer::Voided { authorised: Some(authorised) })
    }

    /// Checks that the answer is about this amount.
    fn check(&self, operation: &Operation, amount: Money) -> Result<(), Failure> {
        let currency = amount.currency.to_string();
        match (self.amount, &self.currency) {
            (Some(minor), Some(named)) if minor == amount.minor && *named == currency => Ok(()),
            (Some(minor), Some(named)) => {
                let reason = format!("the answer is about {minor} {}", shortened(named));
                Err(other_payment(operation, &format!("{reason}, not {amount}")))
            }
            _ => Err(unreadable(&"`amount` or `currency` is missing")),
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(TEXT_CHARACTERS).collect()
}

fn unreadable(problem: &dyn std::fmt::Display) -> Failure {
    let reason = format!("the provider's answer cannot be read: {problem}");
    Failure::transient("unreadable_answer", reason)
}

fn other_payment(operation: &Operation, reason: &str) -> Failure {
    Failure::permanent("other_payment", reason).context(operation.key())
}
