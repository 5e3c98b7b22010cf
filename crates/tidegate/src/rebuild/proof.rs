//! The proof that a generation is equal to its reference.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::answer::{Answer, Difference};
use super::reference::Reference;
use super::request::{Request, Work};
use super::sums::{CounterSums, Sum};

/// A step of a proof: a kind of work over all segments of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Step {
    /// The generation to read.
    pub generation: u32,
    /// What to compare with, in a step of [`Work::Verify`].
    pub against: Option<Reference>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Verify,
    Counters,
    Entries,
    Vector,
}

/// The proof that a generation is equal to its reference.
///
/// Close the fence, wait for [`Proof::SETTLE`], and carry out the [steps](Self::steps) one after
/// the other, each over all of its segments to their ends. Give every answer to [`Self::take`].
/// [`Self::verdict`] then says whether the generation is proven. A proof without a fence finds
/// differences of rows before writers have to wait; it cannot be relied on.
///
/// What it proves: between the first and the second reading of the guards, none has moved. So the
/// rows and counters that were read in between belong to one vector of guards, which is that of the
/// reference too.
#[derive(Clone, Debug)]
pub struct Proof {
    generation: u32,
    reference: Reference,
    taken: BTreeMap<Step, Answer>,
}

/// Whether a generation is equal to its reference.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Every row and every counter is equal.
    Proven {
        /// Number of rows.
        rows: u64,
    },
    /// Guards moved meanwhile, or a step is missing. Carry out all steps again with a new proof.
    Unsettled {
        /// What moved, for people.
        what: String,
    },
    /// Something differs.
    Different {
        /// Number of rows that differ.
        rows: u64,
        /// Some of the rows.
        named: Vec<Difference>,
        /// Buckets of the counters and entries that differ. [`Naming`](super::Naming) names them.
        buckets: Vec<u8>,
    },
}

impl Step {
    /// Returns the kind of work.
    pub fn work(&self) -> Work {
        match self.kind {
            Kind::Verify => Work::Verify,
            Kind::Counters => Work::Counters,
            Kind::Entries => Work::Entries,
            Kind::Vector => Work::Vector,
        }
    }

    /// Creates the request of this step, for the whole table from its beginning.
    pub fn request(&self, projection: &str, owner: &str) -> Request {
        let request = Request::new(projection, self.generation, self.work(), owner);
        match self.against {
            Some(reference) => request.against(reference),
            None => request,
        }
    }
}

impl Proof {
    /// Time between the close of the fence and the first step. It is longer than writers believe in
    /// a fence that they read open, and than a request to DynamoDB usually takes. A write that is
    /// later still moves a guard, and the verdict is [`Verdict::Unsettled`].
    pub const SETTLE: Duration = Duration::from_secs(4);

    /// Begins the proof of a generation.
    pub fn new(generation: u32, reference: Reference) -> Self {
        Self { generation, reference, taken: BTreeMap::new() }
    }

    /// Returns the steps, in their order.
    pub fn steps(&self) -> Vec<Step> {
        let of = |kind, generation, against| Step { generation, against, kind };
        let new = self.generation;
        let mut steps = vec![of(Kind::Verify, new, Some(self.reference))];
        let reference = match self.reference {
            Reference::Generation(number) => Some(number),
            Reference::Store => None,
        };
        let both = || [Some(new), reference].into_iter().flatten();
        // The other way round: rows that only the reference has.
        steps.extend(
            reference.map(|number| of(Kind::Verify, number, Some(Reference::Generation(new)))),
        );
        steps.extend(both().map(|number| of(Kind::Counters, number, None)));
        steps.extend(both().map(|number| of(Kind::Entries, number, None)));
        steps.extend(both().map(|number| of(Kind::Vector, number, None)));
        steps
    }

    /// Returns the generation and its reference.
    pub fn of(&self) -> (u32, Reference) {
        (self.generation, self.reference)
    }

