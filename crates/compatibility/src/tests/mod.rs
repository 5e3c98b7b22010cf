//! Tests that each break has a witness: a message that one schema accepts and the other refuses.

mod depth;
mod fields;
mod together;

use serde_json::{Value, json};

use crate::{Breaks, Change, What, changes};

/// Changes `base`, and expects one change with this place, text and effect. A break needs a message
/// as its witness, which `jsonschema` judges.
struct Case {
    was: Value,
    is: Value,
    expected: (&'static str, &'static str),
    /// Accepted by the old schema, refused by the new one.
    backward: Option<Value>,
    /// Accepted by the new schema, refused by the old one.
    forward: Option<Value>,
}

fn case(was: Value, is: Value, place: &'static str, text: &'static str) -> Case {
    Case { was, is, expected: (place, text), backward: None, forward: None }
}

impl Case {
    fn backward(mut self, witness: Value) -> Self {
        self.backward = Some(witness);
        self
    }

    fn forward(mut self, witness: Value) -> Self {
        self.forward = Some(witness);
        self
    }

    fn holds(self) {
        let found = changes(&self.was, &self.is);
        let (place, text) = self.expected;
        let one = found.iter().find(|change| change.place == place && change.text.contains(text));
        assert!(one.is_some(), "no change of {place}: {text} in {found:#?}");
        let breaks = found.iter().fold(Breaks::NOTHING, |all, change| all.or(change.breaks));
        let expected =
            Breaks { backward: self.backward.is_some(), forward: self.forward.is_some() };
        assert_eq!(breaks, expected, "{found:#?}");
        let accepts = |schema: &Value, message: &Value| jsonschema::is_valid(schema, message);
        if let Some(witness) = self.backward {
            assert!(accepts(&self.was, &witness) && !accepts(&self.is, &witness), "{witness}");
        }
        if let Some(witness) = self.forward {
            assert!(accepts(&self.is, &witness) && !accepts(&self.was, &witness), "{witness}");
        }
    }
}

fn object(properties: Value, required: Value) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

#[test]
fn a_field_may_come_or_go_only_if_it_may_be_absent() {
    let text = json!({ "type": "string" });
    let none = object(json!({}), json!([]));
    let optional = object(json!({ "note": text }), json!([]));
    let required = object(json!({ "note": text }), json!(["note"]));
    case(none.clone(), optional.clone(), "data.note", "was added").holds();
    case(optional.clone(), none.clone(), "data.note", "was removed").holds();
    case(none.clone(), required.clone(), "data.note", "became required")
        .backward(json!({}))
        .holds();
    case(optional.clone(), required.clone(), "data.note", "became required")
        .backward(json!({}))
        .holds();
    case(required.clone(), optional.clone(), "data.note", "is no longer required")
        .forward(json!({}))
        .holds();
    case(required.clone(), none.clone(), "data.note", "is no longer required")
        .forward(json!({}))
        .holds();

    let closed = |mut schema: Value| {
        schema["additionalProperties"] = json!(false);
        schema
    };
    case(closed(none.clone()), closed(optional.clone()), "data.note", "the old schema refuses it")
        .forward(json!({ "note": "x" }))
        .holds();
    case(closed(optional.clone()), closed(none.clone()), "data.note", "the new schema refuses it")
        .backward(json!({ "note": "x" }))
        .holds();
    case(none.clone(), closed(none.clone()), "data.*", "was any value, is no value")
        .backward(json!({ "other": 1 }))
        .holds();
    case(closed(none.clone()), none, "data.*", "was no value, is any value")
        .forward(json!({ "other": 1 }))
        .holds();
    let same = changes(
        &optional,
        &json!({ "title": "x", "description": "y", "type": "object",
        "properties": { "note": { "type": "string", "description": "z", "default": "" } } }),
    );
    assert_eq!(same, [], "words for people change nothing");
}

#[test]
fn types_words_and_limits_are_judged_by_what_they_accept() {
    let of = |word: &str| json!({ "type": word });
    case(of("number"), of("integer"), "data", "`type`").backward(json!(1.5)).holds();
    case(of("integer"), of("number"), "data", "`type`").forward(json!(1.5)).holds();
    case(of("integer"), of("string"), "data", "`type`")
        .backward(json!(1))
        .forward(json!("1"))
        .holds();
    case(of("string"), json!({ "type": ["string", "null"] }), "data", "`type`")
        .forward(json!(null))
        .holds();
    case(json!({}), of("string"), "data", "`type`").backward(json!(1)).holds();

    let words = |words: Value| json!({ "enum": words });
    case(words(json!(["a", "b"])), words(json!(["b", "a", "c"])), "data", "\"c\" was added")
        .forward(json!("c"))
        .holds();
    case(words(json!(["a", "b"])), words(json!(["a"])), "data", "\"b\" was removed")
        .backward(json!("b"))
        .holds();
    case(json!({ "const": 1 }), json!({ "const": 2 }), "data", "1 was removed")
        .backward(json!(1))
        .forward(json!(2))
        .holds();

    let limit =
        |keyword: &str, number: i32| json!({ "type": ["string", "integer"], keyword: number });
    case(limit("minimum", 1), limit("minimum", 2), "data", "`minimum`").backward(json!(1)).holds();
    case(limit("maximum", 1), limit("maximum", 2), "data", "`maximum`").forward(json!(2)).holds();
    case(limit("maxLength", 3), limit("maxLength", 2), "data", "`maxLength`")
        .backward(json!("abc"))
        .holds();
    case(json!({}), json!({ "pattern": "^a" }), "data", "`pattern`").backward(json!("b")).holds();
    case(json!({ "pattern": "^a" }), json!({}), "data", "`pattern`").forward(json!("b")).holds();
    case(json!({ "pattern": "^a" }), json!({ "pattern": "^b" }), "data", "`pattern`")
        .backward(json!("a"))
        .forward(json!("b"))
        .holds();
    case(json!({ "not": { "const": 1 } }), json!({ "not": { "const": 2 } }), "data", "judged")
        .backward(json!(2))
        .forward(json!(1))
        .holds();
}

