//! Commands that are carried out in stages.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::world::*;
use crate::failure::Failure;
use crate::message::Message;
use crate::store::{
    Commit, Decision, EventStore as _, Origin, Retry, RowAggregate, Stage, execute_with_rows,
};
use crate::test::MemoryRowStore;
use crate::timeline::Wait;

#[derive(Serialize, Deserialize, Message)]
struct RoomReserved {}
#[derive(Serialize, Deserialize, Message)]
struct AllReserved {}

tidegate::messages! { enum HotelEvent { RoomReserved, AllReserved } }

/// A hotel that reserves one room in each stage.
#[derive(Default)]
struct Hotel {
    reserved: usize,
}

impl RowAggregate for Hotel {
    type Command = usize;
    type Event = HotelEvent;
    type Row = ();
    const SOURCE: &'static str = "tests.services";

    fn creates(_: &usize) -> bool {
        true
    }

    fn apply(&mut self, event: &HotelEvent) {
        if let HotelEvent::RoomReserved(_) = event {
            self.reserved += 1;
        }
    }

    fn rows(&self, _: &usize) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn decide(
        &self,
        rooms: &usize,
        _: &BTreeMap<String, ()>,
    ) -> Result<Stage<HotelEvent>, Failure> {
        Ok(if self.reserved + 1 < *rooms {
            Stage::before_another(Decision::one(RoomReserved {}))
        } else {
            Stage::last(Decision::one(AllReserved {}))
        })
    }
}

/// Returns what the timeline says of the hotel after these stages of three, and the commands that
/// wait.
async fn after(stages: usize) -> (Vec<String>, Vec<String>) {
    let world = World::default();
    let [command, _, _] = world.booked().await;
    let (hotel, store) = ("hotel#7".parse().unwrap(), MemoryRowStore::default());
    let mut origin = Origin::new(command.cause(), Timestamp::now());
    origin.correlation_id = command.correlation_id.clone();
    execute_with_rows::<Hotel>(&store, &hotel, &3, &origin, Retry::default()).await.unwrap();
    let commits = store.commits();
    assert_eq!(commits.len(), 3);
    for commit in commits.into_iter().take(stages) {
        world.store.commit(&Commit::new(commit, "1")).await.unwrap();
    }
    let timeline = world.timeline(&trail()).await;
    let of_hotel = |entry: &&crate::timeline::Entry| entry.stream == hotel;
    let entries = timeline.entries.iter().filter(of_hotel);
    let entries = entries.map(|entry| format!("{} of {:?}", entry.what, entry.cause));
    let waits = timeline.waits.iter().filter_map(|wait| match wait {
        Wait::Command { number, .. } => Some(format!("#{number} not taken")),
        Wait::Answer { number, .. } => Some(format!("#{number} not answered")),
        _ => None,
    });
    (entries.collect(), waits.collect())
}

#[tokio::test]
async fn each_stage_of_a_command_follows_from_it_also_before_the_last_is_done() {
    assert_eq!(after(0).await.1, ["#4 not taken", "#5 not taken"]);
    let (entries, waits) = after(2).await;
    assert_eq!(entries, ["RoomReserved of Some(4)"; 2]);
    assert_eq!(waits, ["#4 not answered", "#5 not taken"], "it is at work on it");
    let (entries, waits) = after(3).await;
    assert_eq!(entries[..2], ["RoomReserved of Some(4)"; 2]);
    assert_eq!(entries[2..], ["AllReserved of Some(4)"]);
    assert_eq!(waits, ["#4 not answered", "#5 not taken"]);
}
