//! Compares two schemas, from outside to inside.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::alternatives::{ALTERNATIVES, Alternatives, alternatives, pairs, stand_alone};
use crate::change::{Breaks, Change, What};
use crate::fields::{Others, Unnamed, unnamed};
use crate::limits;
use crate::schema::{Document, accepts_all, list, members, required};

/// Pairs of schemas that are compared at most. References can make a small document describe more
/// places than a program can visit.
const LIMIT: usize = 20_000;

/// Levels of schemas that are compared at most: as many as `serde_json` reads. References can nest
/// a flat document deeper than the stack.
const DEPTH: usize = 128;

/// A schema that limits nothing.
static EMPTY: Value = Value::Null;

/// Returns what changed from one schema to the next, in the order of the places.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut comparison = Comparison {
        old: Document { root: old },
        new: Document { root: new },
        inside: Vec::new(),
        here: Vec::new(),
        compared: 0,
        too_deep: false,
        found: BTreeSet::new(),
    };
    comparison.compare(old, new, "data");
    if comparison.compared > LIMIT {
        let text = format!("has more than {LIMIT} places; not all were compared");
        comparison.found("data", What::Values, text, Breaks::BOTH);
    }
    if comparison.too_deep {
        let text = format!("is more than {DEPTH} levels deep; not all were compared");
        comparison.found("data", What::Values, text, Breaks::BOTH);
    }
    comparison.found.into_iter().collect()
}

/// An old schema and a new one.
type Sides<'a> = (&'a Value, &'a Value);

/// A pair, and the outermost pair of its place. What holds for a field depends on both.
type Inside = [*const Value; 4];

struct Comparison<'a> {
    old: Document<'a>,
    new: Document<'a>,
    /// What is being compared: a schema may contain itself.
    inside: Vec<Inside>,
    /// Pairs of the place that is being compared, from outside to inside.
    here: Vec<Sides<'a>>,
    compared: usize,
    too_deep: bool,
    found: BTreeSet<Change>,
}

impl<'a> Comparison<'a> {
    fn found(&mut self, place: &str, what: What, text: String, breaks: Breaks) {
        self.found.insert(Change { place: place.to_owned(), what, text, breaks });
    }

    /// Compares the schemas of a place.
    fn compare(&mut self, was: &'a Value, is: &'a Value, place: &str) {
        let around = std::mem::take(&mut self.here);
        self.compare_here(was, is, place);
        self.here = around;
    }