#[test]
fn lists_references_and_schemas_that_must_all_hold_are_looked_into() {
    let list =
        |item: Value| object(json!({ "lines": { "type": "array", "items": item } }), json!([]));
    let (number, integer) = (json!({ "type": "number" }), json!({ "type": "integer" }));
    case(list(number.clone()), list(integer.clone()), "data.lines[]", "`type`")
        .backward(json!({ "lines": [1.5] }))
        .holds();
    let referring = |name: &str, of: &Value| json!({ "$ref": format!("#/$defs/{name}"), "$defs": { name: of } });
    case(referring("A", &number), referring("B", &integer), "data", "`type`")
        .backward(json!(1.5))
        .holds();
    assert_eq!(changes(&referring("A", &number), &referring("B", &number)), []);
    assert_eq!(changes(&referring("A", &number), &number), []);
    case(
        json!({ "allOf": [{ "minimum": 0 }, number] }),
        json!({ "allOf": [{ "minimum": 0 }, integer] }),
        "data",
        "`type`",
    )
    .backward(json!(1.5))
    .holds();
    let outside = |name: &str| json!({ "$ref": name });
    let found = changes(&outside("urn:a"), &outside("urn:b"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].breaks, Breaks::BOTH, "what is not here cannot be judged");
}

#[test]
fn alternatives_are_paired_by_what_tells_them_apart() {
    let tagged = |code: &str, field: &str, of: &str| {
        object(json!({ "code": { "const": code }, field: { "type": of } }), json!(["code", field]))
    };
    let (red, blue) = (tagged("red", "tone", "integer"), tagged("blue", "depth", "integer"));
    let any = |list: &[&Value]| json!({ "oneOf": list });
    assert_eq!(changes(&any(&[&red, &blue]), &any(&[&blue, &red])), [], "the order means nothing");
    case(any(&[&red]), any(&[&red, &blue]), "data", "code \"blue\" was added")
        .forward(json!({ "code": "blue", "depth": 1 }))
        .holds();
    case(any(&[&red, &blue]), any(&[&blue]), "data", "code \"red\" was removed")
        .backward(json!({ "code": "red", "tone": 1 }))
        .holds();
    let wider = tagged("red", "tone", "number");
    case(any(&[&red, &blue]), any(&[&blue, &wider]), "data.tone", "`type`")
        .forward(json!({ "code": "red", "tone": 1.5 }))
        .holds();
    let text = json!({ "type": "string" });
    let maybe = json!({ "anyOf": [text, { "type": "null" }] });
    case(text.clone(), maybe.clone(), "data", "null was added").forward(json!(null)).holds();
    case(maybe, text, "data", "null was removed").backward(json!(null)).holds();
    let (one, two) = (json!({ "const": "one" }), json!({ "const": "two" }));
    case(any(&[&one]), any(&[&one, &two]), "data", "\"two\" was added")
        .forward(json!("two"))
        .holds();
}

#[test]
fn a_schema_that_contains_itself_ends_and_one_that_grows_is_cut() {
    let tree = |of: &str| {
        json!({ "$ref": "#/$defs/Tree", "$defs": { "Tree": object(
            json!({ "value": { "type": of }, "next": { "$ref": "#/$defs/Tree" } }), json!([])) } })
    };
    let found = changes(&tree("number"), &tree("integer"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].place, "data.value");
    let circle = json!({ "$ref": "#/$defs/A", "$defs": {
        "A": { "$ref": "#/$defs/B" }, "B": { "$ref": "#/$defs/A" } } });
    assert_eq!(changes(&circle, &circle), []);
    let mut levels = json!({ "L40": { "type": "string" } });
    for level in 0..40 {
        let next = json!({ "$ref": format!("#/$defs/L{}", level + 1) });
        levels[format!("L{level}")] =
            json!({ "type": "object", "properties": { "a": next, "b": next } });
    }
    let doubled = json!({ "$ref": "#/$defs/L0", "$defs": levels });
    let found = changes(&doubled, &doubled);
    assert!(found.iter().any(|change| change.text.contains("not all were compared")), "{found:?}");
}

#[test]
fn a_change_says_its_kind_and_the_compatibility_that_is_left() {
    let found = changes(
        &object(json!({ "a": { "type": "string" } }), json!(["a"])),
        &object(json!({ "b": { "type": "string" } }), json!([])),
    );
    let kinds: Vec<(&str, What)> =
        found.iter().map(|change| (change.place.as_str(), change.what)).collect();
    assert_eq!(
        kinds,
        [("data.a", What::FieldRemoved), ("data.a", What::Optional), ("data.b", What::FieldAdded)]
    );
    let words: Vec<&str> =
        found.iter().map(|Change { breaks, .. }| breaks.compatibility()).collect();
    assert_eq!(words, ["full", "backward", "full"]);
    assert_eq!(found[2].to_string(), "data.b: was added");
    assert_eq!(Breaks::BOTH.compatibility(), "none");
    assert_eq!(Breaks::NARROWER.compatibility(), "forward");
}

/// Returns what all changes together break.
fn breaks(was: &Value, is: &Value) -> Breaks {
    let found = changes(was, is);
    found.iter().fold(Breaks::NOTHING, |all, change| all.or(change.breaks))
}
