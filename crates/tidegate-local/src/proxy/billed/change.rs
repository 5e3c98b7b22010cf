//! What a write does to the attributes of its item.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

use super::item::value_bytes;

/// What a write does to the attributes of its item.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Whether the item has no other attributes afterwards.
    pub(super) replaces: bool,
    pub(super) attributes: BTreeMap<String, Written>,
}

/// What a write does to one attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) now: Now,
    /// Bytes of name and value, as far as the request has them.
    pub(super) bytes: usize,
}

/// An attribute after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Now {
    /// It has the value with this hash.
    Is(u64),
    /// It has the value with this hash if it had none.
    Default(u64),
    /// It has another value than before, which the request does not show.
    Another,
    /// It does not exist.
    Gone,
}

impl Now {
    /// Returns the hash of the value after the write, by that of the value before it.
    pub(super) fn after(self, before: Option<u64>) -> Option<u64> {
        match self {
            Self::Is(value) => Some(value),
            Self::Default(value) => before.or(Some(value)),
            Self::Another => Some(before.map_or(1, |value| value.wrapping_add(1))),
            Self::Gone => None,
        }
    }
}

impl Change {
    /// Creates the change of an action: one with an `Item` puts it, one with an `UpdateExpression`
    /// changes an item, and any other deletes it.
    pub(super) fn of(action: &Value) -> Self {
        if let Some(item) = action.get("Item").and_then(Value::as_object) {
            return Self { replaces: true, ..Self::sets(item) };
        }
        match action.get("UpdateExpression").and_then(Value::as_str) {
            Some(expression) => Self::update(expression, action),
            None => Self { replaces: true, ..Self::default() },
        }
    }

    /// Creates a change that gives attributes these values.
    pub(super) fn sets(attributes: &Map<String, Value>) -> Self {
        let written = |name: &String, value| Written {
            now: Now::Is(hash(value)),
            bytes: name.len() + value_bytes(value),
        };
        let attributes =
            attributes.iter().map(|(name, value)| (name.clone(), written(name, value)));
        Self { replaces: false, attributes: attributes.collect() }
    }

    /// Creates the change of an update expression. What it cannot read is another value.
    fn update(expression: &str, action: &Value) -> Self {
        let find = |map: &str, word: &str| action.get(map).and_then(|map| map.get(word));
        let value = |word: &str| find("ExpressionAttributeValues", word);
        let mut attributes = BTreeMap::new();
        for (clause, part) in parts(expression) {
            let Some((path, operand)) = part.split_first() else { continue };
            let root = path.split(['.', '[']).next().unwrap_or(path);
            let is_whole = root.len() == path.len();
            let name = find("ExpressionAttributeNames", root).and_then(Value::as_str);
            let name = name.unwrap_or(root);
            let (now, shown) = match (clause, operand) {
                (Clause::Remove, []) if is_whole => (Now::Gone, None),
                (Clause::Set, ["=", word]) if is_whole && value(word).is_some() => {
                    (value(word).map_or(Now::Another, |value| Now::Is(hash(value))), value(word))
                }
                (Clause::Set, ["=", "if_not_exists", "(", of, ",", word, ")"]) if of == path => {
                    let now = value(word).map(|value| Now::Default(hash(value)));
                    (now.unwrap_or(Now::Another), value(word))
                }
                (_, words) => (Now::Another, words.iter().find_map(|word| value(word))),
            };
            let bytes = name.len() + shown.map_or(0, value_bytes);
            attributes.insert(name.to_owned(), Written { now, bytes });
        }
        Self { replaces: false, attributes }
    }
}

/// Clause of an update expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clause {
    Set,
    Remove,
    /// `ADD` or `DELETE`.
    Other,
}

/// Returns the words of each part of an update expression, which changes one path.
fn parts(expression: &str) -> Vec<(Clause, Vec<&str>)> {
    let mut parts = Vec::new();
    let (mut clause, mut part, mut depth) = (Clause::Other, Vec::new(), 0_usize);
    for word in words(expression) {
        let next = match word.to_ascii_uppercase().as_str() {
            "SET" => Some(Clause::Set),
            "REMOVE" => Some(Clause::Remove),
            "ADD" | "DELETE" => Some(Clause::Other),
            _ => None,
        };
        if next.is_some() || (word == "," && depth == 0) {
            parts.push((clause, std::mem::take(&mut part)));
            clause = next.unwrap_or(clause);
            continue;
        }
        depth = match word {
            "(" => depth + 1,
            ")" => depth.saturating_sub(1),
            _ => depth,
        };
        part.push(word);
    }
    parts.push((clause, part));
    parts
}

