//! An order of more products than a transaction holds, under kills at each step.

use events::InventoryEvent;
use tidegate::envelope::Envelope;
use tidegate::test::{Call, Fault, Faults, MemoryRowStore};

use super::{POLICY, World, release, reserve, returned, ship};
use crate::reservation::PART;

/// Products of the largest order of the data.
const PRODUCTS: usize = 1_110;
/// Transactions that it takes: twelve of 88 rows, and one of 54.
const PARTS: u32 = 13;

fn codes() -> Vec<String> {
    (0..PRODUCTS).map(|number| format!("{number:05}")).collect()
}

fn large(order: &str) -> Envelope {
    let codes = codes();
    let lines: Vec<(&str, i64)> = codes.iter().map(|code| (code.as_str(), 2)).collect();
    reserve(order, &lines)
}

fn answers(world: &World, order: &str) -> Vec<&'static str> {
    let events = world.events(&format!("reservation#{order}"));
    let answer = |event: &InventoryEvent| match event {
        InventoryEvent::StockReserved(_) => Some("reserved"),
        InventoryEvent::StockRejected(_) => Some("rejected"),
        InventoryEvent::StockReleased(_) => Some("released"),
        _ => None,
    };
    events.iter().filter_map(answer).collect()
}

/// Kills the function at a call: before or after the call has its effect.
fn kills() -> impl Iterator<Item = (Call, u32, bool)> {
    let calls = [(Call::CommitWithRows, PARTS + 2), (Call::ReadRows, PARTS + 2), (Call::Read, 2)];
    calls.into_iter().flat_map(|(call, most)| {
        (1..=most).flat_map(move |number| [true, false].map(|applied| (call, number, applied)))
    })
}

fn killing((call, number, applied): (Call, u32, bool)) -> World {
    // The call is never answered, so the invocation ends at its deadline.
    let faults = Faults::none().at(call, number, Fault::Hangs { applied });
    World::with(MemoryRowStore::default(), POLICY, faults)
}

#[tokio::test(start_paused = true)]
async fn it_is_reserved_whole_whatever_call_it_is_killed_at() {
    let mut interrupted = 0;
    for kill in kills() {
        let world = killing(kill);
        interrupted += world.deliver(&[large("7")]).await - 1;
        assert_eq!(answers(&world, "7"), ["reserved"], "{kill:?}");
        let books = world.check();
        assert!(codes().iter().all(|code| books.of(code).reserved == 2), "{kill:?}");
        let parts = world.store.commits().len();
        assert_eq!(parts, PARTS as usize, "{kill:?}");
    }
    assert!(interrupted > 2 * PARTS, "only {interrupted} invocations were killed");
}

/// Another order takes the last product while the first parts are reserved.
#[tokio::test(start_paused = true)]
async fn it_is_not_reserved_at_all_if_a_product_runs_out_meanwhile() {
    let codes = codes();
    let last = [(codes[PRODUCTS - 1].as_str(), 100)];
    let mut interrupted = 0;
    for kill in kills().filter(|(call, ..)| *call == Call::CommitWithRows) {
        let (call, number, applied) = kill;
        // Killed at its fourth part, and then at the call that is looked at.
        let faults = Faults::none().at(Call::CommitWithRows, 4, Fault::Hangs { applied: true }).at(
            call,
            number + 5,
            Fault::Hangs { applied },
        );
        let world = World::with(MemoryRowStore::default(), POLICY, faults.clone());
        assert_eq!(world.once(&[large("7")]).await.failed, 1);
        world.deliver(&[reserve("rival", &last)]).await;
        world.deliver(&[large("7")]).await;
        interrupted += u32::try_from(faults.injected().len()).unwrap() - 1;
        assert_eq!(answers(&world, "7"), ["rejected"], "{kill:?}");
        let books = world.check();
        let held: i64 = codes.iter().map(|code| books.of(code).reserved).sum();
        assert_eq!(held, 100, "{kill:?}: only the rival has something");
        let events = world.events("reservation#7");
        let Some(InventoryEvent::StockRejected(rejected)) = events.last() else { panic!() };
        assert_eq!(rejected.missing[0].stock_code.as_str(), codes[PRODUCTS - 1]);
    }
    assert!(interrupted > PARTS, "only {interrupted} invocations were killed");
}

