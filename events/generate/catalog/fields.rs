//! The fields of a message's content, from its schema.

use serde_json::Value;

/// Levels of objects and lists that are listed.
const DEPTH: usize = 4;

/// A field of the content.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Path, such as `lines[].unit_price`.
    pub path: String,
    /// What it holds, such as `integer` or `list`.
    pub kind: String,
    pub required: bool,
    pub description: String,
}

/// Returns the fields, outer ones before inner ones.
pub fn fields(root: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    inside(root, root, "", 0, &mut found);
    found
}

fn inside(root: &Value, schema: &Value, path: &str, depth: usize, found: &mut Vec<Field>) {
    let schema = resolved(root, schema);
    if depth >= DEPTH {
        return;
    }
    for alternative in alternatives(schema) {
        inside(root, alternative, path, depth + 1, found);
    }
    let required = schema.get("required").and_then(Value::as_array);
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|of| of.as_str() == Some(name)));
    let members = schema.get("properties").and_then(Value::as_object);
    for (name, member) in members.into_iter().flatten() {
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}{name}");
        if found.iter().any(|field| field.path == path) {
            continue;
        }
        let description = member.get("description").or(resolved(root, member).get("description"));
        let text = description.and_then(Value::as_str).unwrap_or_default();
        found.push(Field {
            path: path.clone(),
            kind: kind(root, member),
            required: is_required(name),
            description: text.split_whitespace().collect::<Vec<_>>().join(" "),
        });
        inside(root, member, &path, depth + 1, found);
        if let Some(items) = resolved(root, member).get("items") {
            inside(root, items, &format!("{path}[]"), depth + 1, found);
        }
    }
}

fn kind(root: &Value, schema: &Value) -> String {
    let schema = resolved(root, schema);
    if let Some(constant) = schema.get("const") {
        return constant.to_string();
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
    }
    let alternatives = alternatives(schema);
    if !alternatives.is_empty() && schema.get("properties").is_none() {
        let mut kinds: Vec<String> = alternatives
            .iter()
            .map(|schema| kind(root, schema))
            .filter(|kind| kind != "null")
            .collect();
        kinds.dedup();
        return kinds.join(" or ");
    }
    let word = match schema.get("type") {
        Some(Value::Array(words)) => words
            .iter()
            .filter_map(Value::as_str)
            .filter(|word| *word != "null")
            .collect::<Vec<_>>()
            .join(" or "),
        Some(word) => word.as_str().unwrap_or_default().to_owned(),
        None => "anything".to_owned(),
    };
    let word = if word == "array" { "list".to_owned() } else { word };
    let format = schema.get("format").and_then(Value::as_str);
    format.map_or(word.clone(), |format| format!("{word}, {format}"))
}

fn alternatives(schema: &Value) -> &[Value] {
    let of = |keyword: &str| schema.get(keyword).and_then(Value::as_array).map(Vec::as_slice);
    of("oneOf").or(of("anyOf")).unwrap_or_default()
}

fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").and_then(Value::as_str);
    let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}
