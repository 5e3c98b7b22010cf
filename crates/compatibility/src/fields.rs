//! What a schema says of fields that it does not name.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::alternatives::ALTERNATIVES;
use crate::schema::{Document, accepts_all, list, members};

/// What a schema says of a field that it does not name.
#[derive(Clone, Copy)]
pub(crate) enum Unnamed<'a> {
    /// It accepts every value.
    Open,
    /// It refuses the field.
    Closed,
    /// The value must suit this schema.
    Typed(&'a Value),
    /// Something may hold for the field that is not judged.
    Unjudged,
}

/// Returns what a schema says of fields that it does not name.
pub(crate) fn unnamed(schema: &Value) -> Unnamed<'_> {
    let patterns = schema.get("patternProperties").and_then(Value::as_object);
    if patterns.is_some_and(|patterns| !patterns.is_empty()) {
        return Unnamed::Unjudged;
    }
    // Where both are, `additionalProperties` leaves no field unevaluated.
    let keywords = ["additionalProperties", "unevaluatedProperties"];
    match keywords.iter().find_map(|keyword| schema.get(keyword)) {
        None => Unnamed::Open,
        Some(Value::Bool(false)) => Unnamed::Closed,
        Some(other) if accepts_all(other) => Unnamed::Open,
        Some(other) => Unnamed::Typed(other),
    }
}

/// The schemas that hold for a value together with one of them.
pub(crate) struct Others<'a> {
    /// Fields that they name.
    names: BTreeSet<&'a str>,
    /// One of them refuses fields that it does not name.
    closed: bool,
    /// One of them limits fields that it does not name.
    limits: bool,
}

impl<'a> Others<'a> {
    /// Reads the schemas of a place but for `schema`. `path` leads from the place's own schema to
    /// it. Of alternatives, the one on the path counts, or else each.
    pub(crate) fn new(document: Document<'a>, path: &[&'a Value], schema: &'a Value) -> Self {
        let mut others = Self { names: BTreeSet::new(), closed: false, limits: false };
        let is_on_path = |one: &Value| path.iter().any(|on| std::ptr::eq(*on, one));
        let mut seen = BTreeSet::new();
        let mut left: Vec<&'a Value> = path.first().copied().into_iter().collect();
        while let Some(next) = left.pop() {
            if !seen.insert(std::ptr::from_ref(next)) {
                continue;
            }
            left.extend(document.referred(next));
            left.extend(list(next, "allOf").unwrap_or_default());
            for keyword in ALTERNATIVES {
                let all = list(next, keyword).unwrap_or_default();
                match all.iter().find(|one| is_on_path(one)) {
                    Some(one) => left.push(one),
                    None => left.extend(all),
                }
            }
            if !std::ptr::eq(next, schema) {
                others.add(next);
            }
        }
        others
    }

    fn add(&mut self, schema: &'a Value) {
        self.names.extend(members(schema).map(|(name, _)| name.as_str()));
        match unnamed(schema) {
            Unnamed::Open => {}
            Unnamed::Closed => self.closed = true,
            Unnamed::Typed(_) | Unnamed::Unjudged => self.limits = true,
        }
    }

    /// Returns what holds for a field that `own` is said of, in the schema and in the others.
    pub(crate) fn with<'b>(&self, own: Unnamed<'b>, name: &str) -> Unnamed<'b> {
        match own {
            Unnamed::Unjudged => Unnamed::Unjudged,
            _ if self.limits || self.names.contains(name) => Unnamed::Unjudged,
            _ if self.closed => Unnamed::Closed,
            own => own,
        }
    }
}
