//! The reservation of an order's products.
//!
//! An order of more products than a transaction holds is reserved, released and shipped in parts.
//! The state says how far that came, so whichever command comes next goes on from there.

use std::collections::{BTreeMap, BTreeSet};

use events::{
    INVENTORY_SOURCE, InventoryEvent, Money, OrderId, ReserveStock, Shortage, StockPartReleased,
    StockPartReserved, StockRejected, StockReleased, StockReserved, StockShipped,
};
use tidegate::failure::Failure;
use tidegate::store::{Decision, RowAggregate, Stage};

use crate::policy::{PartialStock, Policy};
use crate::products::{Products, add, lines, sum, take_away, value};
use crate::stock::{Changes, Stock};

/// A command to a reservation.
pub(crate) enum Command {
    Reserve(ReserveStock),
    Release(OrderId),
    Ship(OrderId),
}

/// A command with the policy by which it is decided.
pub(crate) struct Asked {
    pub(crate) command: Command,
    pub(crate) policy: Policy,
}

/// The reservation of an order's products.
#[derive(Debug, Default)]
pub(crate) struct Reservation {
    phase: Phase,
    /// What is reserved now.
    held: Products,
    /// What was reserved in all, released or shipped units included.
    taken: Products,
    /// What was not available, and left out.
    left_out: Vec<Shortage>,
    /// What was not available, so that everything is given back.
    short: Vec<Shortage>,
    value: Option<Money>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    New,
    /// Some parts are reserved.
    Reserving,
    Reserved,
    /// Some parts are given back.
    Releasing,
    /// Some parts are shipped.
    Shipping,
    Shipped,
    Released,
    Rejected,
}

/// What ends the giving back: the answer to the command.
type Answer<'a> = &'a dyn Fn(&Reservation) -> InventoryEvent;

impl RowAggregate for Reservation {
    type Command = Asked;
    type Event = InventoryEvent;
    type Row = Stock;
    const SOURCE: &'static str = INVENTORY_SOURCE;

    fn creates(asked: &Asked) -> bool {
        matches!(asked.command, Command::Reserve(_))
    }

    fn apply(&mut self, event: &InventoryEvent) {
        match event {
            InventoryEvent::StockPartReserved(part) => {
                self.phase = Phase::Reserving;
                add(&mut self.held, &part.lines);
                add(&mut self.taken, &part.lines);
                self.left_out.extend(part.missing.iter().cloned());
            }
            InventoryEvent::StockReserved(reserved) => {
                self.phase = Phase::Reserved;
                self.held.clear();
                add(&mut self.held, &reserved.lines);
                self.taken = self.held.clone();
                self.left_out.clone_from(&reserved.missing);
                self.value = Some(reserved.value);
            }
            InventoryEvent::StockPartReleased(part) => {
                self.phase = Phase::Releasing;
                take_away(&mut self.held, &part.lines);
                if !part.missing.is_empty() {
                    self.short.clone_from(&part.missing);
                }
            }
            InventoryEvent::StockRejected(rejected) => {
                self.phase = Phase::Rejected;
                self.held.clear();
                self.short.clone_from(&rejected.missing);
            }
            InventoryEvent::StockReleased(_) => {
                self.phase = Phase::Released;
                self.held.clear();
            }
            InventoryEvent::StockShipped(shipped) => {
                take_away(&mut self.held, &shipped.lines);
                let done = self.held.is_empty();
                self.phase = if done { Phase::Shipped } else { Phase::Shipping };
            }
            InventoryEvent::StockOpened(_)
            | InventoryEvent::StockReordered(_)
            | InventoryEvent::StockReceived(_)
            | InventoryEvent::StockReturned(_) => {}
        }
    }

    fn rows(&self, asked: &Asked) -> BTreeSet<String> {
        use Command::{Release, Reserve, Ship};
        match (&asked.command, self.phase) {
            // All of them at first: most orders that cannot be reserved then change nothing.
            (Reserve(reserve), Phase::New) => {
                reserve.lines.iter().map(|line| line.stock_code.to_string()).collect()
            }
            (Reserve(reserve), Phase::Reserving) => {
                let codes = reserve.lines.iter().map(|line| line.stock_code.as_str());
                let left: BTreeSet<&str> = codes.filter(|code| !self.is_done(code)).collect();
                left.into_iter().take(PART).map(str::to_owned).collect()
            }
            (Reserve(_), Phase::Releasing)
            | (Release(_), Phase::Reserving | Phase::Reserved | Phase::Releasing)
            | (Ship(_), Phase::Reserved | Phase::Shipping) => {
                self.held.keys().take(PART).cloned().collect()
            }
            _ => BTreeSet::new(),
        }
    }

