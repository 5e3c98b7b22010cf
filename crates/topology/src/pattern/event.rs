//! Matches the values of an event against one rule.
//!
//! Two fields that lie in elements of one list must match in the same element. For example, the
//! rule `{"list": {"a": [1], "b": [2]}}` does not match the event `{"list": [{"a": 1}, {"b": 2}]}`:
//! `a` and `b` are in different elements.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::field::extended;
use super::matcher::Matcher;
use super::rule::Rule;
use aws_json::Json;

/// Index in [`Leaves::elements`] of an element of a list that is itself an object or a list.
///
/// [`OUTSIDE`] stands for everything that lies in no list.
type Place = usize;

const OUTSIDE: Place = 0;

/// Location of such an element.
///
/// Each element refers to the one around it. So a value deep in many lists needs no list of its
/// own.
#[derive(Debug)]
struct Element {
    /// Number of its list.
    list: usize,
    /// Element that contains the list.
    around: Place,
    /// Number of elements around it.
    depth: usize,
}

/// Elements in which the fields before have matched.
///
/// None lies in another, and no two belong to one list.
type Chosen = Vec<Place>;

/// A field of an object, with its name.
type Field<'a> = (Cow<'a, str>, Json<'a>);

/// Values of an event by the names of their fields.
pub(super) struct Leaves<'a> {
    fields: &'a BTreeSet<String>,
    found: BTreeMap<&'a str, Vec<Leaf<'a>>>,
    elements: Vec<Element>,
    lists: usize,
}

struct Leaf<'a> {
    value: &'a Json<'a>,
    place: Place,
}

