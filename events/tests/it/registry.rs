//! Tests that the documents of the schema registry are OpenAPI 3.0, and the samples match them.

use std::collections::BTreeMap;

use events::routes::{BUS, ROUTES};
use serde_json::{Value, json};

use crate::{committed, generate};

/// Keywords that a schema may have in OpenAPI 3.0, besides extensions.
const KEYWORDS: [&str; 35] = [
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "default",
    "deprecated",
    "description",
    "discriminator",
    "enum",
    "example",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "externalDocs",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "properties",
    "readOnly",
    "required",
    "title",
    "type",
    "uniqueItems",
    "writeOnly",
];

fn documents() -> BTreeMap<String, Value> {
    let files = generate::committed().unwrap();
    let documents = files.into_iter().filter_map(|(path, value)| {
        let name = path.strip_prefix("registry/")?.strip_suffix(".json")?.to_owned();
        Some((name, value.unwrap()))
    });
    documents.collect()
}

/// Returns everything in a document that is not OpenAPI 3.0, one line each.
fn mistakes(document: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        check(document, schema, name, &mut wrong);
    }
    wrong
}

fn check(document: &Value, schema: &Value, place: &str, wrong: &mut Vec<String>) {
    let Some(members) = schema.as_object() else {
        wrong.push(format!("{place}: a schema is an object"));
        return;
    };
    for (keyword, value) in members {
        if !KEYWORDS.contains(&keyword.as_str()) && !keyword.starts_with("x-") {
            wrong.push(format!("{place}: `{keyword}` is unknown"));
        }
        let inner = |name: &str| format!("{place}.{name}");
        match (keyword.as_str(), value) {
            ("$ref", reference) => {
                let target = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
                if target.and_then(|pointer| document.pointer(pointer)).is_none() {
                    wrong.push(format!("{place}: {reference} leads nowhere"));
                }
                if members.len() > 1 {
                    wrong.push(format!("{place}: `$ref` hides what is beside it"));
                }
            }
            ("type", Value::String(kind)) => {
                if !["array", "boolean", "integer", "number", "object", "string"]
                    .contains(&kind.as_str())
                {
                    wrong.push(format!("{place}: there is no type `{kind}`"));
                }
                if kind == "array" && !members.contains_key("items") {
                    wrong.push(format!("{place}: an array needs `items`"));
                }
            }
            ("type", _) => wrong.push(format!("{place}: `type` is one word")),
            ("exclusiveMinimum" | "exclusiveMaximum" | "nullable", value)
                if !value.is_boolean() =>
            {
                wrong.push(format!("{place}: `{keyword}` is true or false"));
            }
            ("properties", Value::Object(properties)) => {
                for (name, schema) in properties {
                    check(document, schema, &inner(name), wrong);
                }
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(alternatives)) => {
                for schema in alternatives {
                    check(document, schema, &inner(keyword), wrong);
                }
            }
            ("items" | "not", schema) => check(document, schema, &inner(keyword), wrong),
            ("additionalProperties", schema) if !schema.is_boolean() => {
                check(document, schema, &inner(keyword), wrong);
            }
            _ => {}
        }
    }
}

/// Returns an event as EventBridge delivers it to its targets.
fn delivered(kind: &str) -> Value {
    let mut event = committed("lambda/notification.json");
    let sample = committed(&format!("payloads/{kind}.json"));
    event["detail-type"] = sample["type"].clone();
    event["source"] = sample["source"].clone();
    event["detail"] = sample;
    event
}

/// Compiles the schema as a draft before 6, on which OpenAPI 3.0 builds. Those drafts do not have
/// `nullable`, which only allows more.
fn validator(document: &Value) -> jsonschema::Validator {
    let schema =
        json!({ "$ref": "#/components/schemas/AWSEvent", "components": document["components"] });
    let options = jsonschema::options().with_draft(jsonschema::Draft::Draft4);
    options.should_validate_formats(true).build(&schema).unwrap()
}