    fn decide(
        &self,
        asked: &Asked,
        rows: &BTreeMap<String, Stock>,
    ) -> Result<Stage<InventoryEvent>, Failure> {
        let changes = Changes::new(&asked.policy, rows);
        match &asked.command {
            Command::Reserve(reserve) => self.reserve(reserve, &asked.policy, changes),
            Command::Release(order) => self.release(order, changes),
            Command::Ship(order) => self.ship(order, changes),
        }
    }
}

/// Most products of a part. The answer has all products of the order, and the commit of a large
/// answer is split: 4 MB, the most of a transaction, are up to 11 chunks of 392 KB beside the head.
/// Head, chunks and rows share the 100 items of a transaction.
pub(crate) const PART: usize = Stage::<InventoryEvent>::MOST_ROWS - 11;

impl Reservation {
    fn reserve(
        &self,
        reserve: &ReserveStock,
        policy: &Policy,
        changes: Changes<'_>,
    ) -> Result<Stage<InventoryEvent>, Failure> {
        let order_id = reserve.order_id.clone();
        let rejected = |missing: &[Shortage]| -> InventoryEvent {
            StockRejected { order_id: order_id.clone(), missing: missing.to_vec() }.into()
        };
        match self.phase {
            Phase::New | Phase::Reserving => self.reserve_part(reserve, policy, changes),
            Phase::Reserved => Ok(Stage::last(Decision::one(self.reserved(reserve)))),
            Phase::Releasing => {
                self.give_back(&order_id, changes, &|reservation| rejected(&reservation.short))
            }
            Phase::Rejected | Phase::Released => {
                Ok(Stage::last(Decision::one(rejected(&self.short))))
            }
            Phase::Shipped => Ok(Stage::last(Decision::one(rejected(&[])))),
            Phase::Shipping => Err(being_shipped(&order_id)),
        }
    }

    /// Reserves the next products, up to as many as a transaction holds.
    fn reserve_part(
        &self,
        reserve: &ReserveStock,
        policy: &Policy,
        mut changes: Changes<'_>,
    ) -> Result<Stage<InventoryEvent>, Failure> {
        let order_id = reserve.order_id.clone();
        let wanted = sum(reserve.lines.iter().map(|line| (line.stock_code.as_str(), line.units)))?;
        let whole = value(&reserve.lines, &wanted)?;
        let left: Vec<(&String, &i64)> =
            wanted.iter().filter(|(code, _)| !self.is_done(code)).collect();
        let part = left.get(..PART).unwrap_or(&left);
        // The rows of all products are known at first, later those of the part.
        let seen = if self.phase == Phase::New { left.as_slice() } else { part };
        let missing = shortages(seen, &changes);
        let rejects = match policy.partial {
            PartialStock::Whole => !missing.is_empty(),
            // So far nothing is available, and nothing else is to be looked at.
            PartialStock::Available => {
                let last = seen.len() == left.len();
                let nothing = missing.iter().all(|short| short.available == 0);
                last && self.held.is_empty() && missing.len() == seen.len() && nothing
            }
        };
        if rejects {
            let missing = self.left_out.iter().cloned().chain(missing).collect();
            return Ok(match self.phase {
                Phase::New => Stage::last(Decision::one(StockRejected { order_id, missing })),
                // The parts before are given back by the stages that follow.
                _ => Stage::before_another(Decision::one(StockPartReleased {
                    order_id,
                    lines: Vec::new(),
                    missing,
                })),
            });
        }
        let mut now = Products::new();
        for (code, units) in part {
            let units = (**units).min(changes.available(code));
            if units > 0 {
                changes.reserve(code, units);
                now.insert((*code).clone(), units);
            }
        }
        let missing = shortages(part, &changes);
        if part.len() < left.len() {
            let part = StockPartReserved { order_id, lines: lines(&now), missing };
            return Ok(stage(Stage::before_another, part.into(), changes));
        }
        let taken: Products = self.taken.iter().chain(&now).map(|(c, u)| (c.clone(), *u)).collect();
        let minor = if taken == wanted { whole } else { value(&reserve.lines, &taken)? };
        let reserved = StockReserved {
            order_id,
            lines: lines(&taken),
            value: Money { minor, currency: reserve.currency },
            missing: self.left_out.iter().cloned().chain(missing).collect(),
        };
        Ok(stage(Stage::last, reserved.into(), changes))
    }

    /// Returns the answer of a reservation that is made.
    fn reserved(&self, reserve: &ReserveStock) -> StockReserved {
        StockReserved {
            order_id: reserve.order_id.clone(),
            lines: lines(&self.taken),
            value: self.value.unwrap_or(Money { minor: 0, currency: reserve.currency }),
            missing: self.left_out.clone(),
        }
    }

