//! Orders in a shop whose services answer late, twice and in any order.

use std::collections::HashSet;

use events::StockRejected;
use fastrand::Rng;
use tidegate::envelope::Envelope;

use super::Test;
use super::said::*;
use crate::input::Input;
use crate::state::Fulfilment;

/// Shops that are played.
const SHOPS: u64 = 200;

/// What a service has of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Has {
    Nothing,
    /// Products are reserved, the payment is authorised, the shipment waits.
    Kept,
    /// The service said no.
    Refused,
    /// It was given back, or asked for back before it came.
    Released,
    /// Products left, the amount was taken, the carrier has the shipment.
    Gone,
}

struct Shop {
    random: Rng,
    test: Test,
    /// Commands and answers on their way.
    to_services: Vec<Envelope>,
    to_process: Vec<Envelope>,
    sent: usize,
    handled: HashSet<String>,
    stock: Has,
    payment: Has,
    shipment: Has,
    capture_refused: bool,
}

impl Shop {
    /// An order is placed, and perhaps cancelled by the customer.
    fn open(seed: u64) -> Self {
        let mut shop = Self {
            random: Rng::with_seed(seed),
            test: Test::new(),
            to_services: Vec::new(),
            to_process: Vec::new(),
            sent: 0,
            handled: HashSet::new(),
            stock: Has::Nothing,
            payment: Has::Nothing,
            shipment: Has::Nothing,
            capture_refused: false,
        };
        shop.say("order", placed());
        if shop.random.bool() {
            shop.say("order", cancellation());
        }
        shop
    }

    /// Puts a message into the queue of the process, sometimes twice.
    fn say(&mut self, kind: &str, input: impl Into<Input>) {
        let stream = format!("{kind}#{}", order_id()).parse().unwrap();
        let message = self.test.about(stream).message(&input.into());
        let copies = if self.random.u8(..4) == 0 { 2 } else { 1 };
        self.to_process.extend(std::iter::repeat_n(message, copies));
    }

    /// Lets things happen, in any order, until nothing happens any more.
    fn play(mut self) -> Self {
        loop {
            let (commands, answers) = (self.to_services.len(), self.to_process.len());
            let deadline = self.test.deadlines().first().map(|(name, _)| name.clone());
            let late = commands + answers == 0 || self.random.u8(..40) == 0;
            match deadline {
                Some(deadline) if late => drop(self.test.pass(&deadline)),
                _ if commands + answers == 0 => return self,
                _ => match self.random.usize(..commands + answers) {
                    place if place < commands => {
                        let command = self.to_services.swap_remove(place);
                        self.serve(&command);
                    }
                    place => {
                        let answer = self.to_process.swap_remove(place - commands);
                        self.test.deliver(answer);
                    }
                },
            }
            let new: Vec<_> = self.test.sent()[self.sent..].to_vec();
            self.sent += new.len();
            for command in new {
                let copies = if self.random.u8(..4) == 0 { 2 } else { 1 };
                self.to_services.extend(std::iter::repeat_n(command.envelope, copies));
            }
        }
    }

