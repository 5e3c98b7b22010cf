//! Tests of the function, on a store in memory.

mod books;
mod contended;
mod large;
mod property;
mod story;

use std::sync::Arc;
use std::time::Duration;

use events::{
    Currency, InventoryEvent, Money, OrderLine, ReleaseStock, ReservationLine, ReserveStock,
    ReturnRecorded, ShipStock, StockReordered,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::to_raw_value;
use tidegate::batch::{Counts, EachRecord, Invocation, Runner};
use tidegate::envelope::{Data, DataSchema, Envelope};
use tidegate::ids::{StreamId, Version};
use tidegate::message::Message;
use tidegate::source::Source;
use tidegate::test::{Faults, Faulty, MemoryDeadLetters, MemoryRowStore, SqsEvent};

use crate::handler::Inventory;
use crate::policy::{PartialStock, Policy};

use self::books::Books;

/// Most rounds of deliveries until everything must be acknowledged.
const ROUNDS: u32 = 1000;

const POLICY: Policy =
    Policy { opening: 100, reorder_below: 50, reorder_units: 60, partial: PartialStock::Whole };

/// The function with its store and its dead letters.
struct World {
    store: Arc<MemoryRowStore>,
    letters: Arc<MemoryDeadLetters>,
    runner: Runner<EachRecord<Inventory>>,
}

impl World {
    fn new(policy: Policy) -> Self {
        Self::with(MemoryRowStore::default(), policy, Faults::none())
    }

    fn with(store: MemoryRowStore, policy: Policy, faults: Faults) -> Self {
        Self::sharing(Arc::new(store), policy, faults)
    }

    /// Creates an environment of the function that shares its store with others.
    fn sharing(store: Arc<MemoryRowStore>, policy: Policy, faults: Faults) -> Self {
        let letters: Arc<MemoryDeadLetters> = Arc::default();
        let faulty = Arc::new(Faulty::new(Arc::clone(&store), faults));
        let handler = EachRecord::new(Inventory { store: faulty, policy }, 10);
        let kept = Arc::clone(&letters);
        Self { store, letters, runner: Runner::new(Source::Sqs, handler, "inventory", kept) }
    }

    /// Delivers messages once, in one batch.
    async fn once(&self, messages: &[Envelope]) -> Counts {
        let event = messages.iter().fold(SqsEvent::new(), |event, message| {
            event.message(&serde_json::to_string(message).unwrap())
        });
        let event = event.build();
        self.runner.run(Invocation::new(&event, Duration::from_secs(30))).await.counts
    }

    /// Delivers messages until all of them are acknowledged, the acknowledged ones again with the
    /// others. Returns the number of rounds.
    async fn deliver(&self, messages: &[Envelope]) -> u32 {
        for round in 1..=ROUNDS {
            let counts = self.once(messages).await;
            if counts.failed + counts.not_run == 0 {
                return round;
            }
        }
        panic!("{} messages are not acknowledged after {ROUNDS} rounds", messages.len());
    }

    /// Returns all events of a stream.
    fn events(&self, stream: &str) -> Vec<InventoryEvent> {
        let commits = self.store.commits();
        let of_stream = commits.iter().filter(|commit| commit.stream.as_str() == stream);
        of_stream.flat_map(|commit| &commit.events).map(|event| event.decode().unwrap()).collect()
    }

    /// Returns the orders to the supplier that the events have.
    fn reordered(&self) -> Vec<Envelope> {
        let mut found = Vec::new();
        for commit in self.store.commits() {
            let orders = commit.events.iter().filter(|event| event.kind == StockReordered::TYPE);
            found.extend(orders.map(|event| commit.envelope(event).unwrap()));
        }
        found
    }

    /// Returns the reasons of all dead letters, each behind its code.
    fn reasons(&self) -> Vec<String> {
        let letters = self.letters.letters();
        letters.iter().map(|letter| format!("{}: {}", letter.code, letter.reason)).collect()
    }

    /// Checks that the rows are what the events say, and that nothing is lost or negative.
    #[track_caller]
    fn check(&self) -> Books {
        assert_eq!(self.reasons(), [""; 0]);
        self.balanced()
    }

    /// Checks the same, whatever dead letters there are.
    #[track_caller]
    fn balanced(&self) -> Books {
        let books = Books::of_events(&self.store.commits());
        assert_eq!(Books::of_rows(&self.store.all_rows()), books);
        books.check();
        books
    }
}

fn envelope<M: Message>(id: &str, source: &str, subject: &str, message: &M) -> Envelope {
    let subject: StreamId = subject.parse().unwrap();
    let time: Timestamp = "2010-12-01T08:26:00Z".parse().unwrap();
    let data = Data::Inline(to_raw_value(&message).unwrap());
    Envelope::new(id, source, subject, time, DataSchema::new(M::TYPE, M::VERSION), data)
}

fn command<M: Message + Serialize>(name: &str, order: &str, message: &M) -> Envelope {
    let id = format!("{name}-{order}");
    envelope(&id, "shop.fulfilment", &format!("reservation#{order}"), message)
}

/// Each product with its units; a unit costs 10.
fn reserve(order: &str, lines: &[(&str, i64)]) -> Envelope {
    let line = |(code, units): &(&str, i64)| ReservationLine {
        stock_code: (*code).into(),
        units: *units,
        unit_price: 10,
    };
    let lines = lines.iter().map(line).collect();
    let message = ReserveStock { order_id: order.into(), currency: Currency::Gbp, lines };
    command("reserve", order, &message)
}

fn release(order: &str) -> Envelope {
    command("release", order, &ReleaseStock { order_id: order.into() })
}

fn ship(order: &str) -> Envelope {
    command("ship", order, &ShipStock { order_id: order.into() })
}

fn returned(id: &str, lines: &[(&str, i64)]) -> Envelope {
    let line = |(code, units): &(&str, i64)| OrderLine {
        stock_code: (*code).into(),
        description: String::new(),
        quantity: *units,
        unit_price: 10,
    };
    let lines: Vec<_> = lines.iter().map(line).collect();
    let recorded = ReturnRecorded {
        return_id: id.into(),
        customer_id: None,
        country: "France".to_owned(),
        returned_at: "2010-12-01T08:26:00Z".parse().unwrap(),
        units: lines.iter().map(|line| line.quantity).sum(),
        refund: Money::pence(lines.iter().map(|line| line.quantity * 10).sum()),
        lines,
    };
    let mut envelope = envelope(
        &format!("recorded-{id}"),
        events::ORDERS_SOURCE,
        &format!("return#{id}"),
        &recorded,
    );
    envelope.sequence = Some(Version::new(1));
    envelope
}
