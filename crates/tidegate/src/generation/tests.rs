//! Tests the changes of a pointer.

use std::time::Duration;

use jiff::Timestamp;

use super::memory::MemoryPointers;
use super::*;
use crate::failure::Failure;
use crate::store::Retry;
use crate::test::{Call, Fault, Faults, Faulty};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn declared(numbers: &[u32]) -> Generations {
    Generations::new("order-view", numbers.to_vec()).unwrap()
}

fn live(generation: u32) -> Pointer {
    Pointer {
        live: Some(generation),
        built: vec![generation],
        revision: 1,
        ..Pointer::new("order-view")
    }
}

fn begun(pointer: &Pointer, generation: u32, owner: &str, second: i64) -> Result<Pointer, Refused> {
    pointer.begin(generation, owner, 2, false, &declared(&[1, 2, 3]), at(second))
}

/// Folds both segments.
fn folded(pointer: &Pointer, owner: &str, second: i64) -> Pointer {
    let done = |events| Segment::default().after(None, 1, events);
    let first = pointer.record(owner, 0, done(2), at(second)).unwrap();
    first.record(owner, 1, done(3), at(second)).unwrap()
}

#[test]
fn a_rebuild_ends_with_the_move_and_keeps_the_way_back() {
    let pointer = folded(&begun(&live(1), 2, "anna", 0).unwrap(), "anna", 1);
    let rebuild = pointer.rebuild.as_ref().unwrap();
    assert_eq!((rebuild.streams(), rebuild.events()), (2, 5));
    let closed = pointer.close("anna", Duration::from_secs(30), at(2)).unwrap();
    assert_eq!(closed.closed(at(31)).unwrap().owner, "anna");
    assert_eq!(closed.closed(at(32)), None, "it opens by itself");
    let moved = closed.moved(2, "anna", at(3)).unwrap();
    assert_eq!((moved.live, moved.previous, &moved.built[..]), (Some(2), Some(1), &[1, 2][..]));
    assert_eq!((&moved.fence, &moved.rebuild), (&None, &None));
    assert_eq!(moved.moved(2, "anna", at(4)), Ok(moved.clone()), "once more changes nothing");
    let back = moved.back(&declared(&[1, 2]), at(5)).unwrap();
    assert_eq!((back.live, back.previous), (Some(1), Some(2)));
    assert_eq!(back.back(&declared(&[1, 2]), at(5)).unwrap().live, Some(2));
    let gone = moved.back(&declared(&[2]), at(5)).unwrap_err();
    assert!(gone.to_string().starts_with("order-view@1 is not declared"), "{gone}");
    let none = live(1).back(&declared(&[1]), at(5)).unwrap_err();
    assert!(none.to_string().contains("no previous generation"), "{none}");
}

#[test]
fn what_cannot_be_rebuilt_is_refused_and_says_what_to_do() {
    let running = begun(&live(1), 2, "anna", 0).unwrap();
    let built = Pointer { built: vec![1, 2], ..live(1) };
    for (refused, expected) in [
        (
            begun(&live(1), 7, "b", 0),
            "order-view@7 is not declared; the topology has the generations 1, 2, 3",
        ),
        (begun(&live(1), 1, "b", 0), "order-view@1 is live; declare another"),
        (begun(&built, 2, "b", 0), "order-view@2 is already built; to build it again, empty"),
        (begun(&running, 2, "b", 59), "anna rebuilds generation 2 since 1970-01-01T00:00:00Z"),
        (begun(&running, 3, "b", 59), "anna rebuilds generation 2"),
        (running.close("anna", Duration::from_secs(9), at(1)), "2 segments of the event store"),
        (running.moved(2, "anna", at(1)), "the fence is not closed"),
        (running.record("b", 0, Segment::default(), at(1)), "the rebuild belongs to anna"),
        (running.record("anna", 2, Segment::default(), at(1)), "the rebuild belongs to anna"),
        (live(1).renewed("anna", at(1)), "the rebuild of anna has ended"),
        (running.back(&declared(&[1]), at(1)), "order-view@1 has no previous"),
        (running.forgotten(at(59)), "anna rebuilds generation 2"),
    ] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.starts_with(expected), "{refused}");
    }
    let again = built.begin(2, "b", 1, true, &declared(&[1, 2]), at(0)).unwrap();
    assert_eq!(again.built, [1], "it is not built until it is proven again");
}

