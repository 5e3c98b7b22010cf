//! Tests of fields that one schema names, and for which the other one has a general rule.

use serde_json::{Value, json};

use super::{breaks, case, object};
use crate::{Breaks, changes};

/// An object with these fields, and a schema for every other one.
fn others(fields: Value, keyword: &str, schema: Value) -> Value {
    let mut object = object(fields, json!([]));
    object[keyword] = schema;
    object
}

#[test]
fn a_field_is_compared_with_the_schema_of_all_other_fields() {
    for keyword in ["additionalProperties", "unevaluatedProperties"] {
        let integers = |fields: Value| others(fields, keyword, json!({ "type": "integer" }));
        let none = || integers(json!({}));
        let named = |word: &str| integers(json!({ "size": { "type": word } }));
        case(none(), named("string"), "data.size", "`type` was \"integer\", is \"string\"")
            .backward(json!({ "size": 1 }))
            .forward(json!({ "size": "x" }))
            .holds();
        case(none(), named("number"), "data.size", "`type`")
            .forward(json!({ "size": 1.5 }))
            .holds();
        case(named("number"), none(), "data.size", "`type`")
            .backward(json!({ "size": 1.5 }))
            .holds();
        case(none(), named("integer"), "data.size", "limits it as any other field").holds();
        case(named("integer"), none(), "data.size", "limits it as any other field").holds();
        let anything = |fields: Value| others(fields, keyword, json!({ "description": "x" }));
        let sized = anything(json!({ "size": { "type": "string" } }));
        case(anything(json!({})), sized, "data.size", "was added").holds();
    }
}

#[test]
fn what_is_unevaluated_is_what_additional_properties_leave() {
    let open = |fields: Value| {
        let mut schema = others(fields, "additionalProperties", json!(true));
        schema["unevaluatedProperties"] = json!(false);
        schema
    };
    let sized = open(json!({ "size": { "type": "string" } }));
    case(open(json!({})), sized, "data.size", "was added").holds();
}

#[test]
fn a_field_that_a_pattern_may_hold_for_is_not_judged() {
    let patterns = |fields: Value| {
        let patterns = json!({ "^s": { "type": "integer" } });
        others(fields, "patternProperties", patterns)
    };
    let (none, sized) = (patterns(json!({})), patterns(json!({ "size": { "type": "string" } })));
    let found = changes(&none, &sized);
    assert!(found[0].text.contains("what else holds for it in the old schema"), "{found:?}");
    assert_eq!(breaks(&none, &sized), Breaks::BOTH);
    assert_eq!(breaks(&sized, &none), Breaks::BOTH);
    assert_eq!(breaks(&sized, &sized), Breaks::NOTHING);
    let empty = |fields: Value| others(fields, "patternProperties", json!({}));
    let sized = empty(json!({ "size": { "type": "string" } }));
    case(empty(json!({})), sized, "data.size", "was added").holds();
}
