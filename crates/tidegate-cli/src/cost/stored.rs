//! Computes the cost of the items that work leaves in tables, permanently or until they expire.

use terminal::counted::counted;
use terminal::problem::Problem;
use topology::Topology;

use super::environment::Environment;
use super::line::Line;
use super::measurement::Measurement;
use super::prices::Prices;
use super::traffic::{DAYS, GIGABYTE, count};

/// Bytes that DynamoDB adds to each item when it bills storage.
const PER_ITEM: f64 = 100.0;

/// Cost of the items that the units of work leave in tables.
#[derive(Default)]
pub(super) struct Stored {
    /// Paid every month.
    pub(super) kept: Vec<Line>,
    /// Paid once, for the time until the items expire.
    pub(super) expiring: Vec<Line>,
}

impl Stored {
    /// Computes the cost.
    ///
    /// # Errors
    /// The price table lacks a price.
    pub(super) fn new(
        topology: &Topology,
        environment: &Environment,
        measurement: &Measurement,
        prices: &Prices,
        per: f64,
    ) -> Result<Self, Problem> {
        let mut stored = Self::default();
        let measured = measurement.tables.iter().map(|(name, used)| (name.clone(), used));
        // A generation that was not measured has as many items as the first.
        let projections = topology.projections.values();
        let later = projections.flat_map(topology::Projection::later_tables);
        let later = later.filter(|(_, name)| !measurement.tables.contains_key(name));
        let later = later.filter_map(|(of, name)| Some((name, measurement.tables.get(of)?)));
        for (name, used) in measured.chain(later) {
            let name = &name;
            let bytes = count(used.bytes) + count(used.items) * PER_ITEM;
            let gigabytes = bytes / GIGABYTE * per / count(measurement.unit.count);
            let days = topology.tables.get(name).and_then(|table| table.record_retention_days);
            let (lines, months, kept) = match days {
                Some(days) => (
                    &mut stored.expiring,
                    f64::from(days) / DAYS,
                    format!("items, {}", counted(days, "day", "days")),
                ),
                None => (&mut stored.kept, 1.0, "items".to_owned()),
            };
            let amount = gigabytes * months;
            lines.push(Line::new(prices, "dynamodb_stored_gb_months", name, kept, amount)?);
            if environment.point_in_time_recovery {
                let what = "point-in-time recovery";
                lines.push(Line::new(prices, "dynamodb_recovery_gb_months", name, what, amount)?);
            }
        }
        Ok(stored)
    }
}
