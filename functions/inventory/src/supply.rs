//! What the supplier delivers. The supplier of the reference system delivers at once.

use std::collections::{BTreeMap, BTreeSet};

use events::{INVENTORY_SOURCE, InventoryEvent, StockReceived, StockReordered};
use tidegate::failure::Failure;
use tidegate::store::{RowAggregate, Stage};

use crate::policy::Policy;
use crate::products::{lines, sum};
use crate::reservation::stage;
use crate::stock::{Changes, Stock};

/// An order to the supplier.
pub(crate) struct Ordered {
    pub(crate) reordered: StockReordered,
    pub(crate) policy: Policy,
}

/// The deliveries for the reservation of an order. It has no state: each order to the supplier is
/// delivered once, and is known by its cause.
#[derive(Debug, Default)]
pub(crate) struct Supply;

impl RowAggregate for Supply {
    type Command = Ordered;
    type Event = InventoryEvent;
    type Row = Stock;
    const SOURCE: &'static str = INVENTORY_SOURCE;

    fn creates(_: &Ordered) -> bool {
        true
    }

    fn apply(&mut self, _: &InventoryEvent) {}

    fn rows(&self, ordered: &Ordered) -> BTreeSet<String> {
        ordered.reordered.lines.iter().map(|line| line.stock_code.to_string()).collect()
    }

    fn decide(
        &self,
        ordered: &Ordered,
        rows: &BTreeMap<String, Stock>,
    ) -> Result<Stage<InventoryEvent>, Failure> {
        let reordered = ordered.reordered.lines.iter();
        let products = sum(reordered.map(|line| (line.stock_code.as_str(), line.units)))?;
        let mut changes = Changes::new(&ordered.policy, rows);
        for (code, units) in &products {
            changes.receive(code, *units)?;
        }
        let received = StockReceived { lines: lines(&products) };
        Ok(stage(Stage::last, received.into(), changes))
    }
}
