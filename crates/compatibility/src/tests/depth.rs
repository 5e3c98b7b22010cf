//! Tests that references cannot nest a document deeper than the stack.

use serde_json::{Map, Value, json};

use crate::{Breaks, changes};

/// A flat document in which each definition leads to the next one.
fn chain(length: u32, link: fn(Value) -> Value) -> Value {
    let mut definitions = Map::new();
    for number in 0..length {
        let next = json!({ "$ref": format!("#/$defs/d{}", number + 1) });
        definitions.insert(format!("d{number}"), link(next));
    }
    definitions.insert(format!("d{length}"), json!({ "type": "string" }));
    json!({ "$ref": "#/$defs/d0", "$defs": definitions })
}

#[test]
fn a_long_chain_of_definitions_is_cut_before_the_stack_ends() {
    let links: [fn(Value) -> Value; 6] = [
        |next| json!({ "type": "object", "properties": { "next": next } }),
        |next| json!({ "additionalProperties": next }),
        |next| json!({ "type": "array", "items": next }),
        |next| json!({ "prefixItems": [next] }),
        |next| json!({ "allOf": [next], "minimum": 1 }),
        |next| json!({ "oneOf": [next, { "type": "null" }] }),
    ];
    for link in links {
        let deep = chain(20_000, link);
        let found = changes(&deep, &deep);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].text.contains("levels deep; not all were compared"), "{found:?}");
        assert_eq!(found[0].breaks, Breaks::BOTH);
        let shallow = chain(100, link);
        assert_eq!(changes(&shallow, &shallow), []);
    }
}

#[test]
fn a_chain_of_mere_references_is_not_deep() {
    let aliases = chain(2_000, |next| next);
    assert_eq!(changes(&aliases, &json!({ "type": "string" })), []);
    let limited = chain(2_000, |next| json!({ "$ref": next["$ref"], "maxLength": 9 }));
    assert_eq!(changes(&limited, &limited), []);
}
