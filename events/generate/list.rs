//! The list of all message types. Every generated file follows from it.

use std::error::Error;

use schemars::JsonSchema;
use tidegate::envelope::Envelope;
use tidegate::message::Message;

use super::contents::orders::{ORDERED_AT, RETURNED_AT};
use super::contents::shipping::SEEN_AT;
use super::contents::{fulfilment, orders, payment, shipping, stock};
use super::described::Origin::{Client, Deadline, Event, Process};
use super::described::{Described, Origin, Role, Service, Way};
use super::services::{
    FROM_CARRIER, FROM_CUSTOMERS, FROM_IMPORT, FROM_WAREHOUSE, FULFILMENT, INVENTORY, ORDERS,
    PAYMENT, RETURNS, SHIPPING, TO_FULFILMENT, TO_INVENTORY, TO_PAYMENT, TO_SHIPPING,
};

/// What reads the events of orders and returns from the event store's stream.
const PROJECTION: &[&str] = &["order-projection"];

/// Returns all message types with their samples. An event follows the command that leads to it.
///
/// # Errors
/// A sample cannot be made.
pub fn all() -> Result<Vec<Described>, Box<dyn Error>> {
    let mut list = List::default();
    let placed = list.orders()?;
    let cancelled = list.cancellations()?;
    let returned = list.returns()?;
    let reserve = list.delivery(&placed)?;
    list.compensation(&cancelled)?;
    list.shipments(&cancelled)?;
    list.stock(&reserve, &returned)?;
    list.refunds(&returned)?;
    Ok(list.types)
}

#[derive(Default)]
struct List {
    types: Vec<Described>,
}

type Added = Result<Envelope, Box<dyn Error>>;
type Done = Result<(), Box<dyn Error>>;

impl List {
    fn orders(&mut self) -> Added {
        let subject = "order#536365";
        let content = orders::place_order();
        let place = self.command(ORDERS, FROM_CUSTOMERS, subject, Client(ORDERED_AT), content)?;
        let placed = self.event(ORDERS, subject, Event(&place, 1), orders::order_placed())?;
        self.projected();
        let subject = "order#536589";
        let bad = Client(ORDERED_AT).envelope(ORDERS, subject.parse()?, &orders::bad_order())?;
        self.event(ORDERS, subject, Event(&bad, 1), orders::order_rejected())?;
        self.projected();
        Ok(placed)
    }

    fn cancellations(&mut self) -> Added {
        let (subject, content) = ("order#536367", orders::cancel_order());
        let cancel = self.command(ORDERS, FROM_CUSTOMERS, subject, Client(ORDERED_AT), content)?;
        let requested = orders::cancellation_requested();
        let requested = self.event(ORDERS, subject, Event(&cancel, 2), requested)?;
        self.projected();
        self.event(ORDERS, subject, Event(&cancel, 3), orders::cancellation_rejected())?;
        self.projected();
        Ok(requested)
    }

    fn returns(&mut self) -> Added {
        let (subject, content) = ("return#C536379", orders::record_return());
        let record = self.command(RETURNS, FROM_IMPORT, subject, Client(RETURNED_AT), content)?;
        let recorded =
            self.event(RETURNS, subject, Event(&record, 1), orders::return_recorded())?;
        self.projected();
        let subject = "return#C536391";
        let bad = Client(RETURNED_AT).envelope(RETURNS, subject.parse()?, &orders::bad_return())?;
        self.event(RETURNS, subject, Event(&bad, 1), orders::return_rejected())?;
        self.projected();
        Ok(recorded)
    }

    /// Lists what an order leads to that is delivered, and returns its first command.
    fn delivery(&mut self, placed: &Envelope) -> Added {
        let (reservation, paid) = ("reservation#536365", "payment#536365");
        let (shipped, process) = ("shipment#536365", "fulfilment#536365");
        let reserve = stock::reserve_stock();
        let reserve =
            self.command(INVENTORY, TO_INVENTORY, reservation, Process(placed, 1), reserve)?;
        self.event(INVENTORY, reservation, Event(&reserve, 1), stock::stock_opened())?;
        let reserved = stock::stock_reserved();
        let reserved = self.event(INVENTORY, reservation, Event(&reserve, 2), reserved)?;
        let authorise = payment::authorise_payment();
        let authorise =
            self.command(PAYMENT, TO_PAYMENT, paid, Process(&reserved, 2), authorise)?;
        let authorised = payment::payment_authorised();
        let authorised = self.event(PAYMENT, paid, Event(&authorise, 1), authorised)?;
        let confirmed = fulfilment::order_confirmed();
        self.event(FULFILMENT, process, Event(&authorised, 4), confirmed)?;
        let dispatch = shipping::dispatch_order();
        let dispatch =
            self.command(SHIPPING, TO_SHIPPING, shipped, Process(&authorised, 3), dispatch)?;
        let dispatched = shipping::shipment_dispatched();
        let dispatched = self.event(SHIPPING, shipped, Event(&dispatch, 1), dispatched)?;
        let sent = fulfilment::order_dispatched();
        self.event(FULFILMENT, process, Event(&dispatched, 6), sent)?;
        let ship = stock::ship_stock();
        let ship =
            self.command(INVENTORY, TO_INVENTORY, reservation, Process(&dispatched, 5), ship)?;
        self.event(INVENTORY, reservation, Event(&ship, 4), stock::stock_shipped())?;
        let capture = payment::capture_payment();
        let capture = self.command(PAYMENT, TO_PAYMENT, paid, Process(&dispatched, 5), capture)?;
        let captured = payment::payment_captured();
        let captured = self.event(PAYMENT, paid, Event(&capture, 2), captured)?;
        self.event(FULFILMENT, process, Event(&captured, 8), fulfilment::order_completed())?;
        Ok(reserve)
    }

