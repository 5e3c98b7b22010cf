//! Compares keywords that limit a value: types, words, ranges, formats.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::change::Breaks;
use crate::schema::{types, words};

/// Keywords of which a larger number accepts less.
const LOWER: [&str; 5] = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
/// Keywords of which a smaller number accepts less.
const UPPER: [&str; 5] = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
/// Keywords that accept less than their absence. Two values of them are not compared.
const EXACT: [&str; 6] =
    ["format", "pattern", "multipleOf", "uniqueItems", "contentEncoding", "contentMediaType"];
/// Keywords that this crate does not judge.
const UNJUDGED: [&str; 14] = [
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "patternProperties",
    "propertyNames",
    "contains",
    "minContains",
    "maxContains",
    "unevaluatedItems",
    "$dynamicRef",
];

/// Calls `found` with text and effect of each changed keyword.
pub(crate) fn compare(was: &Value, is: &Value, found: &mut impl FnMut(String, Breaks)) {
    compare_types(was, is, found);
    compare_words(was, is, found);
    for (keywords, accepts_less) in [(LOWER, Ordering::Greater), (UPPER, Ordering::Less)] {
        for keyword in keywords {
            let (old, new) = (was.get(keyword), is.get(keyword));
            if old != new {
                found(changed(keyword, old, new), range(old, new, accepts_less));
            }
        }
    }
    for keyword in EXACT {
        let (old, new) = (was.get(keyword), is.get(keyword));
        if old != new {
            let breaks = match (old, new) {
                (None, _) => Breaks::NARROWER,
                (_, None) => Breaks::WIDER,
                _ => Breaks::BOTH,
            };
            found(changed(keyword, old, new), breaks);
        }
    }
    for keyword in UNJUDGED {
        let (old, new) = (was.get(keyword), is.get(keyword));
        if old != new {
            let text = format!("{}; this cannot be judged", changed(keyword, old, new));
            found(text, Breaks::BOTH);
        }
    }
}

/// Compares the references of schemas to which references lead: they lead out of the file.
pub(crate) fn compare_outside(was: &Value, is: &Value) -> Option<String> {
    let (old, new) = (was.get("$ref"), is.get("$ref"));
    let text = || format!("{}; it leads out of the file", changed("$ref", old, new));
    (old != new).then(text)
}

fn compare_types(was: &Value, is: &Value, found: &mut impl FnMut(String, Breaks)) {
    let (old, new) = (types(was), types(is));
    if old == new {
        return;
    }
    // Every integer is a number.
    let within = |some: &Option<BTreeSet<&str>>, all: &Option<BTreeSet<&str>>| match (some, all) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(some), Some(all)) => some
            .iter()
            .all(|word| all.contains(word) || *word == "integer" && all.contains("number")),
    };
    let breaks = Breaks { backward: !within(&old, &new), forward: !within(&new, &old) };
    found(changed("type", was.get("type"), is.get("type")), breaks);
}

fn compare_words(was: &Value, is: &Value, found: &mut impl FnMut(String, Breaks)) {
    match (words(was), words(is)) {
        (None, None) => {}
        (Some(old), None) => {
            found(format!("any value, was one of {}", list(&old)), Breaks::WIDER);
        }
        (None, Some(new)) => {
            found(format!("one of {}, was any value", list(&new)), Breaks::NARROWER);
        }
        (Some(old), Some(new)) => {
            for word in old.difference(&new) {
                found(format!("the value {word} was removed"), Breaks::NARROWER);
            }
            for word in new.difference(&old) {
                found(format!("the value {word} was added"), Breaks::WIDER);
            }
        }
    }
}

/// Judges a limit. `accepts_less`: how the new number stands to the old one if less is accepted.
fn range(old: Option<&Value>, new: Option<&Value>, accepts_less: Ordering) -> Breaks {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64);
    match (old, new) {
        (None, _) => Breaks::NARROWER,
        (_, None) => Breaks::WIDER,
        _ => match number(new).partial_cmp(&number(old)) {
            Some(order) if order == accepts_less => Breaks::NARROWER,
            Some(order) if order == accepts_less.reverse() => Breaks::WIDER,
            _ => Breaks::BOTH,
        },
    }
}

fn changed(keyword: &str, old: Option<&Value>, new: Option<&Value>) -> String {
    let shown = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), Value::to_string);
    format!("`{keyword}` was {}, is {}", shown(old), shown(new))
}

fn list(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