#[test]
fn a_rebuild_whose_owner_is_gone_is_resumed_where_it_was() {
    let begun_by = |pointer: &Pointer, owner, second| begun(pointer, 2, owner, second).unwrap();
    let started = begun_by(&live(1), "anna", 0);
    let half = Segment::default().after(Some("there".to_owned()), 4, 9);
    let half_way = started.record("anna", 1, half.clone(), at(10)).unwrap();
    assert!(begun(&half_way, 2, "bob", 69).is_err(), "the record renewed the lease");
    let resumed = begun_by(&half_way, "bob", 70);
    let rebuild = resumed.rebuild.as_ref().unwrap();
    assert_eq!((rebuild.owner.as_str(), rebuild.started_at), ("bob", at(0)));
    assert_eq!((rebuild.left(), &rebuild.segments[1]), (vec![0, 1], &half));
    assert!(resumed.record("anna", 0, half, at(71)).is_err(), "anna is gone");
    assert_eq!(begun_by(&half_way, "anna", 20).rebuild.unwrap().segments[1].events, 9);
    let other = begun(&half_way, 3, "bob", 70).unwrap().rebuild.unwrap();
    assert_eq!((other.generation, other.streams()), (3, 0), "another generation begins anew");
    let left = half_way.left("anna", at(11));
    assert!(begun(&left, 2, "bob", 11).is_ok(), "nobody waits for a run that ended");
    assert_eq!(left.forgotten(at(11)).unwrap().rebuild, None);
}

#[test]
fn a_fence_that_opened_by_itself_moves_nothing() {
    let closed = folded(&begun(&live(1), 2, "anna", 0).unwrap(), "anna", 1)
        .close("anna", Duration::from_secs(30), at(2))
        .unwrap();
    assert!(matches!(closed.moved(2, "anna", at(32)), Err(Refused::Expired { .. })));
    assert_eq!(closed.open("anna").fence, None);
    assert_eq!(closed.open("bob"), closed);
    let refused = Fence { owner: "bob".to_owned(), until: at(99) };
    let of_bob = Pointer { fence: Some(refused), ..closed };
    assert!(matches!(of_bob.close("anna", Duration::ZERO, at(3)), Err(Refused::Fenced { .. })));
    assert!(matches!(of_bob.moved(2, "anna", at(3)), Err(Refused::Expired { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_changes_a_pointer_once() {
    for fault in [Fault::LostResponse, Fault::Throttled, Fault::SentTwice] {
        let faults = Faults::none().at(Call::PointerWrite, 1, fault);
        let pointers = Faulty::new(std::sync::Arc::new(MemoryPointers::default()), faults);
        let begin = |pointer: &Pointer| begun(pointer, 2, "anna", 0);
        let changed = change(&pointers, "order-view", Retry::default(), begin).await.unwrap();
        let changed = changed.unwrap();
        assert_eq!((changed.revision, changed.rebuild.unwrap().owner.as_str()), (1, "anna"));
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_changes_at_the_same_time_none_is_lost() {
    let pointers = MemoryPointers::default();
    let first = begun(&Pointer::new("order-view"), 2, "anna", 0).unwrap();
    let first = pointers.write(&first).await.unwrap().unwrap();
    let mut rival = Some(folded(&first, "anna", 1));
    let renew = |pointer: &Pointer| {
        if let Some(rival) = rival.take() {
            futures::executor::block_on(pointers.write(&rival)).unwrap().unwrap();
        }
        pointer.renewed("anna", at(50))
    };
    let changed = change(&pointers, "order-view", Retry::default(), renew).await.unwrap().unwrap();
    let rebuild = changed.rebuild.unwrap();
    assert_eq!((rebuild.events(), rebuild.until), (5, at(110)));
}

#[test]
fn a_list_of_generations_is_checked() {
    for wrong in ["", "0", "1,1", "2,x", "1,2,3,4,5,6,7,8,9", "-1"] {
        let variables = [("TIDEGATE_GENERATIONS_ORDER_VIEW".to_owned(), format!(" {wrong}"))];
        let mut settings = crate::config::Settings::from_variables(variables);
        let read = Generations::from_settings(&mut settings, "order-view");
        let problems = settings.finish(|| Some(())).map_err(|error| error.to_string());
        match wrong {
            "" => assert_eq!((read.unwrap().numbers(), problems), (&[1][..], Ok(()))),
            _ => assert!(problems.unwrap_err().contains("must be 1 to 8 different"), "{wrong}"),
        }
    }
    let variables = [("TIDEGATE_GENERATIONS_ORDER_VIEW".to_owned(), "2, 1".to_owned())];
    let mut settings = crate::config::Settings::from_variables(variables);
    assert_eq!(Generations::from_settings(&mut settings, "order-view"), None);
    let problems = settings.finish(|| Some(())).unwrap_err().to_string();
    assert!(problems.ends_with("TIDEGATE_POINTERS_TABLE is missing"), "{problems}");
}

#[tokio::test]
async fn nothing_is_stored_of_a_new_projection() {
    let read = MemoryPointers::default().read("order-view").await;
    assert_eq!(read, Ok::<_, Failure>(Pointer::new("order-view")));
}
