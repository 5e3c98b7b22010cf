//! Names the counters that differ.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Answer, Difference};
use super::proof::{Proof, Step};
use super::reference::Reference;
use super::request::{Request, Work};

/// Amounts by counter and attribute.
type Amounts = BTreeMap<String, BTreeMap<String, i128>>;

/// What the name of an entry begins with among the amounts of an answer. No counter has it.
pub(super) const ENTRY: &str = "#entry ";

/// Names the counters and entries that differ, after a
/// [`Verdict::Different`](super::Verdict::Different) with buckets.
///
/// Carry out the [steps](Self::steps) over all of their segments while the fence is still closed,
/// with the requests of [`Self::request`], and give every answer to [`Self::take`].
#[derive(Clone, Debug)]
pub struct Naming {
    generation: u32,
    reference: Reference,
    steps: Vec<Step>,
    buckets: Vec<u8>,
    there: Amounts,
    expected: Amounts,
}

impl Naming {
    /// Begins to name the counters of these buckets.
    pub fn new(proof: &Proof, buckets: Vec<u8>) -> Self {
        let (generation, reference) = proof.of();
        let names = |step: &Step| match reference {
            Reference::Generation(_) => [Work::Counters, Work::Entries].contains(&step.work()),
            Reference::Store => step.work() != Work::Vector,
        };
        let steps = proof.steps().into_iter().filter(names).collect();
        let (there, expected) = Default::default();
        Self { generation, reference, steps, buckets, there, expected }
    }

    /// Returns the steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Creates the request of a step, for the whole table from its beginning.
    pub fn request(&self, step: &Step, projection: &str, owner: &str) -> Request {
        step.request(projection, owner).buckets(self.buckets.clone())
    }

    /// Takes an answer of a step.
    pub fn take(&mut self, step: &Step, answer: Answer) {
        let of_the_new = step.work() != Work::Verify && step.generation == self.generation;
        let amounts = if of_the_new { &mut self.there } else { &mut self.expected };
        for (key, more) in answer.amounts {
            let sums = amounts.entry(key).or_default();
            for (name, amount) in more {
                let sum = sums.entry(name).or_default();
                *sum = sum.saturating_add(amount);
            }
        }
    }

    /// Returns the counters and entries that differ.
    pub fn differences(&self) -> Vec<Difference> {
        let reference = match self.reference {
            Reference::Generation(number) => format!("generation {number}"),
            Reference::Store => "the event store".to_owned(),
        };
        let none = BTreeMap::new();
        let keys: BTreeSet<&String> = self.there.keys().chain(self.expected.keys()).collect();
        let mut differences = Vec::new();
        for key in keys {
            let of = |amounts: &Amounts| amounts.get(key).unwrap_or(&none).clone();
            let (there, expected) = (of(&self.there), of(&self.expected));
            let names: BTreeSet<&String> = there.keys().chain(expected.keys()).collect();
            let amount =
                |amounts: &BTreeMap<String, i128>, name| amounts.get(name).copied().unwrap_or(0);
            let differing: Vec<String> = names
                .into_iter()
                .map(|name| (name, amount(&there, name), amount(&expected, name)))
                .filter(|(_, there, expected)| there != expected)
                .map(|(name, there, expected)| {
                    format!("`{name}` is {there}, and by {reference} {expected}")
                })
                .collect();
            if !differing.is_empty() {
                let (row, what) = match key.strip_prefix(ENTRY) {
                    Some(entry) => (
                        format!("entry {entry}"),
                        format!("is {}, and by {reference} {}", shown(&there), shown(&expected)),
                    ),
                    None => (format!("counter {key}"), differing.join("; ")),
                };
                differences.push(Difference { row, what });
            }
        }
        differences
    }
}

/// Returns the content of an entry.
fn shown(contents: &BTreeMap<String, i128>) -> &str {
    contents.keys().next().map_or("absent", String::as_str)
}
