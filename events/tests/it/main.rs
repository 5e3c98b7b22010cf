//! Tests that the committed schemas, registry documents, samples and Lambda events agree with the
//! types.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "clippy exempts test functions, and not the functions that they share"
)]

mod catalog;
#[path = "../../generate/mod.rs"]
#[allow(missing_docs, unreachable_pub, reason = "the example writes files with it too")]
mod generate;
mod openapi;
mod registry;
mod styles;

use std::collections::BTreeMap;

use events::OrderCommand;
use events::routes::ROUTES;
use generate::{COMMAND, Described, breaking_changes};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tidegate::envelope::Envelope;
use tidegate::message::MessageSet;
use tidegate::source::Source;
use tidegate::store::CommitChange;

fn committed(path: &str) -> Value {
    generate::committed()
        .unwrap()
        .remove(path)
        .flatten()
        .unwrap_or_else(|| panic!("events/{path} is missing or no JSON; run `{COMMAND}`"))
}

fn schema(name: &str) -> jsonschema::Validator {
    jsonschema::options()
        .should_validate_formats(true)
        .build(&committed(&format!("schemas/{name}.json")))
        .unwrap()
}

#[test]
fn committed_files_and_types_agree() {
    let files = generate::files().unwrap();
    let committed = generate::committed().unwrap();
    let mut wrong = Vec::new();
    for (path, value) in &files {
        match committed.get(path) {
            None => wrong.push(format!("events/{path} is missing")),
            Some(None) => wrong.push(format!("events/{path} is not JSON")),
            Some(Some(committed)) if committed != value => {
                wrong.push(format!("events/{path} is not what its type says"))
            }
            Some(Some(_)) => {}
        }
    }
    for path in committed.keys().filter(|path| !files.contains_key(*path)) {
        if !generate::is_older_version(path, &files) {
            wrong.push(format!("events/{path} belongs to no type"));
        }
    }
    assert!(wrong.is_empty(), "{}\nrun `{COMMAND}`", wrong.join("\n"));
}

#[test]
fn no_published_schema_changed_in_a_way_that_breaks_its_readers() {
    let committed = generate::committed().unwrap();
    for (path, now) in
        generate::files().unwrap().iter().filter(|(path, _)| path.starts_with("schemas/"))
    {
        if let Some(Some(published)) = committed.get(path) {
            let broken = breaking_changes(published, now);
            assert!(
                broken.is_empty(),
                "events/{path} is published; make a new version of the type:\n{}",
                broken.join("\n")
            );
        }
    }
}

#[test]
fn every_kind_of_breaking_change_is_named_and_an_optional_field_is_none() {
    let published = committed("schemas/PlaceOrder.v1.json");
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 8] = [
        (
            |schema| drop(schema["properties"]["country"].take()),
            "data.country: `type` was \"string\", is absent",
        ),
        (
            |schema| {
                schema["properties"].as_object_mut().unwrap().remove("country");
            },
            "data.country: was removed",
        ),
        (
            |schema| {
                schema["properties"]["note"] = json!({"type": "string"});
                schema["required"].as_array_mut().unwrap().push("note".into());
            },
            "data.note: became required",
        ),
        (|schema| schema["required"] = json!([]), "data.lines: is no longer required"),
        (
            |schema| {
                schema["$defs"]["OrderLine"]["properties"]["quantity"]["type"] = json!("string")
            },
            "data.lines[].quantity: `type`",
        ),
        (
            |schema| schema["properties"]["ordered_at"]["format"] = json!("date"),
            "data.ordered_at: `format`",
        ),
        (
            |schema| {
                schema["$defs"]["OrderLine"]["required"]
                    .as_array_mut()
                    .unwrap()
                    .push("description".into())
            },
            "data.lines[].description: became required",
        ),
        (
            |schema| schema["properties"]["lines"]["items"] = json!({"type": "string"}),
            "data.lines[]: `type`",
        ),
    ];
    for (change, part) in cases {
        let mut now = published.clone();
        change(&mut now);
        let broken = breaking_changes(&published, &now);
        assert!(broken.iter().any(|line| line.contains(part)), "{part}: {broken:#?}");
    }
    let mut now = published.clone();
    now["properties"]["note"] = json!({"type": "string"});
    now["description"] = json!("other words");
    assert_eq!(breaking_changes(&published, &now), [""; 0]);
    let rejected = committed("schemas/OrderRejected.v1.json");
    let mut now = rejected.clone();
    now["$defs"]["Defect"]["oneOf"].as_array_mut().unwrap().push(json!({"type": "object"}));
    assert!(
        !breaking_changes(&rejected, &now).is_empty(),
        "a new defect is met by readers that do not know it"
    );
}

