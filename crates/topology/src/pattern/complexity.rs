//! Measures how complex the wildcards of a rule are.
//!
//! EventBridge refuses a rule whose wildcards are too complex, with `InvalidEventPatternException`
//! ("Rule is too complex"). Its guide documents neither the measure nor the limit.
//!
//! - The measure is that of Event Ruler (`MachineComplexityEvaluator`). It takes the prefixes of
//!   all wildcards of one field, and counts how many of them match one text at the same time. The
//!   complexity is the highest count of any text.
//! - The limit is the one in Event Ruler's documentation. It agrees with observations of
//!   EventBridge, which accepted 9 and refused 12.
//!
//! For example, four prefixes of the wildcard `*/lib/*` match the text `/lib/`: `*`, `*/`, `*/lib/`
//! and the whole wildcard.

use std::collections::{BTreeMap, BTreeSet};

use super::matcher::Matcher;
use super::rule::Rule;
use super::wildcard::Step;

/// Highest complexity of a rule.
pub(super) const MOST: usize = 10;

/// Most sets of prefixes that the search visits.
///
/// No observed pattern of a rule's length needs a tenth of them.
const SETS: usize = 100_000;

/// Key of a field in a rule: all fields of the rule up to this one, in the order of their names.
///
/// Each earlier field comes with the address of its list. The field itself comes with a null
/// pointer.
type Fields<'a> = Vec<(&'a str, *const Matcher)>;

/// Returns the first field whose wildcards are too complex.
pub(super) fn too_complex(rules: &[Rule]) -> Option<&str> {
    // Event Ruler visits the fields in the order of their names. It evaluates the lists of one
    // field together if all fields before it have the same lists.
    let mut together: BTreeMap<Fields<'_>, Vec<&[Matcher]>> = BTreeMap::new();
    for rule in rules {
        let mut before = Fields::new();
        for (name, matchers) in rule {
            let field = before.iter().copied().chain([(name.as_str(), std::ptr::null())]);
            together.entry(field.collect()).or_default().push(matchers);
            before.push((name, matchers.as_ptr()));
        }
    }
    let found = together.into_iter().find(|(_, lists)| complexity(lists) > MOST)?;
    found.0.last().map(|(name, _)| *name)
}

/// Returns the complexity of the wildcards in lists of one field, at most a little above [`MOST`].
fn complexity(lists: &[&[Matcher]]) -> usize {
    let mut patterns = BTreeSet::new();
    for matcher in lists.iter().copied().flatten() {
        match matcher {
            Matcher::Wildcard(wildcard) => {
                patterns.insert((false, BTreeSet::from([wildcard.steps()])));
            }
            // All wildcards of one `anything-but` are one pattern.
            Matcher::AnythingBut(these) => {
                let steps = these.iter().filter_map(|matcher| match matcher {
                    Matcher::Wildcard(wildcard) => Some(wildcard.steps()),
                    _ => None,
                });
                patterns.insert((true, steps.collect()));
            }
            _ => {}
        }
    }
    let mut beginnings = Beginnings::default();
    for (_, wildcards) in &patterns {
        beginnings.add(wildcards);
    }
    beginnings.most_at_once()
}

/// Prefixes of patterns, as trees in which each node is one step longer than its parent.
#[derive(Default)]
struct Beginnings {
    nodes: Vec<Node>,
    roots: BTreeSet<usize>,
}

#[derive(Default)]
struct Node {
    /// The last step of the prefix; `None` for the empty prefix.
    step: Option<Step>,
    next: BTreeMap<Step, usize>,
}

impl Beginnings {
    /// Adds a pattern of several wildcards. Prefixes that they share count once.
    fn add(&mut self, wildcards: &BTreeSet<Vec<Step>>) {
        let root = self.nodes.len();
        self.nodes.push(Node::default());
        self.roots.insert(root);
        for steps in wildcards {
            let mut node = root;
            for step in steps {
                let new = self.nodes.len();
                let Some(from) = self.nodes.get_mut(node) else { continue };
                node = *from.next.entry(*step).or_insert(new);
                if node == new {
                    self.nodes.push(Node { step: Some(*step), next: BTreeMap::new() });
                }
            }
        }
    }

    /// Returns the largest number of prefixes that match one text.
    ///
    /// The search visits sets of prefixes. Invariant: each set in `seen` holds all prefixes that
    /// match some text. The successors of a set are the sets for the same text with one more byte.
    fn most_at_once(&self) -> usize {
        let start = self.with_empty(self.roots.clone());
        let (mut seen, mut open) = (BTreeSet::from([start.clone()]), vec![start]);
        let mut most = 0;
        while let Some(matching) = open.pop() {
            most = most.max(matching.difference(&self.roots).count());
            if most > MOST || seen.len() > SETS {
                break;
            }
            let steps = matching.iter().filter_map(|node| self.nodes.get(*node));
            let bytes: BTreeSet<u8> = steps
                .flat_map(|node| node.next.keys())
                .filter_map(|step| match step {
                    Step::Byte(byte) => Some(*byte),
                    Step::Any => None,
                })
                .collect();
            // Any other byte leaves fewer prefixes than each of these does.
            for byte in bytes {
                let longer = self.longer(&matching, byte);
                if seen.insert(longer.clone()) {
                    open.push(longer);
                }
            }
        }
        most
    }

    /// Returns the prefixes that match the text after one more byte.
    fn longer(&self, matching: &BTreeSet<usize>, byte: u8) -> BTreeSet<usize> {
        let mut longer = BTreeSet::new();
        for index in matching {
            let Some(node) = self.nodes.get(*index) else { continue };
            longer.extend((node.step == Some(Step::Any)).then_some(*index));
            longer.extend(node.next.get(&Step::Byte(byte)));
        }
        self.with_empty(longer)
    }

    /// Adds the prefixes that end in an asterisk which matches no bytes yet.
    fn with_empty(&self, mut matching: BTreeSet<usize>) -> BTreeSet<usize> {
        let nodes = matching.iter().filter_map(|node| self.nodes.get(*node));
        let empty: Vec<usize> =
            nodes.filter_map(|node| node.next.get(&Step::Any)).copied().collect();
        matching.extend(empty);
        matching
    }
}
