//! Recorded values of a metric.

use super::unit::Unit;

/// Names and values of a metric's dimensions, sorted by name.
pub(super) type Dimensions = Vec<(&'static str, String)>;

/// The values of one metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measured {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) values: Vec<f64>,
}
