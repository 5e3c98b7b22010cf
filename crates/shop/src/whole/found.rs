//! What the shop did: a fold over the facts of the event store.

use std::collections::BTreeMap;

use events::{
    CancellationCause, FulfilmentEvent, InventoryEvent, ShippingEvent, StockLine, stream_kind,
};

use super::facts::{Fact, Facts};
use super::money::Money;

/// Units by product. A product without units is absent.
pub(super) type Units = BTreeMap<String, i128>;

/// What the shop did.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Orders and returns by their numbers.
    pub(super) invoices: BTreeMap<String, Invoice>,
    /// Stock of each product.
    pub(super) stock: BTreeMap<String, Stock>,
}

/// What became of an order or a return.
#[derive(Debug, Default)]
pub(super) struct Invoice {
    /// It is an order that was placed.
    pub(super) placed: bool,
    pub(super) cancellation_requested: bool,
    pub(super) end: End,
    /// Code of the reason for which the process waits for a person.
    pub(super) stuck: Option<String>,
    /// What an operator decided after which nothing may follow.
    pub(super) decision: Option<Decision>,
    pub(super) reservation: Reservation,
    pub(super) money: Money,
    pub(super) shipment: Shipment,
    /// Units that came back.
    pub(super) returned: Units,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    Open,
    Dispatched,
    Completed,
    Cancelled(CancellationCause),
}

/// What an operator decided about a process that was stuck for the reason with this code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The order ended.
    Ended(String),
    /// An input was dropped without which the order may stay open.
    LeftOpen(String),
}

/// Reason for a message that the process did not ask for. Without it an order ends as any other.
const NOT_ASKED: &str = "not_asked";

/// What an order reserved.
#[derive(Debug, Default)]
pub(super) struct Reservation {
    pub(super) held: Units,
    pub(super) shipped: Units,
    /// Units that were not available, of an order that was reserved as far as possible.
    pub(super) missing: Units,
    /// Value of what was reserved.
    pub(super) value: Option<i128>,
    /// A product was not available, so nothing was reserved.
    pub(super) rejected: bool,
}

/// Where the shipment of an order is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shipment {
    #[default]
    None,
    /// It waits for a person.
    Held,
    Dispatched,
    Refused,
}

/// Units of a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stock {
    pub(super) received: i128,
    pub(super) reserved: i128,
    pub(super) shipped: i128,
    pub(super) returned: i128,
    pub(super) on_order: i128,
}

impl Found {
    pub(super) fn from_facts(facts: Facts) -> Self {
        let mut found = Self::default();
        for (kind, key, facts) in facts.streams() {
            let mut reservation = Reservation::default();
            for fact in facts {
                match fact {
                    Fact::Stock(event) => {
                        found.move_stock(&event);
                        match &event {
                            InventoryEvent::StockReturned(event) => {
                                let returned = &mut found.invoice(&key).returned;
                                add(returned, &event.lines, 1);
                            }
                            _ => reservation.apply(event),
                        }
                    }
                    fact => found.invoice(&key).apply(fact),
                }
            }
            if kind == stream_kind::RESERVATION {
                for (product, units) in &reservation.held {
                    found.stock.entry(product.clone()).or_default().reserved += units;
                }
                found.invoice(&key).reservation = reservation;
            }
        }
        found
    }

    fn invoice(&mut self, number: &str) -> &mut Invoice {
        self.invoices.entry(number.to_owned()).or_default()
    }

    /// Moves what follows from an event alone. What is reserved follows from the whole stream.
    fn move_stock(&mut self, event: &InventoryEvent) {
        let mut each = |lines: &[StockLine], change: fn(&mut Stock, i128)| {
            for line in lines {
                let stock = self.stock.entry(line.stock_code.0.clone()).or_default();
                change(stock, i128::from(line.units));
            }
        };
        match event {
            InventoryEvent::StockOpened(event) => {
                each(&event.lines, |stock, units| stock.received += units);
            }
            InventoryEvent::StockReceived(event) => each(&event.lines, |stock, units| {
                stock.received += units;
                stock.on_order -= units;
            }),
            InventoryEvent::StockReturned(event) => each(&event.lines, |stock, units| {
                stock.received += units;
                stock.returned += units;
            }),
            InventoryEvent::StockReordered(event) => {
                each(&event.lines, |stock, units| stock.on_order += units);
            }
            InventoryEvent::StockShipped(event) => {
                each(&event.lines, |stock, units| stock.shipped += units);
            }
            InventoryEvent::StockPartReserved(_)
            | InventoryEvent::StockReserved(_)
            | InventoryEvent::StockRejected(_)
            | InventoryEvent::StockPartReleased(_)
            | InventoryEvent::StockReleased(_) => {}
        }
    }
}

