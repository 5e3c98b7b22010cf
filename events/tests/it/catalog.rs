//! Tests that the catalog is what types and topology say, and that its documents are valid.

use std::collections::BTreeSet;
use std::io::Read;

use serde_json::{Value, json};

use crate::generate::{self, COMMAND, catalog};

/// The JSON Schema of AsyncAPI 3.0.0, from version 6.11.1 of the package `@asyncapi/specs`
/// (Apache-2.0), as it is.
const ASYNCAPI: &[u8] = include_bytes!("../asyncapi-3.0.0.json.gz");

fn written(name: &str) -> String {
    let file = catalog::repository().join(catalog::FOLDER).join(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn document(name: &str) -> Value {
    serde_json::from_str(&written(name)).unwrap()
}

/// Returns the entry of a type in the catalog.
fn entry(kind: &str) -> Value {
    let catalog = document("catalog.json");
    let messages = catalog["messages"].as_array().unwrap().iter();
    messages.clone().find(|entry| entry["type"] == kind).unwrap().clone()
}

#[test]
fn the_written_catalog_is_what_types_and_topology_say() {
    for (path, text) in catalog::files(&generate::all().unwrap()).unwrap() {
        let file = catalog::repository().join(&path);
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(written == text, "{path} is stale; run `{COMMAND}`");
    }
}

#[test]
fn an_event_names_who_reads_it_over_rules_queues_and_the_store() {
    let placed = entry("OrderPlaced");
    let bus = json!({ "kind": "bus", "name": "shop" });
    let queue = json!({ "kind": "queue", "name": "fulfilment" });
    let table = json!({ "kind": "table_stream", "name": "event-store" });
    assert_eq!(placed["channels"], json!([bus, queue, table]));
    assert_eq!(
        placed["consumers"],
        json!([
            { "function": "notification", "channel": bus, "rule": "order-placed-notification" },
            { "function": "fulfilment", "channel": queue },
            { "function": "order-projection", "channel": table },
        ])
    );
    assert_eq!(
        placed["producers"],
        json!([{ "function": "order-processor" }, { "function": "order-api" }])
    );
    let reserve = entry("ReserveStock");
    assert_eq!(reserve["producers"], json!([{ "function": "fulfilment" }]));
    assert_eq!(reserve["consumers"][0]["function"], "inventory");
}

#[test]
fn a_new_rule_makes_its_function_a_consumer_and_no_producer_changes() {
    let file = catalog::repository().join("infra/topology.auto.tfvars");
    let text = std::fs::read_to_string(file).unwrap();
    let rule = r#"rules = {
  completed-notification = {
    bus     = "shop"
    pattern = { source = ["shop.fulfilment"], detail-type = ["OrderCompleted"] }
    target  = {
      function          = "notification"
      dead_letter_queue = "rule-failures"
    }
  }"#;
    let changed = text.replacen("rules = {", rule, 1);
    assert_ne!(changed, text);
    let types = generate::all().unwrap();
    let of = |text: &str| catalog::json(&types, topology::parse(text).unwrap()).unwrap();
    let (before, after) = (of(&text), of(&changed));
    for (was, is) in
        before["messages"].as_array().unwrap().iter().zip(after["messages"].as_array().unwrap())
    {
        let kind = is["type"].as_str().unwrap();
        assert_eq!(was["producers"], is["producers"], "{kind}");
        if kind == "OrderCompleted" {
            assert_eq!(was["consumers"], json!([]));
            assert_eq!(is["consumers"][0]["function"], "notification");
            assert_eq!(is["consumers"][0]["rule"], "completed-notification");
        } else {
            assert_eq!(was["consumers"], is["consumers"], "{kind}");
        }
    }
}

#[test]
fn a_queue_that_nothing_reads_is_refused() {
    let file = catalog::repository().join("infra/topology.auto.tfvars");
    let mut topology = topology::load(&file).unwrap();
    topology.functions.get_mut("shipping").unwrap().sources.clear();
    let problem = catalog::json(&generate::all().unwrap(), topology).unwrap_err().to_string();
    assert_eq!(problem, "no function reads the queue shipping");
}

fn asyncapi_schema() -> jsonschema::Validator {
    let mut text = String::new();
    flate2::read::GzDecoder::new(ASYNCAPI).read_to_string(&mut text).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[test]
fn the_asyncapi_document_is_valid_and_a_wrong_one_is_not() {
    let (schema, document) = (asyncapi_schema(), document("asyncapi.json"));
    let errors: Vec<String> = schema
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    type Change = fn(&mut Value);
    let changes: [Change; 4] = [
        |document| document["asyncapi"] = json!("2.6.0"),
        |document| document["channels"]["bus-shop"]["subscribe"] = json!({}),
        |document| {
            document["operations"]["notification.receive.bus-shop"]["action"] = json!("read");
        },
        |document| {
            document["components"]["messages"]["OrderPlaced"]["example"] = json!({});
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut wrong = document.clone();
        change(&mut wrong);
        assert!(!schema.is_valid(&wrong), "change {number}");
    }
}

/// Adds every `$ref` in a value to the list.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let reference = members.get("$ref").and_then(Value::as_str);
            found.extend(reference.map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn references_of_the_asyncapi_document_lead_somewhere_and_examples_fit_their_payloads() {
    let document = document("asyncapi.json");
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100, "{}", found.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for (name, message) in document["components"]["messages"].as_object().unwrap() {
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "allOf": [message["payload"]],
            "components": document["components"],
        });
        let schema = jsonschema::validator_for(&schema).unwrap();
        let example = &message["examples"][0]["payload"];
        let errors: Vec<String> =
            schema.iter_errors(example).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        for (field, value) in [("type", "OrderShipped"), ("time", "")] {
            let mut wrong = example.clone();
            wrong[field] = json!(value);
            if field == "time" {
                wrong.as_object_mut().unwrap().remove("time");
            }
            assert!(!schema.is_valid(&wrong), "{name}: {field}");
        }
    }
}

#[test]
fn every_operation_belongs_to_a_declared_function_and_its_messages_to_its_channel() {
    let topology = topology::load(&catalog::repository().join("infra/topology.auto.tfvars"));
    let topology = topology.unwrap();
    for (name, operation) in document("asyncapi.json")["operations"].as_object().unwrap() {
        let function = operation["tags"][0]["name"].as_str().unwrap();
        assert!(topology.functions.contains_key(function), "{name}");
        let channel = operation["channel"]["$ref"].as_str().unwrap();
        for message in operation["messages"].as_array().unwrap() {
            let path = message["$ref"].as_str().unwrap();
            assert!(path.starts_with(&format!("{channel}/messages/")), "{name}: {path}");
        }
    }
}

#[test]
fn links_of_the_page_lead_somewhere_and_ids_are_unique() {
    let page = written("index.html");
    let values = |attribute: &str| -> Vec<String> {
        let start = format!(" {attribute}=\"");
        let parts = page.split(&start).skip(1);
        parts.map(|part| part.split('"').next().unwrap().to_owned()).collect()
    };
    let ids = values("id");
    let unique: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "an id is there twice");
    let folder = catalog::repository().join(catalog::FOLDER);
    let links = values("href");
    assert!(links.len() > 100, "{}", links.len());
    for link in links.iter().filter(|link| !link.starts_with("data:")) {
        match link.strip_prefix('#') {
            Some(id) => assert!(unique.contains(&id.to_owned()), "{link} leads nowhere"),
            None => assert!(folder.join(link).is_file(), "{link} leads nowhere"),
        }
    }
    for label in values("aria-labelledby") {
        assert!(unique.contains(&label), "no element is named {label}");
    }
    assert!(!page.contains("<script"), "the page works without scripts");
}

#[test]
fn the_page_escapes_what_types_say() {
    let text = catalog::escaped("a < b & \"c\" in `Vec<T>`");
    assert_eq!(text, "a &lt; b &amp; &quot;c&quot; in <code>Vec&lt;T&gt;</code>");
}