#[tokio::test(start_paused = true)]
async fn a_release_gives_back_what_a_killed_reservation_had_so_far() {
    for number in 1..=PARTS {
        let world = killing((Call::CommitWithRows, number, true));
        let killed = world.once(&[large("7")]).await;
        assert_eq!(killed.failed, 1);
        world.deliver(&[release("7")]).await;
        world.deliver(&[large("7")]).await;
        let expected = match number == PARTS {
            true => vec!["reserved", "released"],
            false => vec!["released", "rejected"],
        };
        assert_eq!(answers(&world, "7"), expected, "killed at part {number}");
        let books = world.check();
        assert!(codes().iter().all(|code| books.of(code).reserved == 0), "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_not_shipped_while_only_a_part_of_it_is_reserved() {
    let world = killing((Call::CommitWithRows, 2, true));
    assert_eq!(world.once(&[large("7")]).await.failed, 1);
    assert_eq!(world.once(&[ship("7")]).await.dead_lettered, 1);
    let reason = "order 7 cannot be shipped: only a part of it is reserved;";
    assert!(world.reasons()[0].contains(reason), "{:?}", world.reasons());
}

#[tokio::test(start_paused = true)]
async fn it_is_shipped_whole_whatever_call_it_is_killed_at() {
    for number in 1..=PARTS {
        for applied in [true, false] {
            let hangs = Fault::Hangs { applied };
            let faults = Faults::none().at(Call::CommitWithRows, PARTS + number, hangs);
            let world = World::with(MemoryRowStore::default(), POLICY, faults);
            world.deliver(&[large("7")]).await;
            assert_eq!(world.deliver(&[ship("7")]).await, 2, "part {number} is killed");
            let books = world.check();
            let shipped = codes().iter().all(|code| {
                let account = books.of(code);
                (account.shipped, account.reserved) == (2, 0)
            });
            assert!(shipped, "{number} {applied}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_return_comes_back_whole_whatever_call_it_is_killed_at() {
    let codes = codes();
    let lines: Vec<(&str, i64)> = codes.iter().map(|code| (code.as_str(), 3)).collect();
    for kill in kills().filter(|(call, ..)| *call == Call::CommitWithRows) {
        let world = killing(kill);
        world.deliver(&[returned("C1", &lines)]).await;
        let books = world.check();
        assert!(codes.iter().all(|code| books.of(code).received == 103), "{kill:?}");
    }
}

/// The answers to such orders are split over several items of their transaction.
#[tokio::test]
async fn an_order_whose_stock_codes_are_as_long_as_allowed_is_reserved_released_and_shipped() {
    // The last part is full: by the size of parts, or by the rows of a transaction.
    for products in [5 * PART, 20 * PART, 5 * 99] {
        let world = World::new(POLICY);
        let codes: Vec<String> = (0..products).map(|number| format!("{number:01000}")).collect();
        let lines: Vec<(&str, i64)> = codes.iter().map(|code| (code.as_str(), 60)).collect();
        world.deliver(&[reserve("7", &lines)]).await;
        assert_eq!(answers(&world, "7"), ["reserved"], "{products}: {:?}", world.reasons());
        world.deliver(&[release("7"), returned("C1", &lines)]).await;
        assert_eq!(answers(&world, "7"), ["reserved", "released"], "{products}");
        world.deliver(&[reserve("9", &lines)]).await;
        world.deliver(&[ship("9")]).await;
        let books = world.check();
        assert!(codes.iter().all(|code| books.of(code).shipped == 60), "{products}");
    }
}