impl Stock {
    /// Returns what must be available.
    pub(super) fn on_hand(&self) -> i128 {
        self.received - self.reserved - self.shipped
    }
}

impl Invoice {
    /// Returns whether the goods left the warehouse.
    pub(super) fn is_on_its_way(&self) -> bool {
        matches!(self.end, End::Dispatched | End::Completed)
    }

    fn apply(&mut self, fact: Fact) {
        match fact {
            Fact::Placed => self.placed = true,
            Fact::CancellationRequested => self.cancellation_requested = true,
            Fact::Published(event) => {
                self.end = self.end.after(&event);
                // The process went on after the input that was dropped.
                self.decision.take_if(|decision| matches!(decision, Decision::LeftOpen(_)));
            }
            Fact::Stuck(code) => self.stuck = Some(code),
            Fact::Resumed => self.stuck = None,
            Fact::Skipped => {
                let dropped = self.stuck.take().filter(|code| code != NOT_ASKED);
                self.decision = dropped.map(Decision::LeftOpen).or_else(|| self.decision.take());
            }
            Fact::Forced { ended } => {
                let code = self.stuck.take().unwrap_or_default();
                self.decision = ended.then_some(Decision::Ended(code));
            }
            Fact::Payment(event) => self.money.apply(&event),
            Fact::Shipping(event) => self.shipment = self.shipment.after(&event),
            // A reservation is folded as a whole.
            Fact::Stock(_) => {}
        }
    }
}

impl End {
    fn after(self, event: &FulfilmentEvent) -> Self {
        match event {
            FulfilmentEvent::OrderConfirmed(_) => self,
            FulfilmentEvent::OrderDispatched(_) => Self::Dispatched,
            FulfilmentEvent::OrderCompleted(_) => Self::Completed,
            FulfilmentEvent::OrderCancelled(event) => Self::Cancelled(event.cause),
        }
    }
}

impl Reservation {
    fn apply(&mut self, event: InventoryEvent) {
        match event {
            InventoryEvent::StockPartReserved(event) => add(&mut self.held, &event.lines, 1),
            InventoryEvent::StockReserved(event) => {
                self.held.clear();
                add(&mut self.held, &event.lines, 1);
                self.value = Some(i128::from(event.value.minor));
                let short = event.missing.into_iter();
                self.missing = short
                    .map(|short| (short.stock_code.0, i128::from(short.wanted - short.available)))
                    .collect();
            }
            InventoryEvent::StockRejected(event) => {
                self.held.clear();
                self.rejected |= !event.missing.is_empty();
            }
            InventoryEvent::StockPartReleased(event) => {
                add(&mut self.held, &event.lines, -1);
                self.rejected |= !event.missing.is_empty();
            }
            InventoryEvent::StockReleased(_) => self.held.clear(),
            InventoryEvent::StockShipped(event) => {
                add(&mut self.held, &event.lines, -1);
                add(&mut self.shipped, &event.lines, 1);
            }
            InventoryEvent::StockOpened(_)
            | InventoryEvent::StockReordered(_)
            | InventoryEvent::StockReceived(_)
            | InventoryEvent::StockReturned(_) => {}
        }
    }
}

impl Shipment {
    fn after(self, event: &ShippingEvent) -> Self {
        match event {
            ShippingEvent::ShipmentHeld(_) => Self::Held,
            ShippingEvent::ShipmentDispatched(_) => Self::Dispatched,
            ShippingEvent::ShipmentRefused(_) => Self::Refused,
            ShippingEvent::ShipmentCancelled(_) => Self::None,
            ShippingEvent::ShipmentOnItsWay(_)
            | ShippingEvent::TrackingRecorded(_)
            | ShippingEvent::HandOverRejected(_)
            | ShippingEvent::TrackingRejected(_) => self,
        }
    }
}

/// Adds lines to units, or takes them away.
fn add(units: &mut Units, lines: &[StockLine], sign: i128) {
    for line in lines {
        let product = units.entry(line.stock_code.0.clone()).or_default();
        *product += sign * i128::from(line.units);
        if *product == 0 {
            units.remove(&line.stock_code.0);
        }
    }
}
