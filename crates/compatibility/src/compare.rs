//! Compares two schemas, from outside to inside.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::alternatives::{alternatives, pairs};
use crate::change::{Breaks, Change, What};
use crate::limits;
use crate::schema::{Document, is_closed, members, required};

/// Pairs of schemas that are compared at most. References can make a small document describe more
/// places than a program can visit.
const LIMIT: usize = 20_000;

/// Returns what changed from one schema to the next, in the order of the places.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut comparison = Comparison {
        old: Document { root: old },
        new: Document { root: new },
        inside: Vec::new(),
        compared: 0,
        found: BTreeSet::new(),
    };
    comparison.compare(old, new, "data");
    if comparison.compared > LIMIT {
        let text = format!("has more than {LIMIT} places; not all were compared");
        comparison.found("data", What::Values, text, Breaks::BOTH);
    }
    comparison.found.into_iter().collect()
}

struct Comparison<'a> {
    old: Document<'a>,
    new: Document<'a>,
    /// Pairs that are being compared: a schema may contain itself.
    inside: Vec<(*const Value, *const Value)>,
    compared: usize,
    found: BTreeSet<Change>,
}

impl<'a> Comparison<'a> {
    fn found(&mut self, place: &str, what: What, text: String, breaks: Breaks) {
        self.found.insert(Change { place: place.to_owned(), what, text, breaks });
    }

    fn compare(&mut self, was: &'a Value, is: &'a Value, place: &str) {
        let (was, is) = (self.old.resolve(was), self.new.resolve(is));
        let pair = (std::ptr::from_ref(was), std::ptr::from_ref(is));
        self.compared += 1;
        if self.inside.contains(&pair) || self.compared > LIMIT {
            return;
        }
        self.inside.push(pair);
        self.compare_resolved(was, is, place);
        self.inside.pop();
    }

    fn compare_resolved(&mut self, was: &'a Value, is: &'a Value, place: &str) {
        if was.is_boolean() || is.is_boolean() {
            self.compare_anything(was, is, place);
            return;
        }
        // A schema without alternatives is the only one of its own.
        match (alternatives(was), alternatives(is)) {
            (None, None) => {}
            (Some(was), Some(is)) => self.compare_alternatives(was, is, place),
            (Some(alternatives), None) => {
                self.compare_alternatives(alternatives, std::slice::from_ref(is), place);
                return;
            }
            (None, Some(alternatives)) => {
                self.compare_alternatives(std::slice::from_ref(was), alternatives, place);
                return;
            }
        }
        let mut limits = Vec::new();
        limits::compare(was, is, &mut |text, breaks| limits.push((text, breaks)));
        for (text, breaks) in limits {
            self.found(place, What::Values, text, breaks);
        }
        self.compare_members(was, is, place);
        self.compare_others(was, is, place);
        self.compare_lists(was, is, place);
        self.compare_all(was, is, place);
    }

    /// `true` accepts every value, and `false` none.
    fn compare_anything(&mut self, was: &Value, is: &Value, place: &str) {
        let anything = |schema: &Value| {
            *schema == Value::Bool(true)
                || schema.as_object().is_some_and(serde_json::Map::is_empty)
        };
        let nothing = |schema: &Value| *schema == Value::Bool(false);
        let breaks = match (was, is) {
            _ if was == is || anything(was) && anything(is) => return,
            _ if anything(was) || nothing(is) => Breaks::NARROWER,
            _ if anything(is) || nothing(was) => Breaks::WIDER,
            _ => Breaks::BOTH,
        };
        let word = |schema: &Value| match schema {
            Value::Bool(true) => "any value".to_owned(),
            Value::Bool(false) => "no value".to_owned(),
            _ => "a schema".to_owned(),
        };
        let text = format!("was {}, is {}", word(was), word(is));
        self.found(place, What::Values, text, breaks);
    }