    /// Lists what takes back what was done for an order, and what leads to that.
    fn compensation(&mut self, cancelled: &Envelope) -> Done {
        let (reservation, paid) = ("reservation#536367", "payment#536367");
        let process = "fulfilment#536367";
        let release = stock::release_stock();
        let release =
            self.command(INVENTORY, TO_INVENTORY, reservation, Process(cancelled, 4), release)?;
        let released = stock::stock_released();
        let released = self.event(INVENTORY, reservation, Event(&release, 3), released)?;
        self.event(INVENTORY, reservation, Event(&release, 2), stock::stock_part_released())?;
        self.event(INVENTORY, reservation, Event(cancelled, 1), stock::stock_part_reserved())?;
        self.event(INVENTORY, reservation, Event(cancelled, 2), stock::stock_rejected())?;
        let release = payment::release_payment();
        let release = self.command(PAYMENT, TO_PAYMENT, paid, Process(cancelled, 3), release)?;
        self.event(PAYMENT, paid, Event(&release, 2), payment::payment_released())?;
        self.event(PAYMENT, paid, Event(cancelled, 1), payment::payment_declined())?;
        self.event(PAYMENT, paid, Event(cancelled, 2), payment::capture_refused())?;
        let lost = fulfilment::order_cancelled();
        self.event(FULFILMENT, process, Event(&released, 6), lost)?;
        self.deadline(process, Deadline(cancelled), fulfilment::payment_overdue())?;
        self.deadline(process, Deadline(cancelled), fulfilment::dispatch_overdue())
    }

    /// Lists what happens to shipments that do not leave at once, and on their way.
    fn shipments(&mut self, cancelled: &Envelope) -> Done {
        let subject = "shipment#536367";
        self.event(SHIPPING, subject, Event(cancelled, 1), shipping::shipment_held())?;
        let cancel = shipping::cancel_shipment();
        let cancel = self.command(SHIPPING, TO_SHIPPING, subject, Process(cancelled, 3), cancel)?;
        self.event(SHIPPING, subject, Event(&cancel, 2), shipping::shipment_cancelled())?;
        self.event(SHIPPING, subject, Event(&cancel, 2), shipping::shipment_on_its_way())?;
        self.event(SHIPPING, subject, Event(cancelled, 1), shipping::shipment_refused())?;
        let content = shipping::hand_over();
        let hand_over =
            self.command(SHIPPING, FROM_WAREHOUSE, subject, Client(SEEN_AT), content)?;
        self.event(SHIPPING, subject, Event(&hand_over, 3), shipping::hand_over_rejected())?;
        let (subject, content) = ("shipment#536365", shipping::record_tracking());
        let record = self.command(SHIPPING, FROM_CARRIER, subject, Client(SEEN_AT), content)?;
        self.event(SHIPPING, subject, Event(&record, 2), shipping::tracking_recorded())?;
        self.event(SHIPPING, subject, Event(&record, 2), shipping::tracking_rejected())?;
        Ok(())
    }

    /// Lists what fills the stock.
    fn stock(&mut self, reserve: &Envelope, returned: &Envelope) -> Done {
        let ordered = stock::stock_reordered();
        let ordered = self.event(INVENTORY, "reservation#536365", Event(reserve, 3), ordered)?;
        let received = stock::stock_received();
        self.event(INVENTORY, "supply#536365", Event(&ordered, 1), received)?;
        let back = stock::stock_returned();
        self.event(INVENTORY, "restock#C536379", Event(returned, 1), back)?;
        Ok(())
    }

    fn refunds(&mut self, returned: &Envelope) -> Done {
        let subject = "payment#C536379";
        self.event(PAYMENT, subject, Event(returned, 1), payment::payment_refunded())?;
        self.event(PAYMENT, subject, Event(returned, 1), payment::refund_refused())?;
        Ok(())
    }

    fn command<M: Message + JsonSchema>(
        &mut self,
        service: Service,
        way: Way,
        subject: &str,
        origin: Origin<'_>,
        content: M,
    ) -> Added {
        self.add(Role::Command(way), service, subject, &origin, &content)
    }

    fn event<M: Message + JsonSchema>(
        &mut self,
        service: Service,
        subject: &str,
        origin: Origin<'_>,
        content: M,
    ) -> Added {
        self.add(Role::Event, service, subject, &origin, &content)
    }

    fn deadline<M: Message + JsonSchema>(
        &mut self,
        subject: &str,
        origin: Origin<'_>,
        content: M,
    ) -> Done {
        self.add(Role::Deadline(TO_FULFILMENT), FULFILMENT, subject, &origin, &content).map(drop)
    }

    fn add<M: Message + JsonSchema>(
        &mut self,
        role: Role,
        service: Service,
        subject: &str,
        origin: &Origin<'_>,
        content: &M,
    ) -> Added {
        let described = Described::new(role, service, subject, origin, content)?;
        let sample = described.sample.clone();
        self.types.push(described);
        Ok(sample)
    }

    /// Says that the newest type is read from the event store's stream, too.
    fn projected(&mut self) {
        if let Some(newest) = self.types.last_mut() {
            newest.projections = PROJECTION;
        }
    }
}