    /// Compares schemas of a place that hold together with those around them.
    fn compare_here(&mut self, was: &'a Value, is: &'a Value, place: &str) {
        let pair = (was, is);
        let (was, is) = (self.old.follow(was), self.new.follow(is));
        self.here.push(if self.here.is_empty() { (was.outermost(), is.outermost()) } else { pair });
        for number in 0..was.beside.len().max(is.beside.len()) {
            let beside = |list: &[&'a Value]| list.get(number).copied().unwrap_or(&EMPTY);
            self.compare_once(beside(&was.beside), beside(&is.beside), place);
        }
        if let Some(text) = limits::compare_outside(was.target, is.target) {
            self.found(place, What::Values, text, Breaks::BOTH);
        }
        self.compare_once(was.target, is.target, place);
        self.here.pop();
    }

    /// Compares the keywords of two schemas, unless that is going on.
    fn compare_once(&mut self, was: &'a Value, is: &'a Value, place: &str) {
        let outermost = self.here.first().copied().unwrap_or((was, is));
        let inside = [was, is, outermost.0, outermost.1].map(std::ptr::from_ref);
        self.compared += 1;
        if self.inside.contains(&inside) || self.compared > LIMIT {
            return;
        }
        if self.inside.len() >= DEPTH {
            self.too_deep = true;
            return;
        }
        self.inside.push(inside);
        self.compare_keywords(was, is, place);
        self.inside.pop();
    }

    fn compare_keywords(&mut self, was: &'a Value, is: &'a Value, place: &str) {
        if was.is_boolean() || is.is_boolean() {
            self.compare_anything(was, is, place);
            return;
        }
        // A schema without alternatives is the only one of its own.
        match (alternatives(was), alternatives(is)) {
            (Alternatives::None, Alternatives::None) => {}
            (Alternatives::One(was), Alternatives::One(is)) => {
                self.compare_alternatives(was, is, place);
            }
            (Alternatives::One(alternatives), Alternatives::None) if stand_alone(was) => {
                self.compare_alternatives(alternatives, std::slice::from_ref(is), place);
                return;
            }
            (Alternatives::None, Alternatives::One(alternatives)) if stand_alone(is) => {
                self.compare_alternatives(std::slice::from_ref(was), alternatives, place);
                return;
            }
            _ => self.compare_by_keyword(was, is, place),
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
        let nothing = |schema: &Value| *schema == Value::Bool(false);
        let breaks = match (was, is) {
            _ if was == is || accepts_all(was) && accepts_all(is) => return,
            _ if accepts_all(was) || nothing(is) => Breaks::NARROWER,
            _ if accepts_all(is) || nothing(was) => Breaks::WIDER,
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
        let mut removed = Vec::new();
        for (name, was) in members(was) {
            match member(is, name) {
                Some(is) => self.compare(was, is, &format!("{place}.{name}")),
                None => removed.push((name.as_str(), was)),
            }
        }
        let added = members(is).filter(|(name, _)| member(was, name).is_none());
        let added: Vec<_> = added.map(|(name, is)| (name.as_str(), is)).collect();
        self.compare_unnamed(What::FieldRemoved, &removed, is, place);
        self.compare_unnamed(What::FieldAdded, &added, was, place);
    }

    /// Compares fields that one schema names with what the other one says of them.
    fn compare_unnamed(
        &mut self,
        what: What,
        fields: &[(&'a str, &'a Value)],
        other: &'a Value,
        place: &str,
    ) {
        if fields.is_empty() {
            return;
        }
        let is_new = what == What::FieldAdded;
        let (others, word, side) = if is_new {
            let path: Vec<_> = self.here.iter().map(|(was, _)| *was).collect();
            (Others::new(self.old, &path, other), "added", "old")
        } else {
            let path: Vec<_> = self.here.iter().map(|(_, is)| *is).collect();
            (Others::new(self.new, &path, other), "removed", "new")
        };
        for (name, schema) in fields.iter().copied() {
            let place = format!("{place}.{name}");
            let said = others.with(unnamed(other), name);
            let (note, breaks) = match said {
                Unnamed::Open => ("", Breaks::NOTHING),
                Unnamed::Closed => {
                    ("; the SIDE schema refuses it", Breaks { backward: !is_new, forward: is_new })
                }
                Unnamed::Typed(_) => {
                    ("; the SIDE schema limits it as any other field", Breaks::NOTHING)
                }
                Unnamed::Unjudged => {
                    ("; what else holds for it in the SIDE schema cannot be judged", Breaks::BOTH)
                }
            };
            let text = format!("was {word}{}", note.replace("SIDE", side));
            self.found(&place, what, text, breaks);
            match said {
                Unnamed::Typed(limit) if is_new => self.compare(limit, schema, &place),
                Unnamed::Typed(limit) => self.compare(schema, limit, &place),
                _ => {}
            }
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
        let list = |schema: &'a Value| list(schema, keyword).unwrap_or_default();
        self.compare_each(list(was), list(is), place, keyword);
    }

    fn compare_each(&mut self, was: &'a [Value], is: &'a [Value], place: &str, keyword: &str) {
        if was.len() != is.len() {
            let text = format!("`{keyword}` had {} schemas, has {}", was.len(), is.len());
            self.found(place, What::Values, text, Breaks::BOTH);
            return;
        }
        for (number, (was, is)) in was.iter().zip(is).enumerate() {
            match keyword {
                "allOf" => self.compare_here(was, is, place),
                _ => self.compare(was, is, &format!("{place}[{number}]")),
            }
        }
    }

    /// Compares alternatives that hold together with other keywords or with other alternatives.
    fn compare_by_keyword(&mut self, was: &'a Value, is: &'a Value, place: &str) {
        for keyword in ALTERNATIVES {
            let what = match (list(was, keyword), list(is, keyword)) {
                (None, None) => continue,
                (Some(was), Some(is)) => {
                    self.compare_alternatives(was, is, place);
                    continue;
                }
                (None, Some(_)) => "added",
                (Some(_), None) => "removed",
            };
            let text =
                format!("`{keyword}` was {what} beside other keywords; this cannot be judged");
            self.found(place, What::Values, text, Breaks::BOTH);
        }
    }

    fn compare_alternatives(&mut self, was: &'a [Value], is: &'a [Value], place: &str) {
        for pair in pairs((self.old, was), (self.new, is)) {
            let name = &pair.name;
            match (pair.was, pair.is) {
                (Some(was), Some(is)) => self.compare_here(was, is, place),
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
