//! Tests of keywords that hold together: beside a reference, and beside alternatives.

use serde_json::{Value, json};

use super::{breaks, case, object};
use crate::{Breaks, changes};

/// A reference to `N`, with these keywords beside it.
fn referring(to: &Value, beside: Value) -> Value {
    let mut schema = beside;
    schema["$ref"] = json!("#/$defs/N");
    schema["$defs"] = json!({ "N": to });
    schema
}

#[test]
fn keywords_beside_a_reference_hold_as_well() {
    let integer = json!({ "type": "integer" });
    let alone = referring(&integer, json!({}));
    let from = |least: i32| referring(&integer, json!({ "minimum": least }));
    case(alone.clone(), from(1), "data", "`minimum` was absent, is 1").backward(json!(0)).holds();
    case(from(1), alone.clone(), "data", "`minimum` was 1, is absent").forward(json!(0)).holds();
    case(from(1), from(0), "data", "`minimum`").forward(json!(0)).holds();
    case(from(1), referring(&json!({ "type": "number" }), json!({ "minimum": 1 })), "data", "type")
        .forward(json!(1.5))
        .holds();
    assert_eq!(changes(&from(1), &from(1)), []);
    let words = json!({ "title": "x", "default": 1, "$comment": "y", "x-unit": "pence" });
    assert_eq!(changes(&alone, &referring(&integer, words)), [], "they limit nothing");

    let chain = |least: i32| {
        json!({ "$ref": "#/$defs/A", "$defs": {
            "A": { "$ref": "#/$defs/B", "minimum": least }, "B": { "type": "integer" } } })
    };
    case(chain(1), chain(2), "data", "`minimum`").backward(json!(1)).holds();
    let alternatives = referring(&integer, json!({ "anyOf": [{ "const": 1 }, { "const": 2 }] }));
    let fewer = referring(&integer, json!({ "anyOf": [{ "const": 1 }] }));
    case(alternatives, fewer, "data", "2 was removed").backward(json!(2)).holds();
}

#[test]
fn a_field_that_comes_beside_schemas_that_limit_it_breaks_readers() {
    let text = json!({ "type": "string" });
    let base = object(json!({ "a": text }), json!([]));
    let more = object(json!({ "a": text, "b": text }), json!([]));
    let witness = json!({ "a": "x", "b": "x" });
    let closed = |base: &Value| referring(base, json!({ "unevaluatedProperties": false }));
    case(closed(&base), closed(&more), "data.b", "the old schema refuses it")
        .forward(witness.clone())
        .holds();
    let all = |base: &Value| json!({ "allOf": [base], "unevaluatedProperties": false });
    case(all(&base), all(&more), "data.b", "the old schema refuses it").forward(witness).holds();

    let open = |base: &Value| referring(base, json!({ "required": ["a"] }));
    case(open(&base), open(&more), "data.b", "was added").holds();
    let short = json!({ "properties": { "a": { "maxLength": 2 } } });
    let narrowed = referring(&base, short);
    assert_eq!(breaks(&referring(&base, json!({})), &narrowed), Breaks::BOTH, "`a` was there");
    assert_eq!(breaks(&narrowed, &referring(&base, json!({}))), Breaks::BOTH);

    let tagged =
        |field: &str| object(json!({ "code": { "const": field }, field: text }), json!([]));
    let (red, blue) = (tagged("red"), tagged("blue"));
    let mut shaded = red.clone();
    shaded["properties"]["blue"] = text;
    case(
        json!({ "oneOf": [red, blue] }),
        json!({ "oneOf": [shaded, blue] }),
        "data.blue",
        "was added",
    )
    .holds();
}

#[test]
fn a_reference_with_keywords_may_lead_back_to_itself() {
    let list = |beside: Value| {
        let node = referring(&json!({}), beside);
        let fields = json!({ "value": { "type": "integer" }, "next": node });
        json!({ "$ref": "#/$defs/N", "$defs": { "N": object(fields, json!([])) } })
    };
    let schema = list(json!({ "minProperties": 1 }));
    assert_eq!(changes(&schema, &schema), []);
    case(list(json!({})), schema, "data.next", "`minProperties`")
        .backward(json!({ "next": {} }))
        .holds();

    let closed = |fields: Value| {
        let mut schema = list(json!({ "unevaluatedProperties": false }));
        for (name, field) in fields.as_object().unwrap() {
            schema["$defs"]["N"]["properties"][name] = field.clone();
        }
        schema
    };
    let more = closed(json!({ "note": { "type": "string" } }));
    case(closed(json!({})), more, "data.next.note", "the old schema refuses it")
        .forward(json!({ "next": { "note": "x" } }))
        .holds();
}

#[test]
fn keywords_beside_alternatives_hold_as_well() {
    let integer = json!({ "type": "integer" });
    let any = |least: i32| json!({ "anyOf": [integer, { "type": "null" }], "minimum": least });
    case(any(1), any(2), "data", "`minimum`").backward(json!(1)).holds();
    let limited = json!({ "anyOf": [integer], "minimum": 1 });
    let text = "`anyOf` was removed beside other keywords";
    let found = changes(&limited, &integer);
    assert!(found.iter().any(|change| change.text.contains(text)), "{found:?}");
    assert!(found.iter().any(|change| change.text.contains("`minimum`")), "{found:?}");
    assert_eq!(breaks(&limited, &integer), Breaks::BOTH);
    assert_eq!(breaks(&integer, &limited), Breaks::BOTH);
    let described = json!({ "anyOf": [integer], "description": "x", "$defs": {} });
    assert_eq!(changes(&integer, &described), [], "words limit nothing");

    let fields = |names: &[&str]| {
        let fields = names.iter().map(|name| ((*name).to_owned(), integer.clone()));
        let mut schema = object(fields.collect(), json!(names));
        schema["oneOf"] = json!([{ "required": ["a"] }]);
        schema
    };
    case(fields(&["a"]), fields(&["a", "b"]), "data.b", "became required")
        .backward(json!({ "a": 1 }))
        .holds();
    let plain = object(json!({ "a": integer }), json!(["a"]));
    let found = changes(&fields(&["a", "b"]), &plain);
    assert!(found.iter().any(|change| change.place == "data.b"), "a member is gone: {found:?}");
}

#[test]
fn of_one_of_and_any_of_each_is_compared() {
    let (number, text) = (json!({ "type": "number" }), json!({ "type": "string" }));
    let both = |list: Value| json!({ "oneOf": [number, text], "anyOf": list });
    case(both(json!([number, text])), both(json!([number])), "data", "string was removed")
        .backward(json!("x"))
        .holds();
    case(both(json!([number])), both(json!([number, text])), "data", "string was added")
        .forward(json!("x"))
        .holds();
    let one = json!({ "oneOf": [number, text] });
    assert_eq!(breaks(&one, &both(json!([number]))), Breaks::BOTH);
    assert_eq!(breaks(&both(json!([number])), &one), Breaks::BOTH);
}
