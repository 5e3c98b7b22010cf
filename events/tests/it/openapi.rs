//! Tests of the OpenAPI document that the types make.

#[path = "../../generate/openapi.rs"]
#[allow(missing_docs, unreachable_pub, reason = "the example writes it too")]
mod generate;

use std::collections::BTreeSet;

use events::api::OPERATIONS;
use generate::{COMMAND, document, path};
use serde_json::Value;

#[test]
fn the_committed_document_is_what_the_types_say() {
    let committed = std::fs::read(path()).unwrap();
    let committed: Value = serde_json::from_slice(&committed).unwrap();
    assert!(committed == document(), "docs/catalog/openapi.json is old: run `{COMMAND}`");
}

#[test]
fn every_reference_of_the_document_leads_to_a_schema() {
    let document = document();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    assert!(references.len() > 10, "{references:?}");
    for reference in references {
        let place = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| collect(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[test]
fn operations_have_names_of_their_own() {
    let names: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.id).collect();
    assert_eq!(names.len(), OPERATIONS.len());
}
