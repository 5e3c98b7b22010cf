//! Custom metrics with dimensions, in CloudWatch's embedded metric format (feature
//! `custom-metrics`).
//!
//! A handler records values through [`BatchContext::metrics`](crate::batch::BatchContext::metrics).
//! The runner writes them before the response of the invocation, also if the invocation fails: one
//! line for each set of dimensions, from which CloudWatch makes metrics without a request.
//!
//! ```
//! use tidegate::batch::Handled;
//! use tidegate::metrics::Unit;
//!
//! #[derive(serde::Deserialize)]
//! struct Sale { country: String, pence: u32 }
//!
//! let handler = tidegate::each!(16, async |sale: &Sale, context| {
//!     // Few different values only: each one is a metric that CloudWatch bills.
//!     let dimensions = [("country", sale.country.as_str())];
//!     context.metrics.add("Revenue", Unit::None, f64::from(sale.pence) / 100.0, &dimensions);
//!     context.metrics.add("Sales", Unit::Count, 1.0, &[]);
//!     Ok(Handled::Applied)
//! });
//! # drop(handler);
//! ```
//!
//! # Cost and limits
//!
//! Each different combination of name and dimension values is a metric of its own, billed for every
//! hour in which it has a value. Never use an id, an address or a text from outside as the value of
//! a dimension. Names are `&'static str`, so input cannot make new ones. An invocation keeps at
//! most [`MAX_SETS`] sets of dimensions and [`MAX_VALUES`] values.
//!
//! A record that comes again is measured again. Record what must be counted once after you know
//! that the record is not a duplicate, and treat the sum as an estimate: a crash after the line
//! repeats it.

mod line;
mod measured;
mod rules;
mod unit;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::warn;

use measured::{Dimensions, Measured};
use rules::{dimensions_of, refusal};

pub use unit::Unit;

/// Most sets of dimensions that an invocation keeps. Values of further sets are dropped.
pub const MAX_SETS: usize = 100;
/// Most values that an invocation keeps. Further values are dropped.
pub const MAX_VALUES: usize = 10_000;

/// Records the custom metrics of one invocation. Clones record into the same invocation.
///
/// The default records nothing, as in a function without a namespace (`TIDEGATE_METRICS`).
#[derive(Clone, Debug, Default)]
pub struct CustomMetrics(Option<Arc<Mutex<Recorded>>>);

/// What an invocation recorded.
#[derive(Debug, Default)]
struct Recorded {
    /// Name of the function; empty if it is not known.
    function: String,
    sets: BTreeMap<Dimensions, Vec<Measured>>,
    values: usize,
    /// Number of dropped values, and why the first was dropped.
    dropped: Option<(usize, String)>,
}

impl CustomMetrics {
    /// Creates a recorder that keeps values until they are written with
    /// [`Metrics::flush`](crate::batch::Metrics::flush).
    pub fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Creates a recorder for an invocation of the function with this name.
    pub(crate) fn of(function: &str) -> Self {
        let recorded = Recorded { function: function.to_owned(), ..Recorded::default() };
        Self(Some(Arc::new(Mutex::new(recorded))))
    }

    /// Records a count with the dimensions `function`, as outcomes have it, and `process`. The
    /// function tells the environments of an account apart.
    #[cfg(feature = "process")]
    pub(crate) fn count_of_process(&self, name: &'static str, count: f64, process: &str) {
        let Some(recorded) = &self.0 else { return };
        let function = recorded.lock().function.clone();
        let of = [("process", process), ("function", function.as_str())];
        let dimensions = if function.is_empty() { &of[..1] } else { &of[..] };
        self.add(name, Unit::Count, count, dimensions);
    }

    /// Records a value of a metric with these dimensions, in any order.
    ///
    /// Never fails. A value that CloudWatch would not accept is dropped, and a line of the log
    /// (`metrics were dropped`) says how many and why: a number that is not finite, a name that is
    /// not ASCII, more than 30 dimensions, one metric with two units. In the value of a dimension,
    /// what CloudWatch does not accept becomes `?`, text after 1,024 characters is cut, and a blank
    /// becomes `-`.
    pub fn add(
        &self,
        name: &'static str,
        unit: Unit,
        value: f64,
        dimensions: &[(&'static str, &str)],
    ) {
        let Some(recorded) = &self.0 else { return };
        let mut recorded = recorded.lock();
        if let Err(reason) = recorded.add(name, unit, value, dimensions) {
            recorded.dropped.get_or_insert((0, reason)).0 += 1;
        }
    }

    /// Takes what was recorded as lines of this namespace, each with its line break.
    pub(crate) fn lines(&self, namespace: &str) -> Vec<Vec<u8>> {
        let Some(recorded) = &self.0 else { return Vec::new() };
        let mut recorded = recorded.lock();
        let function = recorded.function.clone();
        let taken = std::mem::replace(&mut *recorded, Recorded { function, ..Recorded::default() });
        drop(recorded);
        let Recorded { sets, dropped, .. } = taken;
        if let Some((dropped, reason)) = dropped {
            warn!(dropped, reason, "metrics were dropped");
        }
        let lines = sets.iter().flat_map(|(dimensions, metrics)| {
            line::lines(namespace, dimensions, metrics).into_iter()
        });
        lines.collect()
    }
}

impl Recorded {
    fn add(
        &mut self,
        name: &'static str,
        unit: Unit,
        value: f64,
        dimensions: &[(&'static str, &str)],
    ) -> Result<(), String> {
        if let Some(reason) = refusal(name, value, dimensions) {
            return Err(reason);
        }
        if self.values >= MAX_VALUES {
            return Err(format!("{name}: the invocation has {MAX_VALUES} values already"));
        }
        let dimensions = dimensions_of(dimensions);
        if self.sets.len() >= MAX_SETS && !self.sets.contains_key(&dimensions) {
            return Err(format!(
                "{name}: the invocation has {MAX_SETS} sets of dimensions already; use dimensions \
                 with fewer different values"
            ));
        }
        let metrics = self.sets.entry(dimensions).or_default();
        match metrics.iter_mut().find(|metric| metric.name == name) {
            Some(metric) if metric.unit != unit => {
                return Err(format!(
                    "{name}: has the unit {} and the unit {} in one invocation",
                    metric.unit.as_str(),
                    unit.as_str()
                ));
            }
            Some(metric) => metric.values.push(value),
            None => metrics.push(Measured { name, unit, values: vec![value] }),
        }
        self.values += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
