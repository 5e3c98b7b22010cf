//! Reasons why an order or a return is rejected.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::StockCode;

/// One reason why an order or a return was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rejection {
    /// Number of the offending line, from 1; absent if the reason concerns all lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The offending line's product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock_code: Option<StockCode>,
    /// What is wrong.
    pub defect: Defect,
}

/// What is wrong with an order, a return or one of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Defect {
    /// There are no lines.
    NoLines,
    /// The quantity is zero or negative.
    QuantityNotPositive {
        /// The quantity.
        quantity: i64,
    },
    /// The price is negative; zero is allowed.
    PriceNegative {
        /// The price in minor units.
        unit_price: i64,
    },
    /// The value of the line, or of all lines together, is larger than an amount can be.
    AmountTooLarge,
    /// It was placed or recorded before, by another command.
    AlreadyAccepted,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
            if let Some(stock_code) = &self.stock_code {
                write!(f, " ({stock_code})")?;
            }
            f.write_str(": ")?;
        }
        match self.defect {
            Defect::NoLines => f.write_str("there are no lines"),
            Defect::QuantityNotPositive { quantity } => {
                write!(f, "quantity {quantity} is not positive")
            }
            Defect::PriceNegative { unit_price } => write!(f, "price {unit_price} is negative"),
            Defect::AmountTooLarge => f.write_str("the amount is too large"),
            Defect::AlreadyAccepted => f.write_str("it was accepted before"),
        }
    }
}
