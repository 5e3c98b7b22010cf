//! Bookings of trips by a process manager, while everything fails.
//!
//! The toolkit's example `process` books; `examples/travel-*` are its services and its publisher.
//! The store's streams alone say what became of each trip.

mod cost;
mod ends;
mod timelines;
mod trips;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tidegate::query::DynamoDbTables;
use tidegate::store::DynamoDbEventStore;
use tidegate_local::clients::Clients;

use crate::any_project::{Project, send};
use crate::bank::drain;
use trips::{End, Trip};

const TOPOLOGY: &str = include_str!("topology.hcl");
const FAULTS: &str = include_str!("faults.toml");
/// Trips that a run has by default: each way in which a trip can go, at each leg.
const TRIPS: usize = 27;
/// Seed of the faults by default.
const SEED: u64 = 18;
/// Longest time that a trip may take on a slow machine.
const LIMIT: Duration = Duration::from_secs(300);

/// The local system, its clients, and the event store.
struct Travel {
    project: Project,
    clients: Clients,
    store: DynamoDbEventStore,
}

impl Travel {
    async fn start(arguments: &[&str]) -> Self {
        let own = std::env::current_exe().unwrap();
        let examples = own.ancestors().nth(2).unwrap().join("examples");
        assert!(
            examples.join("travel-booking").is_file(),
            "run `cargo build -p tidegate-cli --examples`, or the tests of the whole workspace"
        );
        let topology = TOPOLOGY.replace("EXAMPLES", examples.to_str().unwrap());
        let files = [("topology.hcl", topology.as_str()), ("faults.toml", FAULTS)];
        let project = Project::new(&files, None);
        project.up(arguments).await;
        let clients = project.clients().await;
        let store = DynamoDbEventStore::new(clients.dynamodb.clone(), "event-store");
        Self { project, clients, store }
    }

    async fn book(&self, trips: &[Trip], name: &str) {
        let commands: Vec<String> = trips.iter().map(|trip| trip.command(name)).collect();
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        send(&self.clients, "bookings", &commands).await;
    }

    /// Waits until each trip has ended, while the sweep runs. Then waits until nothing moves.
    async fn until_ended(&self, trips: &[Trip]) {
        let began = Instant::now();
        let mut open: Vec<&Trip> = trips.iter().collect();
        while let Some(trip) = open.last() {
            let booking = ends::booking(&self.store, trip).await;
            if booking.end().is_some() {
                open.pop();
                continue;
            }
            let late = began.elapsed() > LIMIT * u32::try_from(trips.len() / TRIPS + 1).unwrap();
            assert!(
                !late,
                "{} trips do not end, such as {trip:?}: {booking:?}\n{:#}\n{}",
                open.len(),
                self.project.status().await,
                self.project.log("booking")
            );
            self.project.run(&["local", "schedules", "--fire", "sweep"]).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        self.project.until("idle", |status| status["idle"] == true).await;
    }
}

/// Returns a number that an environment variable sets for a larger run.
fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    let Ok(text) = std::env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name} is {text}; it must be a whole number"))
}

/// Returns the codes of the letters of functions, each letter once, and the other letters whole.
async fn letters(clients: &Clients) -> BTreeMap<String, usize> {
    let letters = drain(clients, "letters").await;
    let stranded = drain(clients, "failed").await;
    // The next invocation of the sweep does the work of one that died.
    let of_sweep =
        |letter: &&Value| letter["requestContext"]["functionArn"].to_string().contains("sweep");
    let by_id: BTreeMap<String, &Value> = letters
        .iter()
        .chain(&stranded)
        .filter(|letter| !of_sweep(letter))
        .map(|letter| (letter["id"].as_str().unwrap_or_default().to_owned(), letter))
        .collect();
    let mut codes = BTreeMap::new();
    for letter in by_id.values() {
        let code = letter["code"].as_str().map_or_else(|| letter.to_string(), str::to_owned);
        *codes.entry(code).or_default() += 1;
    }
    codes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_trip_ends_as_it_must_and_services_hold_what_was_booked_while_everything_fails() {
    let (count, seed) = (number("TRAVEL_TRIPS", TRIPS), number("TRAVEL_SEED", SEED).to_string());
    let trips: Vec<Trip> = (0..count).map(Trip::numbered).collect();
    let travel = Travel::start(&["--faults", "faults.toml", "--fault-seed", &seed]).await;
    travel.book(&trips, "first").await;
    // Some come again, and some under another id.
    let again: Vec<Trip> = trips.iter().step_by(3).cloned().collect();
    travel.book(&again, "first").await;
    travel.book(&again, "second").await;
    travel.until_ended(&trips).await;
    let hostile = trips::hostile(&trips[0]);
    let commands = hostile.each_ref().map(|(_, command)| command.as_str());
    send(&travel.clients, "bookings", &commands).await;
    let status = travel.project.until("idle", |status| status["idle"] == true).await;

    let mut bookings = Vec::with_capacity(count);
    for trip in &trips {
        bookings.push(ends::check(&travel.store, trip).await);
    }
    let tables = DynamoDbTables::new(travel.clients.dynamodb.clone());
    for (trip, booking) in trips.iter().zip(&bookings) {
        ends::check_row(&tables, trip, booking).await;
    }
    for (trip, booking) in trips.iter().zip(&bookings) {
        timelines::check(&travel, trip, booking).await;
    }
    let booked = trips.iter().find(|trip| trip.end == End::Booked).unwrap();
    timelines::check_ways(&travel, booked).await;
    let ended = |end| bookings.iter().filter(|booking| booking.end() == Some(end)).count();
    let events = |kind: &str| bookings.iter().filter_map(|booking| booking.events.get(kind)).sum();
    let (moved, refused, ignored): (usize, usize, usize) =
        (events("ProcessMoved"), events("ProcessRefused"), events("ProcessIgnored"));
    println!(
        "{count} trips, seed {seed}: {} booked, {} compensated, {} stuck; {moved} steps, {refused} \
         inputs refused, {ignored} deadlines ignored; faults: {}",
        ended(End::Booked),
        ended(End::Compensated),
        ended(End::Stuck),
        status["faults"]["injected"]
    );
    assert!(refused >= again.len(), "a trip that is booked again is refused");
    for kind in ["kill before", "kill during", "kill after", "lose-response", "deliver-twice after"]
    {
        assert!(status["faults"]["injected"][kind].as_u64() > Some(0), "{kind}: {status:#}");
    }
    let open: usize = bookings.iter().map(|booking| booking.deadlines.len()).sum();
    // The sweep is a schedule too, and those of the lost deadlines were never set.
    assert_eq!(status["schedules"]["schedules"], open + 1, "a schedule for each open deadline");
    let expected = hostile.map(|(code, _)| (code.to_owned(), 1));
    assert_eq!(letters(&travel.clients).await, BTreeMap::from(expected));
    travel.project.down().await;
}
