//! Pairs the alternatives of two schemas.

use serde_json::Value;

use crate::schema::{Document, keywords, list, members, types, words};

/// Keywords whose schemas are alternatives.
pub(crate) const ALTERNATIVES: [&str; 2] = ["oneOf", "anyOf"];

/// An alternative of the old schema, of the new one, or of both.
pub(crate) struct Pair<'a> {
    pub(crate) name: String,
    pub(crate) was: Option<&'a Value>,
    pub(crate) is: Option<&'a Value>,
}

/// What a schema has of alternatives.
pub(crate) enum Alternatives<'a> {
    /// The schema is the only one of its own.
    None,
    /// `oneOf` or `anyOf`.
    One(&'a [Value]),
    /// `oneOf` and `anyOf`, which both hold.
    Both,
}

/// Returns the alternatives of a schema.
pub(crate) fn alternatives(schema: &Value) -> Alternatives<'_> {
    let [first, second] = ALTERNATIVES.map(|keyword| list(schema, keyword));
    match (first, second) {
        (None, None) => Alternatives::None,
        (Some(list), None) | (None, Some(list)) => Alternatives::One(list),
        (Some(_), Some(_)) => Alternatives::Both,
    }
}

/// Returns whether nothing but its alternatives limits a schema.
pub(crate) fn stand_alone(schema: &Value) -> bool {
    keywords(schema).all(|keyword| ALTERNATIVES.contains(&keyword))
}

/// Pairs alternatives of the same name. Those of one name are paired in their order.
pub(crate) fn pairs<'a>(
    old: (Document<'a>, &'a [Value]),
    new: (Document<'a>, &'a [Value]),
) -> Vec<Pair<'a>> {
    let named = |(document, list): (Document<'a>, &'a [Value])| -> Vec<(String, &'a Value)> {
        list.iter().map(|schema| (name(document, schema), schema)).collect()
    };
    let mut left = named(new);
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    for (name, was) in named(old) {
        let found = left.iter().position(|(other, _)| *other == name);
        let is = found.map(|place| left.remove(place).1);
        pairs.push(Pair { name, was: Some(was), is });
    }
    pairs.extend(left.into_iter().map(|(name, is)| Pair { name, was: None, is: Some(is) }));
    pairs
}

/// Returns what tells an alternative from the others: its constant, the constant fields of a tagged
/// object, the only field of another object, or its type.
fn name(document: Document<'_>, schema: &Value) -> String {
    let schema = document.resolve(schema);
    let constant = |schema: &Value| words(schema).filter(|words| words.len() == 1);
    if let Some(word) = constant(schema) {
        return word.into_iter().collect();
    }
    let tags: Vec<String> = members(schema)
        .filter_map(|(name, member)| {
            let word = constant(document.resolve(member))?;
            Some(format!("{name} {}", word.into_iter().collect::<String>()))
        })
        .collect();
    if !tags.is_empty() {
        return tags.join(", ");
    }
    let mut fields = members(schema);
    if let (Some((field, _)), None) = (fields.next(), fields.next()) {
        return format!("{{{field}}}");
    }
    let types = types(schema).unwrap_or_default();
    types.into_iter().collect::<Vec<_>>().join(" or ")
}
