//! What belongs to a timeline, and what only shares a stream with it.

use super::made_up::MadeUp;
use super::world::*;
use crate::timeline::{Trail, read};

fn ids(timeline: &crate::timeline::Timeline) -> Vec<(String, u64)> {
    let of = |entry: &crate::timeline::Entry| (entry.stream.to_string(), entry.version.number());
    timeline.entries.iter().map(of).collect()
}

#[tokio::test]
async fn of_a_shared_stream_only_what_is_connected_belongs_to_it() {
    let mut store = MadeUp::default();
    store.event("a#1", "one", "outside", 1);
    for number in 0..50 {
        store.event("shared#1", &format!("other-{number}"), "someone", number);
    }
    store.event("shared#1", "two", "one", 60).event("shared#1", "three", "two", 61);
    let [a, shared] = ["a#1", "shared#1"].map(|id| id.parse().unwrap());
    let found = read(&store, &Trail::from_streams([a]).also([shared])).await.unwrap();
    let expected = [("a#1", 1), ("shared#1", 51), ("shared#1", 52)];
    assert_eq!(ids(&found), expected.map(|(stream, version)| (stream.to_owned(), version)));
}

#[tokio::test]
async fn a_correlation_id_finds_its_decisions_and_what_they_are_connected_with() {
    let world = World::default();
    let [hotel, _, _] = world.booked().await;
    world.event("hotel#7", &Reserved {}, &outside("someone-else")).await;
    let reserved = world.event("hotel#7", &Reserved {}, &hotel).await;
    // Another request leads to an input of the same instance.
    let full = world.event("hotel#7", &Full {}, &outside("other")).await;
    world.deliver(&full).await;
    world.deliver(&reserved).await;
    let streams = ["booking#7", "hotel#7", "trip#7"].map(|id| id.parse().unwrap());
    let trail = Trail::from_correlation("desk-1-correlated", streams);
    let found = world.timeline(&trail).await;
    let of_hotel: Vec<u64> = ids(&found)
        .into_iter()
        .filter(|(stream, _)| stream == "hotel#7")
        .map(|(_, version)| version)
        .collect();
    assert_eq!(of_hotel, [2, 3], "the first is someone else's, the third stopped the trip");
    let nothing = Trail::from_correlation("no such id", trail_streams());
    assert!(world.timeline(&nothing).await.is_empty());
}

fn trail_streams() -> [crate::ids::StreamId; 3] {
    ["booking#7", "hotel#7", "trip#7"].map(|id| id.parse().unwrap())
}

#[tokio::test]
async fn many_streams_share_the_last_lane_and_lines_end_where_a_stream_ends() {
    let mut store = MadeUp::default();
    let names: Vec<String> = (0..14).map(|number| format!("s#{number}")).collect();
    for (number, name) in (0..).zip(&names) {
        store.event(name, &number.to_string(), "0", number);
    }
    let streams = names.iter().map(|name| name.parse().unwrap());
    let found = read(&store, &Trail::from_streams(streams)).await.unwrap();
    let rows = found.rows();
    assert_eq!(rows[1][3], format!("├─●{}", " ".repeat(20)));
    assert_eq!(rows[12][3], format!("├{}●", "─".repeat(21)));
    assert_eq!(rows[13][3], format!("╰{}●", "─".repeat(21)));
}
