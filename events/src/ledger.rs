//! Accounts of the ledger, and names in the read models that `ledger` writes.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::Currency;

/// Account of the ledger. A debit adds to its balance, and a credit takes away from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// What customers owe for authorised orders.
    Receivable,
    /// What the provider paid, without what was paid back.
    Cash,
    /// What the shop owes customers for authorised orders: the goods.
    Liabilities,
    /// Value of paid orders.
    Revenue,
    /// Value of refunded returns.
    Refunds,
}

impl Account {
    /// All accounts, in the order of a statement.
    pub const ALL: [Self; 5] =
        [Self::Receivable, Self::Cash, Self::Liabilities, Self::Revenue, Self::Refunds];

    /// Returns the name of the account, such as `cash`. It is the attribute of its amount, in
    /// balances and in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receivable => "receivable",
            Self::Cash => "cash",
            Self::Liabilities => "liabilities",
            Self::Revenue => "revenue",
            Self::Refunds => "refunds",
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Account {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|account| account.as_str() == word).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("unknown account `{word}`, expected one of {names}")
        })
    }
}

/// Attributes of a row of the table `ledger`: one payment or refund. Amounts are in minor units.
pub mod payment_row {
    /// Key: `payment#536365`, `payment#C536379`.
    pub const STREAM: &str = "stream";
    /// Type of the newest event: `PaymentCaptured`.
    pub const STATUS: &str = "status";
    /// Authorised amount.
    pub const AUTHORISED: &str = "authorised";
    /// Captured amount.
    pub const CAPTURED: &str = "captured";
    /// Amount of the authorisation that was given up.
    pub const RELEASED: &str = "released";
    /// Refunded amount.
    pub const REFUNDED: &str = "refunded";
    /// Currency of the amounts.
    pub const CURRENCY: &str = "currency";
}

/// Key of a row of the table `balances`. Each account is an attribute of the row, so the row takes
/// all postings of an event in one write, and the sum of its attributes is always zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BalanceKey {
    /// Running balances: all postings of a currency.
    Running(Currency),
    /// Postings of one UTC day. The closing balance of a day is the sum of all days up to it.
    Day(Currency, Date),
}

impl BalanceKey {
    /// Returns the key of the day of this time. It is also the name of the day's list in the
    /// journal.
    pub fn day_of(currency: Currency, time: Timestamp) -> Self {
        Self::Day(currency, time.to_zoned(TimeZone::UTC).date())
    }

    /// Parses a partition key of the table `balances`. `None`: it is none of the ledger's.
    pub fn parse(key: &str) -> Option<Self> {
        let (currency, of) = key.split_once('#')?;
        let currency = Currency::ALL.into_iter().find(|known| known.to_string() == currency)?;
        match of {
            "running" => Some(Self::Running(currency)),
            day => Some(Self::Day(currency, day.parse().ok()?)),
        }
    }
}

impl fmt::Display for BalanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running(currency) => write!(f, "{currency}#running"),
            Self::Day(currency, date) => write!(f, "{currency}#{date}"),
        }
    }
}

/// Attributes of an entry of the table `journal`, besides one for each posted account. Its list is
/// a [`BalanceKey::Day`], and its place is the time of the event.
pub mod journal {
    /// Type of the event: `PaymentCaptured`.
    pub const KIND: &str = "kind";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let time = "2010-12-01T23:59:59Z".parse().unwrap();
        for (key, text) in [
            (BalanceKey::Running(Currency::Gbp), "GBP#running"),
            (BalanceKey::day_of(Currency::Gbp, time), "GBP#2010-12-01"),
        ] {
            assert_eq!(key.to_string(), text);
            assert_eq!(BalanceKey::parse(text), Some(key));
        }
        for foreign in ["GBP", "GBP#", "#parked", "day#2010-12-01", "GBP#2010-13-01"] {
            assert_eq!(BalanceKey::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn an_account_is_read_by_its_name() {
        for account in Account::ALL {
            assert_eq!(account.to_string().parse(), Ok(account));
        }
        assert!("Cash".parse::<Account>().unwrap_err().contains("receivable, cash"));
    }
}