    /// Takes an answer of a step.
    pub fn take(&mut self, step: Step, answer: Answer) {
        self.taken.entry(step).or_default().merge(answer);
    }

    /// Returns whether the generation is proven by the answers of all steps. Rows that differ are a
    /// verdict even if steps are missing.
    pub fn verdict(&self) -> Verdict {
        let unsettled = |what: &str| Verdict::Unsettled { what: what.to_owned() };
        let steps = self.steps();
        let (verified, others): (Vec<_>, Vec<_>) =
            self.taken.iter().partition(|(step, _)| step.kind == Kind::Verify);
        let differing: u64 = self.taken.values().map(|answer| answer.differing).sum();
        if differing > 0 {
            // In the order of the steps: first as the new generation sees it.
            let taken = steps.iter().filter_map(|step| self.taken.get(step));
            let all = taken.flat_map(|answer| answer.differences.clone());
            let mut named: Vec<Difference> = Vec::new();
            for difference in all {
                if !named.iter().any(|known| known.row == difference.row) {
                    named.push(difference);
                }
            }
            return Verdict::Different { rows: differing, named, buckets: Vec::new() };
        }
        if let Some(missing) = steps.iter().find(|step| !self.taken.contains_key(step)) {
            return unsettled(&format!("the step {missing} is missing"));
        }
        let open: u64 = verified.iter().map(|(_, answer)| answer.unsettled).sum();
        if open > 0 {
            return unsettled(&format!("{open} rows moved while they were compared"));
        }
        let of = |kind| others.iter().filter(move |(step, _)| step.kind == kind);
        let vectors = verified.iter().chain(of(Kind::Vector)).map(|(_, answer)| answer.vector);
        let vectors: Vec<Option<Sum>> = vectors.collect();
        if vectors.iter().any(|vector| vector.is_none() || Some(vector) != vectors.first()) {
            return unsettled(&self.moved(&verified, &of(Kind::Vector).collect::<Vec<_>>()));
        }
        // Counters and entries of each generation together; those of the events have both.
        let mut sums: BTreeMap<Option<u32>, CounterSums> = BTreeMap::new();
        for (step, answer) in &self.taken {
            let of_events = step.against == Some(Reference::Store);
            let place = (!of_events).then_some(step.generation);
            if let Some(counters) = &answer.counters {
                sums.entry(place).or_default().merge(counters);
            }
        }
        let mut sums = sums.into_values();
        let first = sums.next().unwrap_or_default();
        let mut buckets: Vec<u8> = sums.flat_map(|sums| first.differing(&sums)).collect();
        buckets.dedup();
        if !buckets.is_empty() {
            return Verdict::Different { rows: 0, named: Vec::new(), buckets };
        }
        let rows = of(Kind::Vector).map(|(_, answer)| answer.streams).next().unwrap_or(0);
        Verdict::Proven { rows }
    }

    /// Says which vectors differ.
    fn moved(&self, verified: &[(&Step, &Answer)], vectors: &[&(&Step, &Answer)]) -> String {
        let rows = |step: &Step, answer: &Answer| format!("{} rows in {step}", answer.streams);
        let all = verified.iter().map(|(step, answer)| rows(step, answer));
        let all: Vec<_> =
            all.chain(vectors.iter().map(|(step, answer)| rows(step, answer))).collect();
        format!(
            "the guards of generation {} moved, or it has rows that its reference does not have: {}",
            self.generation,
            all.join(", ")
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let work = match self.kind {
            Kind::Verify => "comparison",
            Kind::Counters => "counters",
            Kind::Entries => "entries",
            Kind::Vector => "guards",
        };
        write!(f, "{work} of generation {}", self.generation)?;
        match self.against {
            Some(Reference::Generation(number)) => write!(f, " with generation {number}"),
            Some(Reference::Store) => f.write_str(" with the event store"),
            None => Ok(()),
        }
    }
}