    fn release(
        &self,
        order_id: &OrderId,
        changes: Changes<'_>,
    ) -> Result<Stage<InventoryEvent>, Failure> {
        let released = |lines| StockReleased { order_id: order_id.clone(), lines };
        match self.phase {
            Phase::Reserving | Phase::Reserved | Phase::Releasing => {
                self.give_back(order_id, changes, &|reservation| {
                    released(lines(&reservation.taken)).into()
                })
            }
            // The reservation may come later, and is then refused.
            Phase::New | Phase::Shipped | Phase::Released | Phase::Rejected => {
                Ok(Stage::last(Decision::one(released(Vec::new()))))
            }
            Phase::Shipping => Err(being_shipped(order_id)),
        }
    }

    /// Gives back the next products, up to as many as a transaction holds.
    fn give_back(
        &self,
        order_id: &OrderId,
        mut changes: Changes<'_>,
        answer: Answer<'_>,
    ) -> Result<Stage<InventoryEvent>, Failure> {
        let part: Vec<_> = self.held.iter().take(PART).collect();
        for (code, units) in &part {
            changes.release(code, **units)?;
        }
        if part.len() == self.held.len() {
            return Ok(stage(Stage::last, answer(self), changes));
        }
        let lines = lines(part);
        let part = StockPartReleased { order_id: order_id.clone(), lines, missing: Vec::new() };
        Ok(stage(Stage::before_another, part.into(), changes))
    }

    fn ship(
        &self,
        order_id: &OrderId,
        mut changes: Changes<'_>,
    ) -> Result<Stage<InventoryEvent>, Failure> {
        let shipped = |lines| StockShipped { order_id: order_id.clone(), lines };
        match self.phase {
            Phase::Reserved | Phase::Shipping => {}
            Phase::Shipped => return Ok(Stage::last(Decision::one(shipped(Vec::new())))),
            Phase::New => return Err(not_reserved(order_id, "nothing was reserved for it")),
            Phase::Reserving => {
                return Err(not_reserved(order_id, "only a part of it is reserved"));
            }
            Phase::Releasing => return Err(not_reserved(order_id, "it is being released")),
            Phase::Released => return Err(not_reserved(order_id, "it was released")),
            Phase::Rejected => return Err(not_reserved(order_id, "its reservation was rejected")),
        }
        let part: Vec<_> = self.held.iter().take(PART).collect();
        for (code, units) in &part {
            changes.ship(code, **units)?;
        }
        let done = part.len() == self.held.len();
        let event = shipped(lines(part)).into();
        Ok(stage(if done { Stage::last } else { Stage::before_another }, event, changes))
    }

    /// Returns whether an earlier part decided on this product.
    fn is_done(&self, code: &str) -> bool {
        self.taken.contains_key(code)
            || self.left_out.iter().any(|short| short.stock_code.as_str() == code)
    }
}

/// Returns the products of which less is available than is wanted.
fn shortages(wanted: &[(&String, &i64)], changes: &Changes<'_>) -> Vec<Shortage> {
    let short = |(code, units): &(&String, &i64)| {
        let available = changes.available(code);
        (available < **units).then(|| Shortage {
            stock_code: code.as_str().into(),
            wanted: **units,
            available,
        })
    };
    wanted.iter().filter_map(short).collect()
}

/// Creates a stage of the changes and of what they led to. `event` is the last of its events.
pub(crate) fn stage(
    of: impl FnOnce(Decision<InventoryEvent>) -> Stage<InventoryEvent>,
    event: InventoryEvent,
    changes: Changes<'_>,
) -> Stage<InventoryEvent> {
    let (changes, opened, reordered) = changes.into_parts();
    let decision = match (opened, reordered) {
        (Some(opened), Some(reordered)) => Decision::one(opened).and(reordered).and(event),
        (Some(opened), None) => Decision::one(opened).and(event),
        (None, Some(reordered)) => Decision::one(reordered).and(event),
        (None, None) => Decision::one(event),
    };
    changes.into_iter().fold(of(decision), Stage::change)
}

fn not_reserved(order_id: &OrderId, why: &str) -> Failure {
    let reason =
        format!("order {order_id} cannot be shipped: {why}; find out what left the warehouse");
    Failure::permanent("not_reserved", reason)
}

fn being_shipped(order_id: &OrderId) -> Failure {
    Failure::transient(
        "being_shipped",
        format!("order {order_id} is being shipped; the command is decided once that is done"),
    )
}