    fn compare_members(&mut self, was: &'a Value, is: &'a Value, place: &str) {
        let (before, now) = (required(was), required(is));
        for name in now.difference(&before) {
            let text = "became required; messages already written may not have it".to_owned();
            self.found(&format!("{place}.{name}"), What::Required, text, Breaks::NARROWER);
        }
        for name in before.difference(&now) {
            let text = "is no longer required; readers rely on it".to_owned();
            self.found(&format!("{place}.{name}"), What::Optional, text, Breaks::WIDER);
        }
        let member = |schema: &'a Value, name: &str| schema.get("properties")?.get(name);
        for (name, was) in members(was) {
            let place = format!("{place}.{name}");
            match member(is, name) {
                Some(is) => self.compare(was, is, &place),
                None => {
                    let refused = is_closed(is);
                    let note = if refused { "; the new schema refuses it" } else { "" };
                    let breaks = Breaks { backward: refused, forward: false };
                    let text = format!("was removed{note}");
                    self.found(&place, What::FieldRemoved, text, breaks);
                }
            }
        }
        for (name, _) in members(is).filter(|(name, _)| member(was, name).is_none()) {
            let refused = is_closed(was);
            let note = if refused { "; the old schema refuses it" } else { "" };
            let breaks = Breaks { backward: false, forward: refused };
            let text = format!("was added{note}");
            self.found(&format!("{place}.{name}"), What::FieldAdded, text, breaks);
        }
    }

    /// Compares what fields may hold that are not named.
    fn compare_others(&mut self, was: &'a Value, is: &'a Value, place: &str) {
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            let place = format!("{place}.*");
            match (was.get(keyword), is.get(keyword)) {
                (None, None) => {}
                (Some(was), Some(is)) => self.compare(was, is, &place),
                (None, Some(is)) => self.compare_anything(&Value::Bool(true), is, &place),
                (Some(was), None) => self.compare_anything(was, &Value::Bool(true), &place),
            }
        }
    }

    fn compare_lists(&mut self, was: &'a Value, is: &'a Value, place: &str) {
        match (was.get("items"), is.get("items")) {
            (Some(Value::Array(was)), Some(Value::Array(is))) => {
                self.compare_each(was, is, place, "items");
            }
            (Some(was), Some(is)) => self.compare(was, is, &format!("{place}[]")),
            (None, None) => {}
            (was, is) => {
                let anything = Value::Bool(true);
                let (was, is) = (was.unwrap_or(&anything), is.unwrap_or(&anything));
                self.compare_anything(was, is, &format!("{place}[]"));
            }
        }
        self.compare_by_place(was, is, place, "prefixItems");
    }

    /// Compares schemas that must all hold.
    fn compare_all(&mut self, was: &'a Value, is: &'a Value, place: &str) {
        self.compare_by_place(was, is, place, "allOf");
    }

    fn compare_by_place(&mut self, was: &'a Value, is: &'a Value, place: &str, keyword: &str) {
        let list = |schema: &'a Value| schema.get(keyword).and_then(Value::as_array);
        match (list(was), list(is)) {
            (None, None) => {}
            (was, is) => {
                let slice = |list: Option<&'a Vec<Value>>| list.map(Vec::as_slice);
                let (was, is) = (slice(was).unwrap_or_default(), slice(is).unwrap_or_default());
                self.compare_each(was, is, place, keyword);
            }
        }
    }

    fn compare_each(&mut self, was: &'a [Value], is: &'a [Value], place: &str, keyword: &str) {
        if was.len() != is.len() {
            let text = format!("`{keyword}` had {} schemas, has {}", was.len(), is.len());
            self.found(place, What::Values, text, Breaks::BOTH);
            return;
        }
        let suffix = |number: usize| match keyword {
            "allOf" => String::new(),
            _ => format!("[{number}]"),
        };
        for (number, (was, is)) in was.iter().zip(is).enumerate() {
            self.compare(was, is, &format!("{place}{}", suffix(number)));
        }
    }

    fn compare_alternatives(&mut self, was: &'a [Value], is: &'a [Value], place: &str) {
        for pair in pairs((self.old, was), (self.new, is)) {
            let name = &pair.name;
            match (pair.was, pair.is) {
                (Some(was), Some(is)) => self.compare(was, is, place),
                (Some(_), None) => {
                    let text = format!("the alternative {name} was removed");
                    self.found(place, What::Values, text, Breaks::NARROWER);
                }
                (None, _) => {
                    let text = format!("the alternative {name} was added");
                    self.found(place, What::Values, text, Breaks::WIDER);
                }
            }
        }
    }
}
