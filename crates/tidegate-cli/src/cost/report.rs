//! The command's output, for programs and for `screen`.

use serde::Serialize;

use super::estimate::Estimate;
use super::measurement::Measurement;

/// Output of the command.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    pub(super) prices_of: &'a str,
    pub(super) region: &'a str,
    pub(super) currency: &'a str,
    pub(super) measurement: &'a Measurement,
    pub(super) per: f64,
    pub(super) environments: Vec<Estimate>,
}