    /// A service handles a command, as the contract of the shop says.
    fn serve(&mut self, command: &Envelope) {
        if !self.handled.insert(command.id.clone()) {
            return;
        }
        let says_no = self.random.u8(..6) == 0;
        let is_silent = self.random.u8(..6) == 0;
        match (command.kind.as_str(), self.stock, self.payment, self.shipment) {
            ("ReserveStock", Has::Nothing, ..) if says_no => {
                self.stock = Has::Refused;
                self.say("reservation", stock_rejected());
            }
            ("ReserveStock", Has::Nothing, ..) => {
                self.stock = Has::Kept;
                self.say("reservation", reserved());
            }
            ("ReserveStock", Has::Released, ..) => {
                self.say("reservation", StockRejected { missing: vec![], ..stock_rejected() });
            }
            ("ReleaseStock", Has::Nothing | Has::Kept | Has::Refused, ..) => {
                self.stock = Has::Released;
                self.say("reservation", stock_released());
            }
            ("ShipStock", Has::Kept, ..) => self.stock = Has::Gone,
            ("AuthorisePayment", _, Has::Nothing, _) if says_no => {
                self.payment = Has::Refused;
                self.say("payment", declined());
            }
            // The provider authorises, and its answer is lost.
            ("AuthorisePayment", _, Has::Nothing, _) if is_silent => self.payment = Has::Kept,
            ("AuthorisePayment", _, Has::Nothing, _) => {
                self.payment = Has::Kept;
                self.say("payment", authorised());
            }
            ("AuthorisePayment", _, Has::Released, _) => self.say("payment", declined()),
            ("ReleasePayment", _, Has::Nothing | Has::Kept | Has::Refused, _) => {
                self.payment = Has::Released;
                self.say("payment", payment_released());
            }
            ("CapturePayment", _, Has::Kept, _) if says_no => {
                self.capture_refused = true;
                self.say("payment", capture_refused());
            }
            ("CapturePayment", _, Has::Kept, _) => {
                self.payment = Has::Gone;
                self.say("payment", captured());
            }
            ("DispatchOrder", .., Has::Nothing) if says_no => {
                self.shipment = Has::Refused;
                self.say("shipment", shipment_refused());
            }
            ("DispatchOrder", .., Has::Nothing) if is_silent => self.shipment = Has::Kept,
            ("DispatchOrder", .., Has::Nothing) => {
                self.shipment = Has::Gone;
                self.say("shipment", shipment_dispatched());
            }
            ("DispatchOrder", .., Has::Released)
            | ("CancelShipment", .., Has::Nothing | Has::Kept | Has::Refused) => {
                self.shipment = Has::Released;
                self.say("shipment", shipment_cancelled());
            }
            ("CancelShipment", .., Has::Gone) => self.say("shipment", shipment_on_its_way()),
            (kind, stock, payment, shipment) => panic!(
                "{kind} while stock is {stock:?}, payment {payment:?}, shipment {shipment:?}:\n{}",
                self.test.trace()
            ),
        }
    }

    /// Returns how often an event of this type was published.
    fn published(&self, kind: &str) -> usize {
        let commits = self.test.store().commits();
        commits.iter().flat_map(|commit| &commit.events).filter(|event| event.kind == kind).count()
    }

    /// Returns how the order ended, after it was checked that nothing is left anywhere.
    fn end(&self) -> &'static str {
        let instance = self.test.instance();
        let services = (self.stock, self.payment, self.shipment);
        let ends = ["OrderCompleted", "OrderCancelled"].map(|kind| self.published(kind));
        let trace = self.test.trace();
        if let Some(stuck) = instance.stuck() {
            assert_eq!(stuck.reason.code, "capture_refused", "{trace}");
            assert!(self.capture_refused && ends == [0, 0], "{trace}");
            assert_eq!(services, (Has::Gone, Has::Kept, Has::Gone), "{trace}");
            return "stuck";
        }
        match self.test.state() {
            Fulfilment::Completed => {
                assert_eq!(services, (Has::Gone, Has::Gone, Has::Gone), "{trace}");
                assert_eq!(ends, [1, 0], "{trace}");
                assert_eq!(self.published("OrderDispatched"), 1, "{trace}");
                "completed"
            }
            Fulfilment::Cancelled(_) => {
                let is_clear = |has| matches!(has, Has::Nothing | Has::Refused | Has::Released);
                assert!(is_clear(self.stock) && is_clear(self.payment), "{services:?}\n{trace}");
                assert!(is_clear(self.shipment), "{services:?}\n{trace}");
                assert_eq!(ends, [0, 1], "{trace}");
                "cancelled"
            }
            other => panic!("the order ended in {other:?}:\n{trace}"),
        }
    }
}

#[test]
fn every_order_ends_and_nothing_is_left_reserved_authorised_or_sent_without_pay() {
    let mut ends = HashSet::new();
    for seed in 0..SHOPS {
        ends.insert(Shop::open(seed).play().end());
    }
    assert_eq!(ends, HashSet::from(["completed", "cancelled", "stuck"]));
}
