//! What a return brings back into the stock.

use std::collections::{BTreeMap, BTreeSet};

use events::{INVENTORY_SOURCE, InventoryEvent, ReturnRecorded, StockReturned};
use tidegate::failure::Failure;
use tidegate::store::{RowAggregate, Stage};

use crate::policy::Policy;
use crate::products::{Products, lines, sum};
use crate::reservation::{PART, stage};
use crate::stock::{Changes, Stock};

/// A recorded return, with the policy by which its products are opened.
pub(crate) struct Returned {
    pub(crate) recorded: ReturnRecorded,
    pub(crate) policy: Policy,
}

/// The products of a return that are back in the stock.
#[derive(Debug, Default)]
pub(crate) struct Restock {
    back: BTreeSet<String>,
}

impl RowAggregate for Restock {
    type Command = Returned;
    type Event = InventoryEvent;
    type Row = Stock;
    const SOURCE: &'static str = INVENTORY_SOURCE;

    fn creates(_: &Returned) -> bool {
        true
    }

    fn apply(&mut self, event: &InventoryEvent) {
        if let InventoryEvent::StockReturned(returned) = event {
            self.back.extend(returned.lines.iter().map(|line| line.stock_code.to_string()));
        }
    }

    fn rows(&self, returned: &Returned) -> BTreeSet<String> {
        let codes = returned.recorded.lines.iter().map(|line| line.stock_code.as_str());
        let left: BTreeSet<&str> = codes.filter(|code| !self.back.contains(*code)).collect();
        left.into_iter().take(PART).map(str::to_owned).collect()
    }

    fn decide(
        &self,
        returned: &Returned,
        rows: &BTreeMap<String, Stock>,
    ) -> Result<Stage<InventoryEvent>, Failure> {
        let recorded = &returned.recorded;
        let all = products(recorded)?;
        let mut left = all.iter().filter(|(code, _)| !self.back.contains(*code));
        let part: Products =
            left.by_ref().take(PART).map(|(code, units)| (code.clone(), *units)).collect();
        let mut changes = Changes::new(&returned.policy, rows);
        for (code, units) in &part {
            changes.take_back(code, *units);
        }
        let back = StockReturned { return_id: recorded.return_id.clone(), lines: lines(&part) };
        let of = if left.next().is_none() { Stage::last } else { Stage::before_another };
        Ok(stage(of, back.into(), changes))
    }
}

/// Returns the units that a return has of each product.
///
/// # Errors
/// `invalid_lines` (permanent): as [`sum`].
pub(crate) fn products(recorded: &ReturnRecorded) -> Result<Products, Failure> {
    sum(recorded.lines.iter().map(|line| (line.stock_code.as_str(), line.quantity)))
}