/// Splits an update expression into words and signs.
fn words(expression: &str) -> Vec<&str> {
    const SIGNS: [char; 6] = ['(', ')', ',', '=', '+', '-'];
    let mut words = Vec::new();
    let mut rest = expression.trim_start();
    while !rest.is_empty() {
        let ends = |letter: char| letter.is_whitespace() || SIGNS.contains(&letter);
        let length =
            if rest.starts_with(SIGNS) { 1 } else { rest.find(ends).unwrap_or(rest.len()) };
        let (word, after) = rest.split_at(length);
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// Returns a hash of a typed value.
fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn update(expression: &str) -> Vec<(String, Now, usize)> {
        let change = Change::of(&json!({
            "UpdateExpression": expression,
            "ExpressionAttributeNames": {"#a": "amount", "#b": "b"},
            "ExpressionAttributeValues": {":v": {"S": "text"}, ":one": {"N": "1"}},
        }));
        assert!(!change.replaces);
        let attributes = change.attributes.into_iter();
        attributes.map(|(name, written)| (name, written.now, written.bytes)).collect()
    }

    #[test]
    fn each_clause_says_what_becomes_of_its_attribute() {
        let (text, one) = (hash(&json!({"S": "text"})), hash(&json!({"N": "1"})));
        for (expression, name, now, bytes) in [
            ("SET #a = :v", "amount", Now::Is(text), 10),
            ("set plain=:v", "plain", Now::Is(text), 9),
            ("SET #a = if_not_exists(#a, :one)", "amount", Now::Default(one), 8),
            ("SET #a = if_not_exists(#b, :one)", "amount", Now::Another, 8),
            ("SET #a = if_not_exists(#a, :one) + :one", "amount", Now::Another, 8),
            ("SET #a = #a + :one", "amount", Now::Another, 8),
            ("SET #a = list_append(#a, :v)", "amount", Now::Another, 10),
            ("SET #a.#b = :v", "amount", Now::Another, 10),
            ("SET #a[0] = :v", "amount", Now::Another, 10),
            ("SET #a = :unknown", "amount", Now::Another, 6),
            ("REMOVE #a", "amount", Now::Gone, 6),
            ("REMOVE #a[1]", "amount", Now::Another, 6),
            ("ADD #a :one", "amount", Now::Another, 8),
            ("DELETE #a :v", "amount", Now::Another, 10),
        ] {
            assert_eq!(update(expression), [(name.to_owned(), now, bytes)], "{expression}");
        }
    }

    #[test]
    fn clauses_and_their_parts_are_told_apart() {
        let found = update("SET #a = if_not_exists(#a, :v), c = :one ADD n :one REMOVE #b, d");
        let names: Vec<(&str, bool)> =
            found.iter().map(|(name, now, _)| (name.as_str(), *now == Now::Gone)).collect();
        let gone = [("amount", false), ("b", true), ("c", false), ("d", true), ("n", false)];
        assert_eq!(names, gone);
        for broken in ["", "SET", "SET ,", "REMOVE , ,", "(", ")) SET"] {
            assert!(update(broken).len() < 2, "{broken}");
        }
    }

    #[test]
    fn a_put_replaces_and_a_deletion_leaves_nothing() {
        let put = Change::of(&json!({"Item": {"k": {"S": "a"}}}));
        assert!(put.replaces && put.attributes["k"].now == Now::Is(hash(&json!({"S": "a"}))));
        let deletion = Change::of(&json!({"Key": {"k": {"S": "a"}}}));
        assert!(deletion.replaces && deletion.attributes.is_empty());
    }

    #[test]
    fn a_default_counts_only_where_nothing_was() {
        assert_eq!(Now::Default(7).after(None), Some(7));
        assert_eq!(Now::Default(7).after(Some(3)), Some(3));
        assert_ne!(Now::Another.after(Some(3)), Some(3));
        assert_eq!(Now::Gone.after(Some(3)), None);
    }
}
