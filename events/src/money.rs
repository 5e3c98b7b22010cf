//! Amounts of money and their currencies.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Currency of an amount, ISO 4217.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Currency {
    /// Pound sterling; minor unit: penny, 1/100.
    #[serde(rename = "GBP")]
    Gbp,
}

impl Currency {
    /// All currencies.
    pub const ALL: [Self; 1] = [Self::Gbp];
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gbp => f.write_str("GBP"),
        }
    }
}

/// An amount of money: an integer of minor units and a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Money {
    /// In minor units: pence.
    pub minor: i64,
    /// Currency.
    pub currency: Currency,
}

impl Money {
    /// Creates an amount in pence.
    pub fn pence(minor: i64) -> Self {
        Self { minor, currency: Currency::Gbp }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = self.minor.unsigned_abs();
        write!(f, "{sign}{}.{:02} {}", minor / 100, minor % 100, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_with_two_decimals() {
        assert_eq!(Money::pence(-105).to_string(), "-1.05 GBP");
        assert_eq!(Money::pence(i64::MIN).to_string(), "-92233720368547758.08 GBP");
    }
}
