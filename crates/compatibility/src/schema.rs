//! Reads parts of a schema.

use std::collections::BTreeSet;

use serde_json::Value;

/// Keywords that limit no value: identifiers, definitions, and words for people.
const LIMITLESS: [&str; 16] = [
    "$schema",
    "$id",
    "$anchor",
    "$dynamicAnchor",
    "$vocabulary",
    "$comment",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
];

/// A schema document, whose references lead into itself.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a> {
    pub(crate) root: &'a Value,
}

/// A schema after its references. The target and the schemas beside all hold for a value.
pub(crate) struct Followed<'a> {
    /// Schema to which the references lead.
    pub(crate) target: &'a Value,
    /// Schemas on the way that limit a value beside their reference, from outside to inside.
    pub(crate) beside: Vec<&'a Value>,
}

impl<'a> Followed<'a> {
    /// Returns the first schema that limits the value.
    pub(crate) fn outermost(&self) -> &'a Value {
        self.beside.first().copied().unwrap_or(self.target)
    }
}

impl<'a> Document<'a> {
    /// Returns the schema to which a schema's own reference leads inside the document.
    pub(crate) fn referred(self, schema: &'a Value) -> Option<&'a Value> {
        self.root.pointer(reference(schema)?.strip_prefix('#')?)
    }

    /// Follows references until a schema without one. Stops at one that leads out of the document,
    /// or that leads back to itself.
    pub(crate) fn follow(self, schema: &'a Value) -> Followed<'a> {
        let mut followed = Followed { target: schema, beside: Vec::new() };
        let mut seen = BTreeSet::new();
        while let Some(target) = self.referred(followed.target) {
            if !seen.insert(reference(followed.target)) {
                break;
            }
            if keywords(followed.target).next().is_some() {
                followed.beside.push(followed.target);
            }
            followed.target = target;
        }
        followed
    }

    /// Returns the schema to which the references of a schema lead.
    pub(crate) fn resolve(self, schema: &'a Value) -> &'a Value {
        self.follow(schema).target
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()
}

/// Returns the keywords of a schema that limit a value, without `$ref`. Extensions (`x-unit`) do
/// not.
pub(crate) fn keywords(schema: &Value) -> impl Iterator<Item = &str> {
    let names = schema.as_object().into_iter().flat_map(|fields| fields.keys());
    let names = names.map(String::as_str);
    names.filter(|name| *name != "$ref" && !LIMITLESS.contains(name) && !name.starts_with("x-"))
}

/// Returns whether a schema accepts every value.
pub(crate) fn accepts_all(schema: &Value) -> bool {
    *schema != Value::Bool(false)
        && keywords(schema).next().is_none()
        && schema.get("$ref").is_none()
}

/// Returns the schemas in a list of schemas, such as `allOf`.
pub(crate) fn list<'a>(schema: &'a Value, keyword: &str) -> Option<&'a [Value]> {
    schema.get(keyword)?.as_array().map(Vec::as_slice)
}

/// Returns the fields that a schema names.
pub(crate) fn members(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// Returns the fields that must be there.
pub(crate) fn required(schema: &Value) -> BTreeSet<&str> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

/// Returns the types that a schema allows. `None`: all.
pub(crate) fn types(schema: &Value) -> Option<BTreeSet<&str>> {
    match schema.get("type")? {
        Value::String(one) => Some(BTreeSet::from([one.as_str()])),
        Value::Array(several) => Some(several.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

/// Returns the values to which `const` or `enum` limits a schema, as JSON. `None`: it does not.
pub(crate) fn words(schema: &Value) -> Option<BTreeSet<String>> {
    if let Some(word) = schema.get("const") {
        return Some(BTreeSet::from([word.to_string()]));
    }
    let words = schema.get("enum")?.as_array()?;
    Some(words.iter().map(Value::to_string).collect())
}
