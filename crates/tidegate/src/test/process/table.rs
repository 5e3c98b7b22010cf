//! The table of a process: what follows from each input in each state.

use std::fmt::Write;

use jiff::Timestamp;

use super::process_test::START;
use crate::batch::catch;
use crate::message::MessageSet;
use crate::process::{Process, Reaction, State, Step};
use crate::test::fail::fail;
use crate::test::golden;

/// The table of a process: what follows from each input in each state, as Markdown.
///
/// It is made by running [`Process::react`] over samples, and compared with a committed file, so
/// a review sees what a change of the rules changes. A state or a message without a sample is a
/// failure. Several samples of one state or message show its cases.
///
/// ```no_run
/// # use tidegate::process::Process;
/// # fn table<P: Process>(states: Vec<P::State>, inputs: Vec<P::Input>) {
/// use tidegate::test::ProcessTable;
///
/// ProcessTable::<P>::new().states(states).inputs(inputs).golden("tests/golden/booking.md");
/// # }
/// ```
pub struct ProcessTable<P: Process> {
    now: Timestamp,
    states: Vec<P::State>,
    inputs: Vec<P::Input>,
}

impl<P: Process> std::fmt::Debug for ProcessTable<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessTable").field("states", &self.states).finish_non_exhaustive()
    }
}

impl<P: Process> Default for ProcessTable<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Process> ProcessTable<P> {
    /// Creates a table without samples. The time is 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self { now: START, states: Vec::new(), inputs: Vec::new() }
    }

    /// Sets the time at which the inputs come.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// Adds samples of states: at least one of each variant.
    #[must_use]
    pub fn states(mut self, samples: impl IntoIterator<Item = P::State>) -> Self {
        self.states.extend(samples);
        self
    }

    /// Adds samples of inputs, messages of deadlines among them: at least one of each type.
    #[must_use]
    pub fn inputs(mut self, samples: impl IntoIterator<Item = P::Input>) -> Self {
        self.inputs.extend(samples);
        self
    }

    /// Returns the table as Markdown.
    ///
    /// # Panics
    /// Panics if a state or a message has no sample, a sample cannot be stored, a reaction panics,
    /// or a step contains a mistake.
    #[track_caller]
    pub fn markdown(&self) -> String {
        let missing = self.missing();
        if !missing.is_empty() {
            fail(&format!("the table of `{}` has no sample of {}", P::KIND, missing.join(", ")));
        }
        let mut table = format!(
            "# Process `{}`, rules {}\n\n| state | input | leads to | what leaves |\n\
             |---|---|---|---|\n",
            P::KIND,
            P::RULES
        );
        for name in P::State::NAMES {
            for kind in P::Input::types() {
                self.rows(name, kind).iter().for_each(|row| {
                    // Writing to a string cannot fail.
                    let _ = writeln!(table, "{row}");
                });
            }
        }
        table
    }

    /// Compares the table with a committed file: see [`golden`](crate::test::golden).
    ///
    /// # Panics
    /// Panics if they differ, and as [`Self::markdown`].
    #[track_caller]
    pub fn golden(&self, path: &str) {
        golden(path, &self.markdown());
    }

    /// Returns what has no sample.
    #[track_caller]
    fn missing(&self) -> Vec<String> {
        if P::Input::types().is_empty() {
            fail("the set of inputs does not list its types: implement `MessageSet::types`");
        }
        let states = P::State::NAMES.iter();
        let states =
            states.filter(|name| !self.states.iter().any(|sample| sample.name() == **name));
        let inputs = P::Input::types().iter();
        let inputs =
            inputs.filter(|kind| !self.inputs.iter().any(|sample| sample.schema().0 == **kind));
        let states = states.map(|name| format!("the state {name}"));
        states.chain(inputs.map(|kind| format!("the input {kind}"))).collect()
    }

    /// Returns the rows of a pair: one for each case of its samples.
    #[track_caller]
    fn rows(&self, name: &str, kind: &str) -> Vec<String> {
        let mut rows: Vec<String> = Vec::new();
        let states = self.states.iter().filter(|sample| sample.name() == name).map(stored);
        for state in states {
            for input in self.inputs.iter().filter(|sample| sample.schema().0 == kind) {
                let row = format!("| {name} | {kind} | {} |", self.cells(&state, input));
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
        rows
    }

    #[track_caller]
    fn cells(&self, state: &P::State, input: &P::Input) -> String {
        let input = read(input);
        let pair = format!("{} in {}", input.schema().0, state.name());
        match catch(|| Ok(P::react(state, &input, self.now))) {
            Ok(Reaction::Move(step)) => {
                if let Some(mistake) = step.mistake_after(state) {
                    fail(&format!("{pair}: {mistake}"));
                }
                let to = step.state().name();
                let to = if to == state.name() { "stays" } else { to };
                format!("{to} | {}", self.leaves(&step))
            }
            Ok(Reaction::Refuse(reason)) => format!("refused: `{}` | ", reason.code),
            Ok(Reaction::Stuck(reason)) => format!("stuck: `{}` | ", reason.code),
            Err(panic) => fail(&format!("{pair}: {}", panic.reason())),
        }
    }

    /// Returns what leaves because of a step.
    fn leaves(&self, step: &Step<P::State>) -> String {
        let commands = step.commands().iter();
        let mut leaves: Vec<String> =
            commands.map(|command| format!("{} to {}", command.kind, command.to)).collect();
        leaves.extend(step.facts().map(|fact| format!("publishes {fact}")));
        for set in step.deadlines() {
            let left = self.now.duration_until(set.due);
            let until = if set.lasting { " until the end," } else { "" };
            leaves.push(format!("sets `{}`{until} in {left:#}: {}", set.name, set.kind));
        }
        leaves.extend(step.cancelled().iter().map(|name| format!("cancels `{name}`")));
        leaves.join("; ")
    }
}

/// Returns a state as it is read from the store.
#[track_caller]
fn stored<S: State>(sample: &S) -> S {
    let read = serde_json::to_string(sample).map_err(|error| error.to_string());
    let read = read.and_then(|json| S::decode(S::VERSION, &json).map_err(|e| e.to_string()));
    match read {
        Ok(state) => state,
        Err(error) => fail(&format!("{sample:?} cannot be stored and read again: {error}")),
    }
}

/// Returns an input as it is read from a queue.
#[track_caller]
fn read<M: MessageSet>(sample: &M) -> M {
    let (kind, version) = sample.schema();
    let read = sample.encode().map_err(|error| error.to_string());
    match read.and_then(|json| M::decode(kind, version, &json).map_err(|e| e.to_string())) {
        Ok(input) => input,
        Err(error) => fail(&format!("{kind} cannot be sent and read again: {error}")),
    }
}
