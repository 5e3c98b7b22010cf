//! Products as clients of the API see them.

use serde::{Deserialize, Serialize};

use crate::StockCode;

/// Stock of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProductStock {
    /// The product.
    pub stock_code: StockCode,
    /// Units that can be ordered now.
    pub available: i64,
    /// Units that the supplier will deliver.
    pub on_order: i64,
}
