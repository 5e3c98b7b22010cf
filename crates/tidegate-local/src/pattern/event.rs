//! The values of an event that a pattern looks at.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use super::matcher::Matcher;
use crate::json::Json;

/// In which element of which lists a value lies: number of the list and index, outer lists first. Values that stand in a list
/// themselves lie in no element of it.
type Place = Vec<(usize, usize)>;

/// A field of an object, with its name.
type Field<'a> = (Cow<'a, str>, Json<'a>);

/// The values of an event by the names of their fields.
pub(super) struct Leaves<'a> {
    fields: &'a BTreeSet<String>,
    found: BTreeMap<&'a str, Vec<Leaf<'a>>>,
    lists: usize,
    place: Place,
}

struct Leaf<'a> {
    value: &'a Json<'a>,
    place: Place,
}

impl<'a> Leaves<'a> {
    /// The values of these fields.
    pub(super) fn of(event: &'a [Field<'a>], fields: &'a BTreeSet<String>) -> Self {
        let mut leaves = Self { fields, found: BTreeMap::new(), lists: 0, place: Vec::new() };
        leaves.object("", event);
        leaves
    }

    fn object(&mut self, name: &str, object: &'a [Field<'a>]) {
        for (field, value) in object {
            let name = extended(name, field);
            let below = |wanted: &String| {
                let rest = wanted.strip_prefix(name.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            if self.fields.iter().any(below) {
                self.value(&name, value);
            }
        }
    }

    fn value(&mut self, name: &str, value: &'a Json<'a>) {
        match value {
            Json::Object(object) => self.object(name, object),
            Json::List(elements) => {
                let list = self.lists;
                self.lists += 1;
                for (index, element) in elements.iter().enumerate() {
                    let inside = matches!(element, Json::Object(_) | Json::List(_));
                    if inside {
                        self.place.push((list, index));
                    }
                    self.value(name, element);
                    if inside {
                        self.place.pop();
                    }
                }
            }
            leaf => {
                if let Some(name) = self.fields.get(name) {
                    let leaf = Leaf { value: leaf, place: self.place.clone() };
                    self.found.entry(name).or_default().push(leaf);
                }
            }
        }
    }

    /// Whether all fields of a rule match, and no two of them in different elements of one list.
    pub(super) fn match_all(&self, rule: &Rule) -> bool {
        // Lists that fields from here on lie in: only there can an element chosen before matter.
        let mut later: Vec<BTreeSet<usize>> = Vec::with_capacity(rule.len());
        let mut lists = BTreeSet::new();
        for name in rule.keys().rev() {
            later.push(lists.clone());
            lists.extend(self.leaves(name).iter().flat_map(|leaf| leaf.place.iter().map(|(list, _)| *list)));
        }
        let mut chosen = BTreeSet::from([Place::new()]);
        for ((name, matchers), later) in rule.iter().zip(later.iter().rev()) {
            let leaves = self.leaves(name);
            let matching: BTreeSet<&Place> = leaves
                .iter()
                .filter(|leaf| matchers.iter().any(|matcher| matcher.matches(leaf.value)))
                .map(|leaf| &leaf.place)
                .collect();
            let may_be_absent = matchers.iter().any(|matcher| matches!(matcher, Matcher::Absent));
            let mut next = BTreeSet::new();
            for place in &chosen {
                let joined = matching.iter().filter_map(|leaf| join(place, leaf));
                next.extend(joined.map(|joined| only(joined, later)));
                if may_be_absent && !leaves.iter().any(|leaf| join(place, &leaf.place).is_some()) {
                    next.insert(only(place.clone(), later));
                }
            }
            if next.is_empty() {
                return false;
            }
            chosen = next;
        }
        true
    }

    fn leaves(&self, name: &str) -> &[Leaf<'a>] {
        self.found.get(name).map_or(&[], Vec::as_slice)
    }
}

/// The name of a field inside another.
pub(super) fn extended(name: &str, field: &str) -> String {
    if name.is_empty() { field.to_owned() } else { format!("{name}.{field}") }
}

fn only(mut place: Place, lists: &BTreeSet<usize>) -> Place {
    place.retain(|(list, _)| lists.contains(list));
    place
}

/// Both places together, unless they are different elements of one list.
fn join(one: &Place, other: &Place) -> Option<Place> {
    let mut joined = one.clone();
    for (list, index) in other {
        match joined.iter().find(|(known, _)| known == list) {
            Some((_, known)) if known != index => return None,
            Some(_) => {}
            None => joined.push((*list, *index)),
        }
    }
    joined.sort_unstable();
    Some(joined)
}
