//! What each message leads to, in every order in which they may come.

use events::{
    InventoryEvent, Money, Shortage, StockLine, StockOpened, StockReceived, StockRejected,
    StockReleased, StockReordered, StockReserved, StockReturned, StockShipped,
};
use tidegate::batch::Counts;

use super::{POLICY, World, release, reserve, returned, ship};
use crate::policy::{PartialStock, Policy};

fn lines(lines: &[(&str, i64)]) -> Vec<StockLine> {
    let line =
        |(code, units): &(&str, i64)| StockLine { stock_code: (*code).into(), units: *units };
    lines.iter().map(line).collect()
}

fn opened(products: &[(&str, i64)]) -> InventoryEvent {
    StockOpened { lines: lines(products) }.into()
}

fn reserved(order: &str, products: &[(&str, i64)], minor: i64) -> InventoryEvent {
    StockReserved {
        order_id: order.into(),
        lines: lines(products),
        value: Money::pence(minor),
        missing: Vec::new(),
    }
    .into()
}

fn released(order: &str, products: &[(&str, i64)]) -> InventoryEvent {
    StockReleased { order_id: order.into(), lines: lines(products) }.into()
}

fn rejected(order: &str, missing: &[(&str, i64, i64)]) -> InventoryEvent {
    StockRejected { order_id: order.into(), missing: shortages(missing) }.into()
}

fn shortages(missing: &[(&str, i64, i64)]) -> Vec<Shortage> {
    let shortage = |(code, wanted, available): &(&str, i64, i64)| Shortage {
        stock_code: (*code).into(),
        wanted: *wanted,
        available: *available,
    };
    missing.iter().map(shortage).collect()
}

async fn applied(world: &World, message: tidegate::envelope::Envelope) {
    let counts = world.once(&[message]).await;
    assert_eq!((counts.applied, counts.total()), (1, 1), "{:?}", world.reasons());
}

#[tokio::test]
async fn an_order_is_reserved_and_shipped() {
    let world = World::new(POLICY);
    // A product with two lines is reserved once.
    applied(&world, reserve("7", &[("A", 3), ("B", 5), ("A", 4)])).await;
    let reserved = reserved("7", &[("A", 7), ("B", 5)], 120);
    assert_eq!(world.events("reservation#7"), [opened(&[("A", 100), ("B", 100)]), reserved]);
    let account = world.check().of("A");
    assert_eq!((account.on_hand, account.reserved, account.shipped), (93, 7, 0));
    applied(&world, ship("7")).await;
    let shipped = StockShipped { order_id: "7".into(), lines: lines(&[("A", 7), ("B", 5)]) };
    assert_eq!(world.events("reservation#7")[2..], [shipped.into()]);
    let account = world.check().of("A");
    assert_eq!((account.on_hand, account.reserved, account.shipped), (93, 0, 7));
    // What was shipped cannot be given back.
    applied(&world, release("7")).await;
    assert_eq!(world.events("reservation#7")[3..], [released("7", &[])]);
    world.check();
}

#[tokio::test]
async fn every_message_counts_once_however_often_it_comes() {
    let world = World::new(POLICY);
    let messages = [reserve("7", &[("A", 3)]), ship("7"), reserve("8", &[("A", 4)]), release("8")];
    for message in &messages {
        applied(&world, message.clone()).await;
    }
    applied(&world, returned("C1", &[("A", 2), ("C", 1)])).await;
    let before = (world.check(), world.store.commits().len());
    for _ in 0..2 {
        for message in messages.iter().chain([&returned("C1", &[("A", 2), ("C", 1)])]) {
            let mut duplicate = Counts::default();
            duplicate.duplicate = 1;
            assert_eq!(world.once(std::slice::from_ref(message)).await, duplicate);
        }
    }
    assert_eq!((world.check(), world.store.commits().len()), before);
}

#[tokio::test]
async fn a_shortage_rejects_the_whole_order_and_changes_no_row() {
    let world = World::new(POLICY);
    applied(&world, reserve("7", &[("A", 90)])).await;
    let before = world.check();
    applied(&world, reserve("8", &[("A", 11), ("B", 1), ("C", 101)])).await;
    let missing = [("A", 11, 10), ("C", 101, 100)];
    assert_eq!(world.events("reservation#8"), [rejected("8", &missing)]);
    assert_eq!(world.check(), before);
    applied(&world, release("8")).await;
    assert_eq!(world.events("reservation#8")[1..], [released("8", &[])]);
    assert_eq!(world.check(), before);
}

#[tokio::test]
async fn a_release_that_overtakes_its_reservation_wins() {
    let world = World::new(POLICY);
    applied(&world, release("7")).await;
    applied(&world, reserve("7", &[("A", 1)])).await;
    assert_eq!(world.events("reservation#7"), [released("7", &[]), rejected("7", &[])]);
    assert!(world.check().0.is_empty());
}

#[tokio::test]
async fn what_is_released_is_available_again() {
    let world = World::new(POLICY);
    applied(&world, reserve("7", &[("A", 100)])).await;
    applied(&world, release("7")).await;
    assert_eq!(world.events("reservation#7").last(), Some(&released("7", &[("A", 100)])));
    applied(&world, reserve("8", &[("A", 100)])).await;
    let account = world.check().of("A");
    assert_eq!((account.on_hand, account.reserved), (0, 100));
}

