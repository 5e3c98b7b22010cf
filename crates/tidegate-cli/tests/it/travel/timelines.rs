//! Timelines of trips: everything that happened hangs together, although everything failed.

use std::collections::BTreeSet;

use engine_client::engine_file::EngineFile;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Travel;
use super::ends::Booking;
use super::trips::{End, Trip};
use crate::command::{json, said, stdout};

/// Checks the timeline of a trip against what its streams tell.
pub(super) async fn check(travel: &Travel, trip: &Trip, booking: &Booking) {
    let id = trip.booking().to_string();
    let timeline = json(&travel.project.run(&["timeline", &id, "--json"]).await);
    let entries = timeline["entries"].as_array().unwrap();
    let told = |what: &str| entries.iter().filter(|entry| entry["what"] == what).count();
    let stored = |kind: &str| booking.events.get(kind).copied().unwrap_or_default();
    for (what, kind) in [
        ("moved", "ProcessMoved"),
        ("refused", "ProcessRefused"),
        ("stuck", "ProcessStuck"),
        ("held", "ProcessHeld"),
        ("deadline_late", "ProcessIgnored"),
    ] {
        assert_eq!(told(what), stored(kind), "{id}: {what}\n{timeline:#}");
    }
    assert_eq!(told("command"), booking.commands.values().sum::<usize>(), "{id}\n{timeline:#}");
    // Only the commands of the customer come from outside.
    for entry in entries {
        let (cause, outside) = (entry["cause"].as_u64(), entry["outside"]["source"].as_str());
        let known = cause.is_some_and(|cause| cause < entry["number"].as_u64().unwrap());
        assert!(known || outside == Some("travel.desk"), "{id}: {entry:#}\n{timeline:#}");
    }
    let waits = |kind: &str| {
        let waits = timeline["waits"].as_array().unwrap().iter();
        waits.filter(|wait| wait["for"] == kind).collect::<Vec<_>>()
    };
    let open: BTreeSet<&str> =
        waits("deadline").iter().map(|wait| wait["deadline"].as_str().unwrap()).collect();
    assert_eq!(open, booking.deadlines.iter().map(String::as_str).collect(), "{id}");
    assert_eq!(waits("operator").len(), usize::from(trip.end == End::Stuck), "{id}\n{timeline:#}");
    assert!(waits("command").is_empty(), "each command is taken in the end: {timeline:#}");
    assert!(timeline.get("left_out").is_none() && timeline.get("unreadable").is_none());
}

/// Checks that a timeline is the same by its correlation id, from a reservation, and in the
/// console.
pub(super) async fn check_ways(travel: &Travel, trip: &Trip) {
    let id = trip.booking().to_string();
    let of = async |arguments: &[&str]| {
        let output = travel.project.run(&[&["timeline"], arguments, &["--json"]].concat()).await;
        events(&json(&output))
    };
    let whole = of(&[&id]).await;
    assert!(whole.len() > 3, "{whole:?}");
    let correlation = format!("first-{}", trip.key);
    assert_eq!(of(&[&correlation]).await, whole, "the whole store is read");
    assert_eq!(of(&[&correlation, "--stream", &id]).await, whole);
    let flight = format!("flight#{}", trip.key);
    assert_eq!(of(&[&flight]).await, whole, "the process has the same key");

    let drawn = stdout(&travel.project.run(&["timeline", &id]).await);
    let of_flight = drawn.lines().find(|line| line.contains("flight#") && line.contains("Held"));
    assert!(of_flight.is_some_and(|line| line.contains(" ├─● ")), "{drawn}");
    assert!(drawn.contains("sends Reserve to flights for flight#"), "{drawn}");
    assert!(drawn.contains(&format!("{id} ended in Booked")), "{drawn}");

    let path = format!("/console/timeline?id={}", id.replace('#', "%23"));
    let file = EngineFile::read(&travel.project.file(".tidegate")).unwrap();
    let shown = get(&file, &path).await;
    assert_eq!(events(&shown), whole);
    assert!(shown["entries"][0]["text"].is_string() && shown["waits"].is_array(), "{shown:#}");

    let instances = get(&file, "/console/instances").await;
    let mut listed = instances["instances"].as_array().unwrap().iter();
    let listed = listed.find(|one| one["instance"] == id.as_str());
    assert_eq!(listed.unwrap()["state"], "Booked", "{instances:#}");

    for (asked, expected) in [
        (&["nothing#1"][..], "table event-store has no stream nothing#1"),
        (&["no-such-id", "--stream", &id], "without --stream the whole of table"),
    ] {
        let output = travel.project.run(&[&["timeline"], asked].concat()).await;
        let line = said(&output, 1);
        assert!(line.contains(expected), "{line}");
    }
}

/// Returns what the console of an engine answers.
async fn get(engine: &EngineFile, path: &str) -> Value {
    let host = engine.control.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap()
}

/// Returns stream, version and kind of each entry.
fn events(timeline: &Value) -> Vec<(String, u64, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut events: Vec<_> = timeline["entries"]
        .as_array()
        .unwrap_or_else(|| panic!("{timeline:#}"))
        .iter()
        .map(|entry| {
            (text(&entry["stream"]), entry["version"].as_u64().unwrap(), text(&entry["what"]))
        })
        .collect();
    events.sort();
    events
}
