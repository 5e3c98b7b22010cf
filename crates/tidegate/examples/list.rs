//! Keeps the orders of each customer in a list, newest last, and finds a customer by e-mail.
//!
//! Guarantees:
//!
//! - However often and in whatever order events arrive, each order is in the list once.
//! - An e-mail address leads to one customer. A customer who gives it up frees it in the same write
//!   that takes the new one.
//! - An order that is cancelled leaves the list.
//!
//! A queue that gets the events of the bus invokes the function. A message is only a hint: the
//! events come from the event store, so a lost or reordered message does no harm. Read and write
//! access: the tables of rows, counters and entries. Read access: the event store.

use std::process::ExitCode;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::ids::StreamId;
use tidegate::message::Message;
use tidegate::projection::{
    DynamoDbReadModel, EntryKey, EntryUpdate, Projected, Projection, Projector, ReadModelTables,
    RowUpdate,
};
use tidegate::source::Source;
use tidegate::store::{DynamoDbEventStore, RecordedCommit, RecordedEvent};

#[derive(Serialize, Deserialize, Message)]
struct Registered {
    email: String,
}
#[derive(Serialize, Deserialize, Message)]
struct EmailChanged {
    from: String,
    to: String,
}
#[derive(Serialize, Deserialize, Message)]
struct OrderPlaced {
    customer: String,
    at: Timestamp,
    total: i64,
}
#[derive(Serialize, Deserialize, Message)]
struct OrderCancelled {
    customer: String,
    placed_at: Timestamp,
}

tidegate::messages! { enum CustomerEvent { Registered, EmailChanged } }
tidegate::messages! { enum OrderEvent { OrderPlaced, OrderCancelled } }

struct Customers;

impl Projection for Customers {
    fn concerns(&self, stream: &StreamId) -> bool {
        matches!(stream.kind(), "customer" | "order")
    }

    fn project(
        &self,
        commit: &RecordedCommit,
        event: &RecordedEvent,
    ) -> Result<Projected, Failure> {
        Ok(match commit.stream.kind() {
            "customer" => customer(event.decode()?),
            _ => order(commit.stream.key(), event.decode()?),
        })
    }
}

fn customer(event: CustomerEvent) -> Projected {
    let (email, entries) = match event {
        CustomerEvent::Registered(Registered { email }) => {
            let found = by_email(&email).write(RowUpdate::default());
            (email, vec![found])
        }
        CustomerEvent::EmailChanged(EmailChanged { from, to }) => {
            let found = by_email(&to).write(RowUpdate::default());
            (to, vec![by_email(&from).delete(), found])
        }
    };
    Projected { row: RowUpdate::default().set("email", email), entries, ..Projected::default() }
}

fn order(order: &str, event: OrderEvent) -> Projected {
    let (status, entry): (_, EntryUpdate) = match event {
        OrderEvent::OrderPlaced(OrderPlaced { customer, at, total }) => {
            let row = RowUpdate::default().set("order", order).set("total", total);
            ("placed", orders_of(&customer, at, order).write(row))
        }
        OrderEvent::OrderCancelled(OrderCancelled { customer, placed_at }) => {
            ("cancelled", orders_of(&customer, placed_at, order).delete())
        }
    };
    let row = RowUpdate::default().set("status", status);
    Projected { row, entries: vec![entry], ..Projected::default() }
}

fn by_email(email: &str) -> EntryKey {
    EntryKey::of_lookup(format!("email#{}", email.to_lowercase()))
}

fn orders_of(customer: &str, at: Timestamp, order: &str) -> EntryKey {
    EntryKey::by_time(format!("orders-of#{customer}"), at, order)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let event_store = function.settings.text("EVENT_STORE_TABLE");
    let rows = function.settings.text("CUSTOMER_VIEW_TABLE");
    let counters = function.settings.text("CUSTOMER_COUNTERS_TABLE");
    let entries = function.settings.text("CUSTOMER_ENTRIES_TABLE");
    function
        .run(Source::Sqs, |aws| {
            let tables = ReadModelTables { rows: rows?, counters: counters?, slice: 0 };
            let model = DynamoDbReadModel::new(aws.dynamodb(), tables).with_entries(entries?);
            let events = DynamoDbEventStore::new(aws.dynamodb(), event_store?);
            Some(Projector::new(Customers, Arc::new(model), Arc::new(events)))
        })
        .await
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;
    use tidegate::query::{Consistency, View};
    use tidegate::test::projected;

    use super::*;

    const STRONG: Consistency = Consistency::Strong;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Line {
        order: String,
        total: i64,
    }

    fn placed(customer: &str, at: &str, total: i64) -> OrderEvent {
        let (customer, at) = (customer.to_owned(), at.parse().unwrap());
        OrderEvent::OrderPlaced(OrderPlaced { customer, at, total })
    }

    #[tokio::test]
    async fn the_orders_of_a_customer_are_listed_by_their_time() {
        let cancelled = OrderEvent::OrderCancelled(OrderCancelled {
            customer: "7".to_owned(),
            placed_at: "2010-12-02T10:00:00Z".parse().unwrap(),
        });
        let model = projected(Customers)
            .event("order#3", &placed("7", "2010-12-03T10:00:00Z", 300))
            .event("order#1", &placed("7", "2010-12-01T10:00:00Z", 100))
            .event("order#2", &placed("7", "2010-12-02T10:00:00Z", 200))
            .event("order#4", &placed("8", "2010-12-01T10:00:00Z", 400))
            .event("order#2", &cancelled)
            .run()
            .await;
        let view = View::from_memory(&model);
        let newest = view.list("orders-of#7", STRONG).descending().limit(1);
        let first = view.page_of_list::<Line>(&newest, None).await.unwrap();
        let second = view.page_of_list::<Line>(&newest, first.next.as_ref()).await.unwrap();
        let lines = [first, second].map(|mut page| page.rows.remove(0).data);
        let line = |order: &str, total| Line { order: order.to_owned(), total };
        assert_eq!(lines, [line("3", 300), line("1", 100)]);
        let all = view.list("orders-of#7", STRONG);
        assert_eq!(view.page_of_list::<Line>(&all, None).await.unwrap().rows.len(), 2);
    }

    #[tokio::test]
    async fn an_email_leads_to_the_customer_who_has_it_now() {
        let email = |email: &str| email.to_owned();
        let registered = |to: &str| CustomerEvent::Registered(Registered { email: email(to) });
        let changed = |from: &str, to: &str| {
            CustomerEvent::EmailChanged(EmailChanged { from: email(from), to: email(to) })
        };
        let model = projected(Customers)
            .event("customer#1", &registered("Anna@example.org"))
            .event("customer#1", &changed("Anna@example.org", "ann@example.org"))
            .event("customer#2", &registered("anna@example.org"))
            .run()
            .await;
        let view = View::from_memory(&model);
        for (email, customer) in [
            ("anna@example.org", Some("customer#2")),
            ("ann@example.org", Some("customer#1")),
            ("ben@example.org", None),
        ] {
            let found = view.lookup::<IgnoredAny>(&format!("email#{email}"), STRONG).await.unwrap();
            assert_eq!(found.as_ref().map(|found| found.stream.as_str()), customer, "{email}");
        }
    }

    #[tokio::test]
    #[should_panic(expected = "depends on the order of its events")]
    async fn two_customers_with_one_email_are_found_by_the_test_kit() {
        let registered =
            || CustomerEvent::Registered(Registered { email: "anna@example.org".to_owned() });
        projected(Customers)
            .event("customer#1", &registered())
            .event("customer#2", &registered())
            .run()
            .await;
    }
}
