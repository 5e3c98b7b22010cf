//! What became of the orders, with what they needed.

use serde::Serialize;

use super::cost::Cost;
use super::functions::FunctionUse;
use super::orders::Orders;

/// The summary.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    #[serde(flatten)]
    pub(super) orders: Orders,
    /// `None` without a report of `tidegate cost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost: Option<Cost>,
    /// Empty without a status of the local system.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) functions: Vec<FunctionUse>,
}
