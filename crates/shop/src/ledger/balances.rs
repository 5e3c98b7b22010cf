//! Balances of the accounts, and double entry written a second time, for the audit.

use std::ops::AddAssign;

use events::ledger::Account;
use events::{Currency, Money, PaymentEvent};
use serde::ser::{Serialize, SerializeMap, Serializer};
use tidegate::query::Counter;

/// Balances of all accounts in the order of [`Account::ALL`], in minor units. Debits are above
/// zero, credits below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balances([i128; 5]);

/// What an event adds to receivable, cash, liabilities, revenue and refunds, in shares of its
/// amount.
const AUTHORISED: [i128; 5] = [1, 0, -1, 0, 0];
const RELEASED: [i128; 5] = [-1, 0, 1, 0, 0];
const CAPTURED: [i128; 5] = [-1, 1, 1, -1, 0];
const REFUNDED: [i128; 5] = [0, -1, 0, 0, 1];

impl Balances {
    /// Returns what an event adds, with its currency. `None`: it moves no money.
    pub(crate) fn of_event(event: &PaymentEvent) -> Option<(Currency, Self)> {
        let (Money { minor, currency }, shares) = match event {
            PaymentEvent::PaymentAuthorised(event) => (event.amount, AUTHORISED),
            PaymentEvent::PaymentReleased(event) => (event.amount?, RELEASED),
            PaymentEvent::PaymentCaptured(event) => (event.amount, CAPTURED),
            PaymentEvent::PaymentRefunded(event) => (event.amount, REFUNDED),
            PaymentEvent::PaymentDeclined(_)
            | PaymentEvent::CaptureRefused(_)
            | PaymentEvent::RefundRefused(_) => return None,
        };
        let balances = Self(shares.map(|share| share * i128::from(minor)));
        (minor != 0).then_some((currency, balances))
    }

    /// Returns the balances after these sums.
    pub(crate) fn of_totals(
        authorised: i128,
        released: i128,
        captured: i128,
        refunded: i128,
    ) -> Self {
        let open = authorised - released - captured;
        Self([open, captured - refunded, -open, -captured, refunded])
    }

    /// Reads a row of balances.
    pub(crate) fn from_counter(counter: &Counter) -> Self {
        Self(Account::ALL.map(|account| counter.amount(account.as_str())))
    }

    /// Reads amounts by account.
    pub(crate) fn from_amounts(amount: impl Fn(Account) -> i128) -> Self {
        Self(Account::ALL.map(amount))
    }

    /// Returns the accounts with their balances.
    pub(crate) fn accounts(self) -> impl Iterator<Item = (Account, i128)> {
        Account::ALL.into_iter().zip(self.0)
    }

    /// Returns the balance of an account.
    pub(crate) fn of(self, account: Account) -> i128 {
        self.accounts().find(|(of, _)| *of == account).map_or(0, |(_, balance)| balance)
    }

    /// Returns the trial balance: the sum of all accounts, which is zero in books without a fault.
    pub(crate) fn trial(self) -> i128 {
        self.0.iter().sum()
    }
}

impl AddAssign for Balances {
    fn add_assign(&mut self, other: Self) {
        for (balance, added) in self.0.iter_mut().zip(other.0) {
            *balance += added;
        }
    }
}

impl Serialize for Balances {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (account, balance) in self.accounts() {
            map.serialize_entry(account.as_str(), &balance)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_share_of_an_event_is_debited_and_credited() {
        for shares in [AUTHORISED, RELEASED, CAPTURED, REFUNDED] {
            assert_eq!(Balances(shares).trial(), 0, "{shares:?}");
            assert!(shares.iter().any(|share| *share != 0));
        }
    }

    #[test]
    fn sums_of_events_lead_to_the_same_balances_as_the_events() {
        let mut balances = Balances::default();
        let events = [(AUTHORISED, 700), (RELEASED, 150), (CAPTURED, 500), (REFUNDED, 20)];
        for (shares, amount) in events {
            balances += Balances(shares.map(|share| share * amount));
        }
        assert_eq!(balances, Balances::of_totals(700, 150, 500, 20));
        assert_eq!(balances.of(Account::Cash), 480);
        assert_eq!(balances.of(Account::Receivable), 50);
        assert_eq!(balances.trial(), 0);
    }
}
