//! Messages that follow from events.

use serde::{Deserialize, Serialize};

use super::*;
use crate::message::Message;
use crate::publish::{Action, Outgoing, Published};
use crate::test::TargetAnswer;

#[derive(Serialize, Deserialize)]
struct Book {
    nights: u32,
}

impl Message for Book {
    const TYPE: &'static str = "Book";
    const VERSION: u32 = 1;
}

/// The rules of a trip: each event books a hotel, and the first also sets a deadline that the
/// second cancels.
fn rules(event: &Published<'_>) -> Result<Vec<Outgoing>, Failure> {
    let hotel = "hotel#1".parse().unwrap();
    let book = event.command("hotels", "hotel", hotel, &Book { nights: 2 })?;
    let due = "2026-12-24T18:00:00Z".parse().unwrap();
    let (stream, version) = (event.stream().clone(), event.event().version.number());
    Ok(match version {
        1 => vec![book, event.schedule("deadlines", "pay", due, stream, &Book { nights: 0 })?],
        2 => vec![book, event.cancel("deadlines", "pay")],
        _ => vec![book],
    })
}

fn trip(first: u64, events: &[(&str, &str)]) -> Item<CommitChange> {
    item(CommitChange::Commit(commit("trip#7", first, events)))
}

#[tokio::test]
async fn commands_go_to_their_queue_and_schedules_are_set_and_cancelled_in_order() {
    let hotels = MemoryTarget::new("queue hotels").ordered();
    let deadlines = MemoryTarget::new("schedules").scheduling();
    let publisher = without_store().address("hotels", hotels.clone());
    let publisher = hasty(publisher.address("deadlines", deadlines.clone()).messages(rules));
    let items = [trip(1, &[("e1", "{}")]), trip(2, &[("e2", "{}")])];
    assert_eq!(run(&publisher, &items).await, [APPLIED, APPLIED]);
    let sent = hotels.taken();
    assert!(sent.iter().all(|entry| entry.group == "hotel#1" && entry.kind == "Book"));
    let actions: Vec<_> = deadlines.taken().into_iter().map(|entry| entry.action).collect();
    let [Action::Schedule { name: set, .. }, Action::Cancel { name: cancelled }] = &actions[..]
    else {
        panic!("{actions:?}")
    };
    assert_eq!(set, cancelled);
    // Delivered again, the same messages leave.
    assert_eq!(run(&publisher, &items).await, [APPLIED, APPLIED]);
    let ids: Vec<_> = hotels.taken().into_iter().map(|entry| entry.id).collect();
    assert!(ids[..2] == ids[2..] && ids[0] != ids[1], "{ids:?}");
}

#[tokio::test]
async fn messages_that_are_not_known_yet_keep_back_the_later_ones_of_their_stream_alone() {
    let hotels = MemoryTarget::new("queue hotels");
    let unreadable = |event: &Published<'_>| match event.event().id.as_str() {
        "new" => Err(Failure::transient(Failure::NEWER, "version 2")),
        _ => rules(event),
    };
    let publisher = without_store().address("hotels", hotels.clone()).messages(unreadable);
    let other = item(CommitChange::Commit(commit("trip#8", 3, &[("other", "{}")])));
    let items =
        [trip(3, &[("e3", "{}")]), trip(4, &[("new", "{}")]), trip(5, &[("e5", "{}")]), other];
    let outcomes = run(&publisher, &items).await;
    assert_eq!(codes(&outcomes), ["done", Failure::NEWER, "blocked", "done"]);
    let reason = outcomes[1].failure().unwrap().reason().to_owned();
    assert!(reason.contains("messages of OrderPlaced new"), "{reason}");
    let from = |body: &str| body.contains("\"causationid\":\"e5\"");
    assert_eq!(hotels.taken().len(), 2);
    assert!(!hotels.taken().iter().any(|entry| from(&entry.body)));
}

#[tokio::test]
async fn a_message_without_a_target_is_not_lost_and_one_for_the_wrong_kind_says_so() {
    let publisher = without_store().messages(rules);
    let outcomes = run(&publisher, &[trip(3, &[("e3", "{}")])]).await;
    let failure = outcomes[0].failure().unwrap();
    assert_eq!(
        (failure.code(), failure.class()),
        ("unknown_target", crate::failure::Class::Transient)
    );
    assert!(failure.reason().contains("`hotels`"), "{failure}");
    let (hotels, queue) = (MemoryTarget::new("hotels"), MemoryTarget::new("queue late"));
    let publisher = without_store().address("hotels", hotels).address("deadlines", queue.clone());
    let outcomes = run(&publisher.messages(rules), &[trip(1, &[("e1", "{}")])]).await;
    let failure = outcomes[0].failure().unwrap();
    assert_eq!(failure.code(), "not_a_scheduler");
    assert!(failure.reason().contains("queue late keeps no schedules"), "{failure}");
    assert!(queue.taken().is_empty());
}

#[tokio::test]
async fn a_cancellation_waits_for_the_schedule_that_it_ends() {
    let deadlines =
        MemoryTarget::new("schedules").scheduling().answering(|_, entry| match entry.action {
            Action::Schedule { .. } => TargetAnswer::Refused(down()),
            _ => TargetAnswer::Taken,
        });
    let publisher = without_store().address("hotels", MemoryTarget::new("hotels"));
    let publisher = hasty(publisher.address("deadlines", deadlines.clone()).messages(rules));
    let items = [trip(1, &[("e1", "{}")]), trip(2, &[("e2", "{}")])];
    assert_eq!(codes(&run(&publisher, &items).await), ["event_bus", "blocked"]);
    assert!(deadlines.taken().is_empty());
}
