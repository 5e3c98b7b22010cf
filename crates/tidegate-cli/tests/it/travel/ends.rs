//! What became of each trip, read from the event store alone.

use std::collections::{BTreeMap, BTreeSet};

use tidegate::ids::{StreamId, Version};
use tidegate::process::{ProcessMoved, ProcessRow, StoredEvent};
use tidegate::query::{Consistency, DynamoDbTables, Get, one};
use tidegate::store::{DynamoDbEventStore, EventReader as _, RecordedEvent};

use super::trips::{End, LEGS, Trip};

/// What the stream of a booking tells.
#[derive(Debug, Default)]
pub(super) struct Booking {
    /// Name of the state.
    pub(super) state: String,
    /// Version of the newest event.
    version: Version,
    /// Code of the reason why it is stuck.
    pub(super) stuck: Option<String>,
    /// Number of events by type.
    pub(super) events: BTreeMap<String, usize>,
    /// Number of commands by type and subject.
    pub(super) commands: BTreeMap<(String, StreamId), usize>,
    /// Reservations in the order in which the booking had them cancelled.
    cancelled: Vec<String>,
    /// Ids of the deadlines that are open.
    pub(super) deadlines: BTreeSet<String>,
}

impl Booking {
    /// Returns how the trip ended. `None` if it is under way.
    pub(super) fn end(&self) -> Option<End> {
        match (self.state.as_str(), &self.stuck) {
            (_, Some(_)) => Some(End::Stuck),
            ("Booked", None) => Some(End::Booked),
            ("Compensated", None) => Some(End::Compensated),
            _ => None,
        }
    }

    fn apply(&mut self, event: &RecordedEvent) {
        self.version = event.version;
        *self.events.entry(event.kind.clone()).or_default() += 1;
        if !StoredEvent::knows(&event.kind) {
            return;
        }
        match event.decode().unwrap() {
            StoredEvent::ProcessMoved(moved) => self.moved(&moved),
            StoredEvent::ProcessStuck(stuck) => self.stuck = Some(stuck.code),
            StoredEvent::ProcessForced(forced) => {
                self.state = forced.to;
                self.stuck = None;
                self.deadlines.retain(|id| !forced.cancelled.contains(id));
            }
            StoredEvent::ProcessResumed(_) | StoredEvent::ProcessSkipped(_) => self.stuck = None,
            StoredEvent::ProcessRefused(_)
            | StoredEvent::ProcessHeld(_)
            | StoredEvent::ProcessIgnored(_) => {}
        }
    }

    fn moved(&mut self, moved: &ProcessMoved) {
        self.state.clone_from(&moved.to);
        let passed = &moved.input.deadline;
        self.deadlines.retain(|id| Some(id) != passed.as_ref() && !moved.cancelled.contains(id));
        self.deadlines.extend(moved.deadlines.iter().map(|deadline| deadline.id.clone()));
        for command in &moved.commands {
            let key = (command.kind.clone(), command.subject.clone());
            *self.commands.entry(key).or_default() += 1;
            let subject = command.subject.to_string();
            // Asked again after its deadline, a cancellation is the same one.
            if command.kind == "Cancel" && self.cancelled.last() != Some(&subject) {
                self.cancelled.push(subject);
            }
        }
    }
}

/// Reads a stream.
pub(super) async fn events(store: &DynamoDbEventStore, stream: &StreamId) -> Vec<RecordedEvent> {
    let commits = store.read(stream, Version::NONE).await.unwrap();
    commits.into_iter().flat_map(|commit| commit.events).collect()
}

/// Reads what became of a trip.
pub(super) async fn booking(store: &DynamoDbEventStore, trip: &Trip) -> Booking {
    let mut booking = Booking::default();
    events(store, &trip.booking()).await.iter().for_each(|event| booking.apply(event));
    booking
}

/// Returns the legs of a trip that services hold. Fails if one was ever reserved twice.
async fn reserved(store: &DynamoDbEventStore, trip: &Trip) -> Vec<&'static str> {
    let mut reserved = Vec::new();
    for leg in LEGS {
        let reservation = StreamId::new(leg, &trip.key).unwrap();
        let events = events(store, &reservation).await;
        let count = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
        let (held, released) = (count("Held"), count("Released"));
        assert!(held <= 1 && released <= held, "{reservation}: held {held}, released {released}");
        if held > released {
            reserved.push(leg);
        }
    }
    reserved
}

/// Checks that a trip ended as it must, and that services hold what it booked and nothing else.
pub(super) async fn check(store: &DynamoDbEventStore, trip: &Trip) -> Booking {
    let booking = booking(store, trip).await;
    let said = format!("{trip:?}: {booking:?}");
    assert_eq!(booking.end(), Some(trip.end), "{said}");
    assert_eq!(reserved(store, trip).await, LEGS[..trip.reserved], "{said}");
    let expected = if trip.end == End::Stuck { Some("cancel_refused") } else { None };
    assert_eq!(booking.stuck.as_deref(), expected, "{said}");
    let count = |kind: &str| booking.events.get(kind).copied().unwrap_or_default();
    let facts = (count("TripBooked"), count("TripFailed"));
    let expected = match trip.end {
        End::Booked => (1, 0),
        End::Compensated => (0, 1),
        End::Stuck => (0, 0),
    };
    assert_eq!(facts, expected, "{said}");
    for ((kind, subject), times) in &booking.commands {
        assert!(kind != "Reserve" || *times == 1, "{subject} was asked for twice: {said}");
    }
    let places = booking
        .cancelled
        .iter()
        .map(|subject| LEGS.iter().position(|leg| subject.starts_with(leg)).unwrap());
    assert!(places.is_sorted_by(|earlier, later| earlier > later), "not backwards: {said}");
    booking
}

/// Checks that the row of a booking in the view is what its stream tells.
pub(super) async fn check_row(tables: &DynamoDbTables, trip: &Trip, booking: &Booking) {
    let table = ProcessRow::table("bookings");
    let stream = trip.booking();
    let get = Get::new(&table, stream.as_str(), Consistency::Strong);
    let row = one::<ProcessRow>(tables, &get).await.unwrap().unwrap();
    let said = format!("{row:?}: {booking:?}");
    assert_eq!(row.version, booking.version, "{said}");
    assert_eq!((&row.state, &row.stuck_code), (&booking.state, &booking.stuck), "{said}");
    assert_eq!(row.ended_at.is_some(), booking.end() != Some(End::Stuck), "{said}");
    let open: BTreeSet<String> = row.deadlines.iter().map(|due| due.id.clone()).collect();
    assert_eq!(open, booking.deadlines, "{said}");
}
