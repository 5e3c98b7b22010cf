//! Reads parts of a schema.

use std::collections::BTreeSet;

use serde_json::Value;

/// A schema document, whose references lead into itself.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a> {
    pub(crate) root: &'a Value,
}

impl<'a> Document<'a> {
    /// Follows references until a schema without one. Stops at one that leads out of the document,
    /// or that leads back to itself.
    pub(crate) fn resolve(self, schema: &'a Value) -> &'a Value {
        let mut resolved = schema;
        let mut seen = BTreeSet::new();
        while let Some(reference) = resolved.get("$ref").and_then(Value::as_str) {
            let target = reference.strip_prefix('#').and_then(|path| self.root.pointer(path));
            match target {
                Some(target) if seen.insert(reference) => resolved = target,
                _ => break,
            }
        }
        resolved
    }
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

/// Returns whether a schema forbids fields that it does not name.
pub(crate) fn is_closed(schema: &Value) -> bool {
    let keyword = |name: &str| schema.get(name) == Some(&Value::Bool(false));
    keyword("additionalProperties") || keyword("unevaluatedProperties")
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