#[test]
fn every_event_of_the_bus_has_a_document_under_a_name_the_registry_allows() {
    let published = ROUTES.iter().filter(|route| route.to.contains(&BUS));
    let mut expected: Vec<String> =
        published.map(|route| format!("{}@{}", route.source, route.kind)).collect();
    expected.sort();
    let documents = documents();
    assert_eq!(documents.keys().cloned().collect::<Vec<_>>(), expected);
    for (name, document) in &documents {
        assert!(name.len() <= 385, "{name}");
        assert!(
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_@".contains(&byte)),
            "{name}"
        );
        assert!(document.to_string().len() <= 100_000, "{name}: more than the registry takes");
    }
}

#[test]
fn documents_have_the_form_of_eventbridge_and_name_type_source_and_version() {
    for (name, document) in documents() {
        let (source, kind) = name.split_once('@').unwrap();
        let sample = committed(&format!("payloads/{kind}.json"));
        let version = sample["dataschema"].as_str().unwrap().rsplit(':').next().unwrap();
        assert_eq!(document["openapi"], "3.0.0");
        assert_eq!(document["info"], json!({ "title": kind, "version": version }));
        assert_eq!(document["paths"], json!({}));
        let event = &document["components"]["schemas"]["AWSEvent"];
        assert_eq!(event["x-amazon-events-source"], source);
        assert_eq!(event["x-amazon-events-detail-type"], kind);
        assert_eq!(
            event["required"],
            json!([
                "detail-type",
                "resources",
                "detail",
                "id",
                "source",
                "time",
                "region",
                "version",
                "account"
            ])
        );
        assert_eq!(mistakes(&document), [""; 0], "{name}");
    }
}

#[test]
fn what_openapi_does_not_know_is_found() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 8] = [
        (|order| order["const"] = json!(1), "OrderPlaced: `const` is unknown"),
        (|order| order["$defs"] = json!({}), "OrderPlaced: `$defs` is unknown"),
        (
            |order| order["properties"]["units"]["type"] = json!(["integer", "null"]),
            "units: `type` is one word",
        ),
        (
            |order| order["properties"]["units"]["type"] = json!("null"),
            "units: there is no type `null`",
        ),
        (
            |order| order["properties"]["units"]["exclusiveMinimum"] = json!(0),
            "units: `exclusiveMinimum` is true",
        ),
        (
            |order| order["properties"]["lines"]["items"]["$ref"] = json!("#/$defs/X"),
            "lines.items: \"#/$defs/X\" leads",
        ),
        (
            |order| order["properties"]["lines"]["items"]["title"] = json!("a line"),
            "lines.items: `$ref` hides",
        ),
        (|order| order["properties"]["units"] = json!(true), "units: a schema is an object"),
    ];
    for (change, part) in cases {
        let mut document = documents().remove("shop.orders@OrderPlaced").unwrap();
        change(&mut document["components"]["schemas"]["OrderPlaced"]);
        let wrong = mistakes(&document);
        assert!(wrong.iter().any(|line| line.contains(part)), "{part}: {wrong:?}");
    }
}

#[test]
fn samples_on_the_bus_fit_their_documents_and_others_do_not() {
    for (name, document) in documents() {
        let (_, kind) = name.split_once('@').unwrap();
        let schema = validator(&document);
        let event = delivered(kind);
        let errors: Vec<String> =
            schema.iter_errors(&event).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");

        let mut by_reference = event.clone();
        let detail = by_reference["detail"].as_object_mut().unwrap();
        detail.remove("data");
        assert!(!schema.is_valid(&by_reference), "{name}: neither data nor a reference to it");
        by_reference["detail"]["dataref"] = json!("tidegate:order%231/1");
        assert!(schema.is_valid(&by_reference), "{name}");

        type Change = fn(&mut Value);
        let changes: [(Change, &str); 4] = [
            (|event| event["detail"]["type"] = json!("OrderShipped"), "another type"),
            (
                |event| event["detail"]["dataschema"] = json!("urn:tidegate:schema:OrderPlaced:99"),
                "another version",
            ),
            (|event| event["detail"]["data"] = json!({}), "empty content"),
            (|event| event["detail"]["time"] = json!("yesterday"), "no time"),
        ];
        for (change, what) in changes {
            let mut bad = event.clone();
            change(&mut bad);
            assert!(!schema.is_valid(&bad), "{name}: {what}");
        }
    }
}