#[test]
fn every_sample_fits_its_schemas_and_survives_the_round_trip() {
    let envelope_schema = schema("envelope.v1");
    for of in generate::all().unwrap() {
        let path = format!("payloads/{}.json", of.kind);
        let file = committed(&path);
        let (kind, stem) = (of.kind, of.file_stem());
        for (schema, value) in [(&envelope_schema, &file), (&schema(&stem), &file["data"])] {
            let errors: Vec<String> =
                schema.iter_errors(value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{path}: {errors:#?}");
        }
        assert_eq!(committed(&format!("schemas/{stem}.json"))["$id"], file["dataschema"]);
        assert_eq!(file["type"], kind, "{path}");

        let envelope = Envelope::parse(file.to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::to_value(&envelope).unwrap(), file, "{path}");
        let recoded = (of.recode)(of.version, &file["data"].to_string()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&recoded).unwrap(), file["data"], "{path}");
    }
}

/// Returns the types of all sets of messages that a function of the shop reads or writes.
fn types_of_sets() -> Vec<&'static str> {
    let sets = [
        events::OrderCommand::types(),
        events::OrderEvent::types(),
        events::ReturnCommand::types(),
        events::ReturnEvent::types(),
        events::InventoryEvent::types(),
        events::PaymentEvent::types(),
        events::ShippingCommand::types(),
        events::ShippingEvent::types(),
        events::FulfilmentEvent::types(),
    ];
    sets.concat()
}

#[test]
fn the_list_has_every_type_once_and_a_routed_event_has_the_source_of_its_service() {
    let types = generate::all().unwrap();
    let mut listed: Vec<&str> = types.iter().map(|of| of.kind).collect();
    listed.sort_unstable();
    let count = listed.len();
    listed.dedup();
    assert_eq!(listed.len(), count, "a type is listed twice");
    for kind in types_of_sets() {
        assert!(listed.contains(&kind), "{kind} is not in events/generate/list.rs");
    }
    for route in ROUTES {
        let of = types.iter().find(|of| of.kind == route.kind);
        let of = of.unwrap_or_else(|| panic!("{} is not in events/generate/list.rs", route.kind));
        assert_eq!(of.service.source, route.source, "{}", route.kind);
        assert!(of.sample.sequence.is_some(), "{} is routed, and no event", route.kind);
    }
}

#[test]
fn every_derived_message_is_in_the_list() {
    let types = generate::all().unwrap();
    let mut missing = Vec::new();
    let mut open = vec![generate::root().join("src")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let mut derived = false;
        for line in std::fs::read_to_string(path).unwrap().lines() {
            derived |= line.starts_with("#[derive(") && line.contains("Message");
            let Some(rest) = line.strip_prefix("pub struct ") else { continue };
            let name = rest.split(|end: char| !end.is_alphanumeric()).next().unwrap();
            if std::mem::take(&mut derived) && !types.iter().any(|of| of.kind == name) {
                missing.push(name.to_owned());
            }
        }
    }
    assert_eq!(missing, [""; 0], "add them to events/generate/list.rs");
}

#[test]
fn schemas_refuse_what_the_types_refuse() {
    let sample = committed("payloads/PlaceOrder.json");
    let data = schema("PlaceOrder.v1");
    for (field, value) in [
        ("order_id", json!(1)),
        ("lines", json!({})),
        ("ordered_at", json!("yesterday")),
        ("currency", json!("ABC")),
    ] {
        let mut bad = sample["data"].clone();
        bad[field] = value;
        assert!(!data.is_valid(&bad), "{field}");
        assert!(OrderCommand::decode("PlaceOrder", 1, &bad.to_string()).is_err(), "{field}");
    }
    let envelope = schema("envelope.v1");
    for (field, value) in [
        ("specversion", json!("0.3")),
        ("subject", json!("order")),
        ("time", json!("now")),
        ("dataref", json!("tidegate:order%231/1")),
    ] {
        let mut bad = sample.clone();
        bad[field] = value;
        assert!(!envelope.is_valid(&bad), "{field}");
        assert!(Envelope::parse(bad.to_string().as_bytes()).is_err(), "{field}");
    }
}