#[tokio::test]
async fn nothing_is_shipped_that_is_not_reserved_and_the_reason_says_why() {
    for (before, why) in [
        (vec![], "nothing was reserved for it"),
        (vec![reserve("7", &[("A", 1)]), release("7")], "it was released"),
        (vec![reserve("7", &[("A", 101)])], "its reservation was rejected"),
    ] {
        let world = World::new(POLICY);
        for message in before {
            applied(&world, message).await;
        }
        let commits = world.store.commits();
        let counts = world.once(&[ship("7")]).await;
        assert_eq!((counts.dead_lettered, counts.total()), (1, 1), "{why}");
        let reason = format!("not_reserved: order 7 cannot be shipped: {why};");
        assert!(world.reasons()[0].starts_with(&reason), "{:?}", world.reasons());
        assert_eq!(world.store.commits(), commits);
    }
}

#[tokio::test]
async fn a_product_that_runs_low_is_ordered_once_and_delivered() {
    let world = World::new(POLICY);
    for (order, units) in [("1", 50), ("2", 1), ("3", 9), ("4", 2)] {
        applied(&world, reserve(order, &[("A", units)])).await;
    }
    // 50 left is not below 50; 49 is; after that 60 units are on their way.
    let ordered = |order: &str| {
        let events = world.events(&format!("reservation#{order}"));
        events.into_iter().find_map(|event| match event {
            InventoryEvent::StockReordered(StockReordered { lines }) => Some(lines),
            _ => None,
        })
    };
    let orders = ["1", "2", "3", "4"].map(ordered);
    assert_eq!(orders, [None, Some(lines(&[("A", 60)])), None, None]);
    let order = world.reordered().remove(0);
    for _ in 0..2 {
        world.once(std::slice::from_ref(&order)).await;
    }
    let received = StockReceived { lines: lines(&[("A", 60)]) };
    assert_eq!(world.events("supply#2"), [received.into()]);
    let account = world.check().of("A");
    assert_eq!((account.received, account.on_hand, account.on_order), (160, 98, 0));
    // It runs low again.
    applied(&world, reserve("5", &[("A", 49)])).await;
    assert_eq!(ordered("5"), Some(lines(&[("A", 60)])));
}

#[tokio::test]
async fn a_return_opens_a_product_that_was_never_touched() {
    let world = World::new(POLICY);
    applied(&world, returned("C1", &[("A", 2), ("A", 1)])).await;
    let back = StockReturned { return_id: "C1".into(), lines: lines(&[("A", 3)]) };
    assert_eq!(world.events("restock#C1"), [opened(&[("A", 100)]), back.into()]);
    assert_eq!(world.check().of("A").on_hand, 103);
}

#[tokio::test]
async fn the_policy_may_be_to_reserve_what_is_available() {
    let world = World::new(Policy { partial: PartialStock::Available, ..POLICY });
    applied(&world, reserve("7", &[("A", 60), ("A", 60), ("B", 1)])).await;
    let partly = StockReserved {
        order_id: "7".into(),
        lines: lines(&[("A", 100), ("B", 1)]),
        value: Money::pence(1010),
        missing: shortages(&[("A", 120, 100)]),
    };
    assert_eq!(world.events("reservation#7").last(), Some(&partly.clone().into()));
    // Another command for the same order gets the same answer and changes nothing.
    let mut again = reserve("7", &[("A", 60), ("A", 60), ("B", 1)]);
    again.id = "again".to_owned();
    applied(&world, again).await;
    assert_eq!(world.events("reservation#7").last(), Some(&partly.into()));
    // Nothing is left of A, and nothing else is wanted.
    applied(&world, reserve("8", &[("A", 1)])).await;
    assert_eq!(world.events("reservation#8"), [rejected("8", &[("A", 1, 0)])]);
    world.check();
}

#[tokio::test]
async fn bad_messages_become_dead_letters_and_cost_no_neighbour() {
    let world = World::new(POLICY);
    let (long, largest) = ("x".repeat(1001), events::limits::LARGEST);
    let mut elsewhere = reserve("1", &[("A", 1)]);
    elsewhere.subject = "reservation#2".parse().unwrap();
    let mut back_elsewhere = returned("C2", &[("A", 1)]);
    back_elsewhere.subject = "return#C3".parse().unwrap();
    let bad = [
        (elsewhere, "subject_mismatch", "its content is for reservation#1"),
        (back_elsewhere, "subject_mismatch", "its content is for return#C2"),
        (reserve("3", &[("A", 0)]), "invalid_lines", "line 1 (A) has 0 units"),
        (reserve("4", &[("A", 1), ("A", largest)]), "invalid_lines", "has 1000000000000001 units"),
        (reserve("9", &[("A", largest)]), "invalid_lines", "all lines is 10000000000000000; 1000"),
        (reserve("5", &[]), "invalid_lines", "there are no lines"),
        (reserve("6", &[("", 1)]), "invalid_lines", "line 1: the stock code is empty"),
        (reserve("8", &[(&long, 1)]), "invalid_lines", "the stock code has 1001 bytes; 1000 fit"),
        (returned("C1", &[("A", -1)]), "invalid_lines", "line 1 (A) has -1 units"),
    ];
    let mut messages: Vec<_> = bad.iter().map(|(message, ..)| message.clone()).collect();
    messages.insert(3, reserve("7", &[("A", 1)]));
    let counts = world.once(&messages).await;
    assert_eq!((counts.applied, counts.dead_lettered, counts.total()), (1, 9, 10));
    let reasons = world.reasons();
    for (_, code, reason) in bad {
        let is_it = |text: &String| text.starts_with(code) && text.contains(reason);
        assert!(reasons.iter().any(is_it), "{code}: {reason} is not in {reasons:?}");
    }
    assert_eq!(world.store.all_rows().len(), 1);
}

#[tokio::test]
async fn a_command_that_comes_again_with_other_content_is_refused() {
    let world = World::new(POLICY);
    applied(&world, reserve("7", &[("A", 1)])).await;
    world.once(&[reserve("7", &[("A", 2)])]).await;
    assert!(world.reasons()[0].starts_with("cause_reused"), "{:?}", world.reasons());
}
