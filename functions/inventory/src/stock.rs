//! The stock of a product, and the changes of its row.
//!
//! In every row, `received = on_hand + reserved + shipped`, and no amount is negative. Each change
//! keeps that, under a condition that makes it safe whatever other writers did meanwhile.

use std::collections::BTreeMap;

use events::view::stock::{ON_HAND, ON_ORDER, RECEIVED, RESERVED, SHIPPED};
use events::{StockCode, StockLine, StockOpened, StockReordered};
use serde::Deserialize;
use tidegate::failure::Failure;
use tidegate::projection::RowUpdate;
use tidegate::store::RowChange;

use crate::policy::Policy;

/// The row of a product.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Stock {
    on_hand: i64,
    reserved: i64,
    on_order: i64,
}

/// The rows of products as they were read, and the changes that a stage makes.
pub(crate) struct Changes<'a> {
    policy: &'a Policy,
    rows: &'a BTreeMap<String, Stock>,
    changes: Vec<RowChange>,
    opened: Vec<StockLine>,
    reordered: Vec<StockLine>,
}

impl<'a> Changes<'a> {
    pub(crate) fn new(policy: &'a Policy, rows: &'a BTreeMap<String, Stock>) -> Self {
        Self { policy, rows, changes: Vec::new(), opened: Vec::new(), reordered: Vec::new() }
    }

    /// Returns how many units of a product can be reserved.
    pub(crate) fn available(&self, product: &str) -> i64 {
        self.rows.get(product).map_or(self.policy.opening, |row| row.on_hand)
    }

    /// Reserves units of a product, as many as are available at most. Orders more of it if it then
    /// runs low.
    pub(crate) fn reserve(&mut self, product: &str, units: i64) {
        let available = self.available(product);
        let left = available.saturating_sub(units);
        let Some(row) = self.rows.get(product) else {
            let ordered = self.policy.reorder(left);
            self.open(product, |row| {
                row.set(ON_HAND, left).set(RESERVED, units).set(ON_ORDER, ordered.unwrap_or(0))
            });
            self.reordered.extend(ordered.map(|units| line(product, units)));
            return;
        };
        let update = RowUpdate::default().add(ON_HAND, -units).add(RESERVED, units);
        let change = match self.policy.reorder(left.saturating_add(row.on_order)) {
            // Another writer may have ordered meanwhile.
            Some(ordered) => {
                self.reordered.push(line(product, ordered));
                RowChange::new(product, update.add(ON_ORDER, ordered))
                    .if_at_least(ON_HAND, units)
                    .if_at_most(ON_ORDER, row.on_order)
            }
            // Nothing is to be ordered as long as that much is left.
            None if left >= self.policy.reorder_below => RowChange::new(product, update)
                .if_at_least(ON_HAND, units.saturating_add(self.policy.reorder_below)),
            None => {
                let least = self.policy.reorder_below.saturating_sub(row.on_order).max(0);
                RowChange::new(product, update)
                    .if_at_least(ON_HAND, units.saturating_add(least))
                    .if_at_least(ON_ORDER, row.on_order)
            }
        };
        self.changes.push(change);
    }

    /// Makes reserved units available again.
    pub(crate) fn release(&mut self, product: &str, units: i64) -> Result<(), Failure> {
        self.check(product, units, RESERVED, |row| row.reserved)?;
        let update = RowUpdate::default().add(ON_HAND, units).add(RESERVED, -units);
        self.changes.push(RowChange::new(product, update).if_at_least(RESERVED, units));
        Ok(())
    }

    /// Takes reserved units out of the warehouse.
    pub(crate) fn ship(&mut self, product: &str, units: i64) -> Result<(), Failure> {
        self.check(product, units, RESERVED, |row| row.reserved)?;
        let update = RowUpdate::default().add(RESERVED, -units).add(SHIPPED, units);
        self.changes.push(RowChange::new(product, update).if_at_least(RESERVED, units));
        Ok(())
    }

    /// Takes in units that the supplier delivers.
    pub(crate) fn receive(&mut self, product: &str, units: i64) -> Result<(), Failure> {
        self.check(product, units, ON_ORDER, |row| row.on_order)?;
        let update = RowUpdate::default().add(ON_HAND, units).add(RECEIVED, units);
        let update = update.add(ON_ORDER, -units);
        self.changes.push(RowChange::new(product, update).if_at_least(ON_ORDER, units));
        Ok(())
    }

    /// Takes in units that a customer sent back.
    pub(crate) fn take_back(&mut self, product: &str, units: i64) {
        if self.rows.contains_key(product) {
            let update = RowUpdate::default().add(ON_HAND, units).add(RECEIVED, units);
            self.changes.push(RowChange::new(product, update).if_at_least(ON_HAND, 0));
        } else {
            let opening = self.policy.opening;
            self.open(product, |row| {
                let all = opening.saturating_add(units);
                row.set(ON_HAND, all).set(RECEIVED, all).set(RESERVED, 0).set(ON_ORDER, 0)
            });
        }
    }

    /// Returns the changes, and what happened besides: products were opened, and ordered.
    pub(crate) fn into_parts(
        self,
    ) -> (Vec<RowChange>, Option<StockOpened>, Option<StockReordered>) {
        let some = |lines: Vec<StockLine>| (!lines.is_empty()).then_some(lines);
        let opened = some(self.opened).map(|lines| StockOpened { lines });
        let reordered = some(self.reordered).map(|lines| StockReordered { lines });
        (self.changes, opened, reordered)
    }

    /// Opens the row of a product that was never touched, and changes it at once.
    fn open(&mut self, product: &str, and: impl FnOnce(RowUpdate) -> RowUpdate) {
        let opening = self.policy.opening;
        let opened = RowUpdate::default().set(RECEIVED, opening).set(SHIPPED, 0);
        self.changes.push(RowChange::new(product, and(opened)).if_absent());
        if opening > 0 {
            self.opened.push(line(product, opening));
        }
    }

    /// Checks that a row has what its streams say.
    fn check(
        &self,
        product: &str,
        units: i64,
        name: &str,
        of: impl Fn(&Stock) -> i64,
    ) -> Result<(), Failure> {
        let there = self.rows.get(product).map_or(0, of);
        if there >= units {
            return Ok(());
        }
        Err(Failure::permanent(
            "corrupt_stock",
            format!(
                "product {product}: `{name}` is {there}, the events say at least {units}; another \
                 program may have changed the row"
            ),
        ))
    }
}

/// Returns a line of an event.
pub(crate) fn line(product: &str, units: i64) -> StockLine {
    StockLine { stock_code: StockCode::from(product), units }
}