fn lambda_event(function: &str) -> Box<RawValue> {
    RawValue::from_string(committed(&format!("lambda/{function}.json")).to_string()).unwrap()
}

/// Returns the committed sample of a type.
fn payload(kind: &str) -> Value {
    committed(&format!("payloads/{kind}.json"))
}

#[test]
fn the_lambda_events_are_read_by_the_toolkit_as_what_they_mean() {
    let event = lambda_event("order-processor");
    let processed = Source::Kinesis.split(&event).unwrap();
    let read: Vec<Result<String, String>> = processed
        .iter()
        .map(|delivery| {
            Envelope::parse(delivery.bytes().unwrap())
                .map(|envelope| envelope.kind)
                .map_err(|failure| failure.code().to_owned())
        })
        .collect();
    assert_eq!(
        read,
        [Ok("PlaceOrder".to_owned()), Ok("RecordReturn".to_owned()), Err("not_json".to_owned())]
    );
    let positions: BTreeMap<&str, ()> =
        processed.iter().map(|delivery| (delivery.position.as_str(), ())).collect();
    assert_eq!(positions.len(), 3);

    let types = generate::all().unwrap();
    let placed = types.iter().find(|of| of.kind == "OrderPlaced").unwrap();
    let expected = generate::commit(&placed.sample).unwrap();
    for function in ["event-publisher", "order-projection"] {
        let event = lambda_event(function);
        let change =
            CommitChange::from_delivery(&Source::DynamoDb.split(&event).unwrap()[0]).unwrap();
        assert_eq!(change, CommitChange::Commit(expected.clone()), "{function}");
    }
    let placed = expected.envelope(&expected.events[0]).unwrap();
    assert_eq!(serde_json::to_value(placed).unwrap(), payload("OrderPlaced"));

    let event = lambda_event("notification");
    let notified = Source::EventBridge.split(&event).unwrap();
    let envelope = Envelope::parse(notified[0].bytes().unwrap()).unwrap();
    assert_eq!(serde_json::to_value(envelope).unwrap(), payload("OrderPlaced"));
}

#[test]
fn a_queues_lambda_event_has_every_type_that_goes_to_the_queue() {
    let types = generate::all().unwrap();
    for (queue, some) in [
        ("fulfilment", &["OrderPlaced", "StockReserved", "ShipmentDispatched"][..]),
        ("inventory", &["ReserveStock", "StockReordered", "ReturnRecorded"]),
        ("ledger", &["PaymentAuthorised", "PaymentRefunded"]),
        ("payment", &["AuthorisePayment", "ReturnRecorded"]),
        ("shipping", &["DispatchOrder", "HandOver"]),
    ] {
        let event = lambda_event(queue);
        let deliveries = Source::Sqs.split(&event).unwrap();
        let read: Vec<String> = deliveries
            .iter()
            .map(|delivery| {
                let envelope = Envelope::parse(delivery.bytes().unwrap()).unwrap();
                let kind = envelope.kind.clone();
                assert_eq!(serde_json::to_value(envelope).unwrap(), payload(&kind), "{queue}");
                kind
            })
            .collect();
        for kind in some {
            assert!(read.iter().any(|read| read == kind), "{queue} does not have {kind}: {read:?}");
        }
        for route in ROUTES.iter().filter(|route| route.to.contains(&queue)) {
            assert!(read.iter().any(|read| read == route.kind), "{queue}: {}", route.kind);
        }
        let commands = types.iter().filter(|of| of.is_command() && of.service.name == queue);
        for Described { kind, .. } in commands {
            assert!(read.iter().any(|read| read == kind), "{queue}: {kind}");
        }
    }
    let request = committed("lambda/order-api.json");
    assert_eq!(request["requestContext"]["http"]["method"], "POST");
    assert_eq!(request["requestContext"]["authorizer"]["jwt"]["claims"]["sub"], "17850");
    let event = lambda_event("fulfilment-sweep");
    let fired = &Source::EventBridge.split(&event).unwrap()[0];
    assert_eq!(fired.bytes().unwrap(), b"{}", "a schedule without input brings an empty object");
}

#[test]
fn every_function_of_the_workspace_has_a_lambda_event() {
    let functions = generate::root().join("../functions");
    for entry in std::fs::read_dir(functions).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = format!("lambda/{name}.json");
        assert!(generate::committed().unwrap().contains_key(&path), "events/{path} is missing");
    }
}
