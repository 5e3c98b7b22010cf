//! Several targets.

use super::*;
use crate::publish::{Action, Limits, Outgoing};
use crate::test::TargetAnswer;

#[tokio::test]
async fn each_target_gets_its_events_and_a_commit_for_none_is_filtered() {
    let (bus, orders, stock) = (bus(), MemoryTarget::new("orders"), MemoryTarget::new("stock"));
    let publisher = without_store()
        .route(Events::all().from_source("shop.orders"), bus.clone())
        .route(Events::all().of_type("Order*"), orders.clone())
        .route(Events::all().of_type("Stock*"), stock.clone());
    let mut mixed = commit("order#1", 1, &[("a", "1"), ("b", "2")]);
    mixed.events[1].kind = "StockCounted".to_owned();
    let mut foreign = commit("bin#1", 1, &[("c", "3")]);
    foreign.source = "shop.bins".to_owned();
    foreign.events[0].kind = "BinEmptied".to_owned();
    let items = [mixed, foreign].map(|commit| item(CommitChange::Commit(commit)));
    assert_eq!(codes(&run(&publisher, &items).await), ["done", "filtered"]);
    assert_eq!(bus.requests(), [["a", "b"]]);
    assert_eq!(orders.requests(), [["a"]]);
    assert_eq!(stock.requests(), [["b"]]);
}

#[tokio::test]
async fn only_the_types_that_a_command_asks_for_leave_and_what_follows_from_them() {
    let (bus, commands) = (bus(), MemoryTarget::new("commands"));
    let publisher = without_store()
        .route(Events::all(), bus.clone())
        .address("commands", commands.clone())
        .messages(|event| {
            let mut envelope = event.envelope()?;
            envelope.id.insert_str(0, "command-");
            let (to, action) = ("commands".to_owned(), Action::Send);
            Ok(vec![Outgoing { to, action, envelope: Some(envelope) }])
        });
    let mut mixed = commit("order#1", 1, &[("a", "1"), ("b", "2"), ("c", "3")]);
    mixed.events[1].kind = "StockCounted".to_owned();
    mixed.events[2].kind = "OrderPaid".to_owned();
    let none = commit("order#2", 1, &[("d", "4")]);
    let items = [mixed, none].map(|commit| item(CommitChange::Commit(commit)));
    let types = |types: &[&str]| {
        let types: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
        BatchContext { types: Some(types.into()), ..BatchContext::new(Duration::from_secs(60)) }
    };
    let outcomes = publisher.handle_batch(&items, &types(&["Stock*", "OrderPaid"])).await;
    assert_eq!(codes(&outcomes), ["done", "filtered"]);
    assert_eq!(bus.requests(), [["b", "c"]]);
    let ids: Vec<String> = commands.taken().into_iter().map(|entry| entry.id).collect();
    assert_eq!(ids, ["command-b", "command-c"]);
}

#[tokio::test]
async fn a_delivery_is_done_when_every_target_has_it() {
    let bus = bus();
    let orders = MemoryTarget::new("orders").answering(|_, entry| match entry.id.as_str() {
        "a" => TargetAnswer::Refused(down()),
        _ => TargetAnswer::Taken,
    });
    let publisher = without_store().route(Events::all(), bus.clone());
    let publisher = hasty(publisher.route(Events::all(), orders.clone()));
    let items = [whole(&[("a", "1")]), whole(&[("b", "2")])];
    // The response names the first delivery, and both come again.
    assert_eq!(codes(&run(&publisher, &items).await), ["event_bus", "done"]);
    assert_eq!(bus.requests(), [["a", "b"]], "the bus does not wait for the other target");
    let ids: Vec<_> = orders.taken().into_iter().map(|entry| entry.id).collect();
    assert_eq!(ids, ["b"]);
}

#[tokio::test]
async fn an_event_leaves_by_value_for_one_target_and_by_reference_for_a_smaller_one() {
    let large = bus();
    let small = MemoryTarget::new("small").limits(Limits::new(10, 1000, 600));
    let publisher = without_store().route(Events::all(), large.clone());
    let publisher = publisher.route(Events::all(), small.clone());
    let data = format!("\"{}\"", "x".repeat(600));
    assert_eq!(run(&publisher, &[whole(&[("a", &data), ("b", "2")])]).await, [APPLIED]);
    let bodies = |target: &MemoryTarget| {
        let bodies = target.taken().into_iter().map(|entry| entry.body.contains("dataref"));
        bodies.collect::<Vec<_>>()
    };
    assert_eq!(bodies(&large), [false, false]);
    assert_eq!(bodies(&small), [true, false]);
}