impl<'a> Leaves<'a> {
    /// Collects the values of these fields.
    pub(super) fn new(event: &'a [Field<'a>], fields: &'a BTreeSet<String>) -> Self {
        let outside = Element { list: 0, around: OUTSIDE, depth: 0 };
        let mut leaves = Self { fields, found: BTreeMap::new(), elements: vec![outside], lists: 0 };
        leaves.object("", event, OUTSIDE);
        leaves
    }

    fn object(&mut self, name: &str, object: &'a [Field<'a>], place: Place) {
        for (field, value) in object {
            let name = extended(name, field);
            let below = |wanted: &String| {
                let rest = wanted.strip_prefix(name.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            if self.fields.iter().any(below) {
                self.value(&name, value, place);
            }
        }
    }

    fn value(&mut self, name: &str, value: &'a Json<'a>, place: Place) {
        match value {
            Json::Object(object) => self.object(name, object, place),
            Json::List(elements) => {
                self.lists += 1;
                let (list, depth) = (self.lists, self.depth(place) + 1);
                for element in elements {
                    // Values that stand in the list itself lie in no element of it.
                    let inside = matches!(element, Json::Object(_) | Json::List(_));
                    if inside {
                        self.elements.push(Element { list, around: place, depth });
                    }
                    self.value(name, element, if inside { self.elements.len() - 1 } else { place });
                }
            }
            leaf => {
                if let Some(name) = self.fields.get(name) {
                    self.found.entry(name).or_default().push(Leaf { value: leaf, place });
                }
            }
        }
    }

    /// Returns whether all fields of a rule match, and no two of them in different elements of one
    /// list.
    ///
    /// The fields are visited in the order of their names. Invariant: `chosen` holds each
    /// combination of elements in which all fields visited before match. A combination keeps only
    /// elements of lists that later fields lie in. Therefore few combinations remain even if many
    /// values match.
    pub(super) fn match_all(&self, rule: &Rule) -> bool {
        // For each field, the lists of the later fields. An element chosen before matters only
        // there.
        let mut later: Vec<BTreeSet<usize>> = Vec::with_capacity(rule.len());
        let mut lists = BTreeSet::new();
        for name in rule.keys().rev() {
            later.push(lists.clone());
            for leaf in self.leaves(name) {
                let mut outwards = self.outwards(leaf.place);
                // If a list is already known, so are the lists around it.
                while outwards.next().is_some_and(|(_, element)| lists.insert(element.list)) {}
            }
        }
        let mut chosen = BTreeSet::from([Chosen::new()]);
        for ((name, matchers), later) in rule.iter().zip(later.iter().rev()) {
            let leaves = self.leaves(name);
            let matching: BTreeSet<Place> = leaves
                .iter()
                .filter(|leaf| matchers.iter().any(|matcher| matcher.matches(leaf.value)))
                .map(|leaf| leaf.place)
                .collect();
            let may_be_absent = matchers.iter().any(|matcher| matches!(matcher, Matcher::Absent));
            let mut next = BTreeSet::new();
            for before in &chosen {
                // No chosen element matters to later fields, so one combination is enough.
                if later.is_empty() && !next.is_empty() {
                    break;
                }
                let mut fitting = matching.iter().filter(|place| self.fits(before, **place));
                if later.is_empty() {
                    next.extend(fitting.next().map(|_| Chosen::new()));
                } else {
                    next.extend(
                        fitting
                            .map(|place| self.only(before.iter().copied().chain([*place]), later)),
                    );
                }
                if may_be_absent && !leaves.iter().any(|leaf| self.fits(before, leaf.place)) {
                    next.insert(self.only(before.iter().copied(), later));
                }
            }
            if next.is_empty() {
                return false;
            }
            chosen = next;
        }
        true
    }

    /// Returns whether a value may be chosen together with these elements.
    ///
    /// It may not lie in another element of a list than one of them.
    fn fits(&self, chosen: &Chosen, place: Place) -> bool {
        chosen.iter().all(|one| self.are_compatible(*one, place))
    }

    fn are_compatible(&self, one: Place, other: Place) -> bool {
        let depth = self.depth(one).min(self.depth(other));
        let (mut one, mut other) = (self.at_depth(one, depth), self.at_depth(other, depth));
        while one != other {
            let (Some(first), Some(second)) = (self.elements.get(one), self.elements.get(other))
            else {
                return true;
            };
            if first.list == second.list {
                return false;
            }
            (one, other) = (first.around, second.around);
        }
        true
    }

    /// Reduces chosen elements to those of the given lists.
    fn only(&self, places: impl Iterator<Item = Place>, lists: &BTreeSet<usize>) -> Chosen {
        let within = |place| {
            let mut outwards = self.outwards(place);
            outwards.find(|(_, element)| lists.contains(&element.list)).map(|(place, _)| place)
        };
        let kept: BTreeSet<Place> = places.filter_map(within).collect();
        let holds = |outer: Place, inner: Place| {
            outer != inner
                && self.at_depth(inner, self.depth(outer).min(self.depth(inner))) == outer
        };
        kept.iter().copied().filter(|one| !kept.iter().any(|other| holds(*one, *other))).collect()
    }

    /// Returns the element at a depth that contains the place, or the place itself.
    fn at_depth(&self, place: Place, depth: usize) -> Place {
        let mut at = place;
        while let Some(element) = self.elements.get(at).filter(|element| element.depth > depth) {
            at = element.around;
        }
        at
    }

    fn depth(&self, place: Place) -> usize {
        self.elements.get(place).map_or(0, |element| element.depth)
    }

    /// Returns the element of a place and the elements around it, from the inside out.
    fn outwards(&self, place: Place) -> impl Iterator<Item = (Place, &Element)> {
        let existing =
            |place: Place| Some((place, self.elements.get(place).filter(|_| place != OUTSIDE)?));
        std::iter::successors(existing(place), move |(_, element)| existing(element.around))
    }

    fn leaves(&self, name: &str) -> &[Leaf<'a>] {
        self.found.get(name).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(of: &Json<'_>) -> usize {
        let Json::Object(event) = of else { panic!("not an object") };
        let names = BTreeSet::from(["deep.a".to_owned(), "deep.b".to_owned()]);
        let leaves = Leaves::new(event, &names);
        assert!(leaves.found.values().map(Vec::len).sum::<usize>() > 0);
        leaves.elements.len()
    }

    #[test]
    fn values_deep_in_lists_share_what_is_known_of_where_they_are() {
        let levels = 900;
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        // 10,000 values in one element.
        let many = vec!["1"; 10_000].join(",");
        let text = format!(r#"{{"deep":{open}{{"a":[{many}]}}{close}}}"#);
        assert_eq!(fields(&Json::parse(&text).unwrap()), 1 + levels);
        // 10,000 elements with two values each.
        let many = vec![r#"{"a":1,"b":2}"#; 10_000].join(",");
        let text = format!(r#"{{"deep":{open}{many}{close}}}"#);
        assert_eq!(fields(&Json::parse(&text).unwrap()), levels + 10_000);
    }
}
