//! Operations that are asked for, and their answers.

use serde::{Deserialize, Serialize};

/// An amount of a payment or refund.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Ordered {
    /// The caller's name of the payment or refund.
    pub(crate) reference: String,
    /// In minor units.
    pub(crate) amount: i64,
    pub(crate) currency: String,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Authorise(Ordered),
    Capture { reference: String },
    Void { reference: String },
    Refund(Ordered),
}

/// An answer, as the caller reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    pub(crate) status: &'static str,
    pub(crate) reference: String,
    /// The simulator's number of the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) amount: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
}

impl Operation {
    pub(crate) fn reference(&self) -> &str {
        match self {
            Self::Authorise(ordered) | Self::Refund(ordered) => &ordered.reference,
            Self::Capture { reference } | Self::Void { reference } => reference,
        }
    }

    /// Returns what is wrong with the operation itself.
    pub(crate) fn defect(&self) -> Option<&'static str> {
        match self {
            _ if self.reference().is_empty() => Some("the reference is empty"),
            Self::Authorise(ordered) | Self::Refund(ordered) if ordered.amount <= 0 => {
                Some("the amount is not above zero")
            }
            Self::Authorise(ordered) | Self::Refund(ordered) if ordered.currency.len() != 3 => {
                Some("the currency is not of ISO 4217")
            }
            _ => None,
        }
    }
}

impl Answer {
    pub(crate) fn new(status: &'static str, reference: &str) -> Self {
        Self {
            status,
            reference: reference.to_owned(),
            payment: None,
            amount: None,
            currency: None,
            reason: None,
        }
    }

    pub(crate) fn because(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    pub(crate) fn sum(self, amount: i64, currency: &str) -> Self {
        Self { amount: Some(amount), currency: Some(currency.to_owned()), ..self }
    }
}
