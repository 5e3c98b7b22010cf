//! What the limits leave out, and what they say of it.

use super::made_up::MadeUp;
use super::world::*;
use crate::timeline::{Timeline, Trail, Wait, What, read};

fn left_out(timeline: &Timeline) -> Vec<String> {
    timeline.left_out.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn the_oldest_events_are_taken_and_the_others_are_said_by_stream() {
    let mut store = MadeUp::default();
    for number in 0..20 {
        let (id, of) = (number.to_string(), "outside".to_owned());
        store.event("a#1", &id, &of, number).event("b#1", &format!("b{id}"), &of, number);
    }
    let streams = ["a#1", "b#1", "c#1"].map(|stream| stream.parse().unwrap());
    let trail = Trail::from_streams(streams).at_most(2, 25);
    let found = read(&store, &trail).await.unwrap();
    assert_eq!(found.entries.len(), 25);
    assert_eq!(
        left_out(&found),
        [
            "left out: the newest 7 events of a#1",
            "left out: the newest 8 events of b#1",
            "left out: c#1, which was not read"
        ]
    );
}

#[tokio::test]
async fn events_of_a_shared_stream_that_belong_to_others_take_no_room() {
    let mut store = MadeUp::default();
    store.event("a#1", "one", "outside", 1);
    for number in 0..50 {
        store.event("shared#1", &format!("other-{number}"), "someone", number);
    }
    store.event("shared#1", "two", "one", 60).event("shared#1", "three", "two", 61);
    let [a, shared] = ["a#1", "shared#1"].map(|id| id.parse().unwrap());
    let trail = Trail::from_streams([a]).also([shared]);
    let found = read(&store, &trail.clone().at_most(2, 3)).await.unwrap();
    assert_eq!((found.entries.len(), left_out(&found)), (3, Vec::new()));
    let found = read(&store, &trail.at_most(2, 2)).await.unwrap();
    assert_eq!(found.entries.len(), 2);
    assert_eq!(left_out(&found), ["left out: the newest 1 events of shared#1"]);
}

#[tokio::test]
async fn what_was_not_looked_at_is_said_and_not_taken_for_absent() {
    let mut store = MadeUp::default();
    store.event("a#1", "one", "outside", 1);
    for number in 0..Trail::LOOKED_AT {
        store.event("shared#1", &format!("other-{number}"), "someone", 1);
    }
    store.event("shared#1", "two", "one", 2);
    let [a, shared] = ["a#1", "shared#1"].map(|id| id.parse().unwrap());
    let found = read(&store, &Trail::from_streams([a]).also([shared])).await.unwrap();
    assert_eq!(found.entries.len(), 1);
    let expected = "left out: the newest 2 events of shared#1, which were not looked at";
    assert_eq!(left_out(&found), [expected]);
}

#[tokio::test]
async fn a_command_whose_answer_is_beyond_the_limit_is_taken_all_the_same() {
    let world = World::default();
    let [hotel, car, _] = world.booked().await;
    world.event("hotel#7", &Reserved {}, &hotel).await;
    world.event("car#7", &Reserved {}, &car).await;
    // Two events: the booking and the first step.
    let timeline = world.timeline(&trail().at_most(64, 2)).await;
    let taken: Vec<_> = timeline
        .entries
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Command { taken, .. } => Some(*taken),
            _ => None,
        })
        .collect();
    assert_eq!(taken, [Some(true), Some(true)], "{timeline:?}");
    let expected = ["hotel#7", "car#7"].map(|id| format!("left out: the newest 1 events of {id}"));
    assert_eq!(left_out(&timeline), expected);
    let commands = timeline.waits.iter().filter(|wait| matches!(wait, Wait::Command { .. }));
    assert_eq!(commands.count(), 0, "{:?}", timeline.waits);
    // Nothing refers to an entry that is not there.
    let timeline = world.timeline(&trail().at_most(64, 1)).await;
    assert_eq!((timeline.entries.len(), timeline.waits.len()), (1, 0), "{timeline:?}");
}
