//! Double entry: what an event of a payment does to the accounts.

use std::collections::BTreeMap;

use events::ledger::Account;
use events::{Money, PaymentEvent};
use tidegate::failure::Failure;

/// What an event does to the accounts: a debit is above zero, a credit below.
///
/// The sum is zero by construction: only [`Self::transfer`] changes an account, and it changes two
/// of them by the same amount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Postings(BTreeMap<&'static str, i64>);

impl Postings {
    /// Returns the postings of an event. One that moves no money has none.
    ///
    /// # Errors
    /// `negative_amount` (permanent): the event moves less than nothing.
    pub(crate) fn from_event(event: &PaymentEvent) -> Result<Self, Failure> {
        use Account::{Cash, Liabilities, Receivable, Refunds, Revenue};

        let Some(Money { minor: amount, .. }) = amount(event) else { return Ok(Self::default()) };
        if amount < 0 {
            let reason = format!("an amount of {amount} cannot be posted; it must not be below 0");
            return Err(Failure::permanent("negative_amount", reason));
        }
        Ok(match event {
            PaymentEvent::PaymentAuthorised(_) => {
                Self::default().transfer(Receivable, Liabilities, amount)
            }
            PaymentEvent::PaymentReleased(_) => {
                Self::default().transfer(Liabilities, Receivable, amount)
            }
            PaymentEvent::PaymentCaptured(_) => Self::default()
                .transfer(Cash, Receivable, amount)
                .transfer(Liabilities, Revenue, amount),
            PaymentEvent::PaymentRefunded(_) => Self::default().transfer(Refunds, Cash, amount),
            PaymentEvent::PaymentDeclined(_)
            | PaymentEvent::CaptureRefused(_)
            | PaymentEvent::RefundRefused(_) => Self::default(),
        })
    }

    fn transfer(mut self, debit: Account, credit: Account, amount: i64) -> Self {
        // What moves nothing is not written.
        if amount != 0 {
            *self.0.entry(debit.as_str()).or_default() += amount;
            *self.0.entry(credit.as_str()).or_default() -= amount;
        }
        self
    }

    /// Returns the amounts by the names of their accounts.
    pub(crate) fn amounts(&self) -> &BTreeMap<&'static str, i64> {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns the amount that an event moves.
pub(crate) fn amount(event: &PaymentEvent) -> Option<Money> {
    match event {
        PaymentEvent::PaymentAuthorised(event) => Some(event.amount),
        PaymentEvent::PaymentCaptured(event) => Some(event.amount),
        PaymentEvent::PaymentReleased(event) => event.amount,
        PaymentEvent::PaymentRefunded(event) => Some(event.amount),
        PaymentEvent::PaymentDeclined(_)
        | PaymentEvent::CaptureRefused(_)
        | PaymentEvent::RefundRefused(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use events::{PaymentAuthorised, PaymentCaptured, PaymentRefunded, PaymentReleased};
    use tidegate::failure::Class;

    use super::*;

    fn authorised(minor: i64) -> PaymentEvent {
        let (amount, reference) = (Money::pence(minor), "p1".to_owned());
        PaymentEvent::PaymentAuthorised(PaymentAuthorised {
            order_id: "1".into(),
            amount,
            reference,
        })
    }

    fn captured(minor: i64) -> PaymentEvent {
        let amount = Money::pence(minor);
        PaymentEvent::PaymentCaptured(PaymentCaptured { order_id: "1".into(), amount })
    }

    fn released(minor: Option<i64>) -> PaymentEvent {
        let amount = minor.map(Money::pence);
        PaymentEvent::PaymentReleased(PaymentReleased { order_id: "1".into(), amount })
    }

    fn refunded(minor: i64) -> PaymentEvent {
        let amount = Money::pence(minor);
        PaymentEvent::PaymentRefunded(PaymentRefunded { return_id: "C1".into(), amount })
    }

    fn posted(event: &PaymentEvent) -> Vec<(&'static str, i64)> {
        let postings = Postings::from_event(event).unwrap();
        postings.amounts().iter().map(|(account, amount)| (*account, *amount)).collect()
    }

    #[test]
    fn each_event_debits_and_credits_the_declared_accounts() {
        assert_eq!(posted(&authorised(500)), [("liabilities", -500), ("receivable", 500)]);
        assert_eq!(posted(&released(Some(500))), [("liabilities", 500), ("receivable", -500)]);
        assert_eq!(
            posted(&captured(500)),
            [("cash", 500), ("liabilities", 500), ("receivable", -500), ("revenue", -500)]
        );
        assert_eq!(posted(&refunded(500)), [("cash", -500), ("refunds", 500)]);
    }

    #[test]
    fn the_postings_of_an_event_sum_to_zero_up_to_the_largest_amount() {
        for amount in [0, 1, i64::MAX] {
            let events =
                [authorised(amount), captured(amount), released(Some(amount)), refunded(amount)];
            for event in events {
                let sum: i128 = posted(&event).iter().map(|(_, amount)| i128::from(*amount)).sum();
                assert_eq!(sum, 0, "{event:?}");
                assert_eq!(posted(&event).is_empty(), amount == 0, "{event:?}");
            }
        }
        assert!(posted(&released(None)).is_empty());
    }

    #[test]
    fn less_than_nothing_is_not_posted() {
        let failure = Postings::from_event(&captured(-1)).unwrap_err();
        assert_eq!((failure.class(), failure.code()), (Class::Permanent, "negative_amount"));
    }
}
