//! Tests that the committed schemas, registry documents, samples and Lambda events agree with the
//! types.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "clippy exempts test functions, and not the functions that they share"
)]

#[path = "../../generate/mod.rs"]
#[allow(missing_docs, unreachable_pub, reason = "the example writes files with it too")]
mod generate;
mod registry;

use std::collections::BTreeMap;

use events::{OrderCommand, OrderEvent, ReturnCommand, ReturnEvent};
use generate::{COMMAND, Samples, breaking_changes};
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
    let mut kinds = Vec::new();
    for sample in Samples::new().unwrap().all() {
        let path = format!("payloads/{}.json", sample.kind);
        let file = committed(&path);
        let kind = file["type"].as_str().unwrap().to_owned();
        let version = file["dataschema"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        let data_schema = format!("{kind}.v{version}");
        for (schema, value) in [(&envelope_schema, &file), (&schema(&data_schema), &file["data"])] {
            let errors: Vec<String> =
                schema.iter_errors(value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{path}: {errors:#?}");
        }
        assert_eq!(committed(&format!("schemas/{data_schema}.json"))["$id"], file["dataschema"]);

        let envelope = Envelope::parse(file.to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::to_value(&envelope).unwrap(), file, "{path}");
        let data: Value = serde_json::from_str(&recoded(&envelope)).unwrap();
        assert_eq!(data, file["data"], "{path}");
        kinds.push(kind);
    }
    kinds.sort();
    assert_eq!(
        kinds,
        [
            "OrderPlaced",
            "OrderRejected",
            "PlaceOrder",
            "RecordReturn",
            "ReturnRecorded",
            "ReturnRejected"
        ]
    );
}

/// Returns the content, decoded by its type and encoded again.
fn recoded(envelope: &Envelope) -> String {
    match envelope.kind.as_str() {
        "PlaceOrder" => OrderCommand::from_envelope(envelope).unwrap().encode(),
        "RecordReturn" => ReturnCommand::from_envelope(envelope).unwrap().encode(),
        kind if kind.starts_with("Order") => OrderEvent::from_envelope(envelope).unwrap().encode(),
        _ => ReturnEvent::from_envelope(envelope).unwrap().encode(),
    }
    .unwrap()
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

#[test]
fn the_lambda_events_are_read_by_the_toolkit_as_what_they_mean() {
    let samples = Samples::new().unwrap();
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

    let expected = generate::commit(&samples.order_placed).unwrap();
    for function in ["event-publisher", "order-projection"] {
        let event = lambda_event(function);
        let change =
            CommitChange::from_delivery(&Source::DynamoDb.split(&event).unwrap()[0]).unwrap();
        assert_eq!(change, CommitChange::Commit(expected.clone()), "{function}");
    }
    let placed = expected.envelope(&expected.events[0]).unwrap();
    assert_eq!(serde_json::to_value(placed).unwrap(), committed("payloads/OrderPlaced.json"));

    let event = lambda_event("notification");
    let notified = Source::EventBridge.split(&event).unwrap();
    let envelope = Envelope::parse(notified[0].bytes().unwrap()).unwrap();
    assert_eq!(serde_json::to_value(envelope).unwrap(), committed("payloads/OrderPlaced.json"));
}
