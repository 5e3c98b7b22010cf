//! Turns the real code into an automaton.
//!
//! An async function that gets the same answers to its requests in the same order always reaches
//! the same place. So it can be unrolled: it runs again for every sequence of answers, until it
//! ends. Places with equal continuations are one node. A node is all that a state of the model
//! keeps of a run.
//!
//! For example, a program asks `A`, and asks `B` only if the answer to `A` is `no`. It has three
//! nodes: asks `A`, asks `B`, and ended.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use tokio::runtime;
use tokio::sync::mpsc;

/// The next step of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Next<Q, E> {
    /// The program waits for the answer to a request.
    Asks(Q),
    /// The program has ended.
    Ends(E),
}

/// Answers requests from a list, and reports the first request without an answer in it.
pub(crate) struct Script<Q, A> {
    answers: Mutex<VecDeque<A>>,
    asked: mpsc::UnboundedSender<Q>,
}

impl<Q, A> Script<Q, A> {
    pub(crate) async fn ask(&self, request: Q) -> A {
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => answer,
            None => {
                self.asked.send(request).ok();
                pending().await
            }
        }
    }
}

/// Runs `program` until it has used all answers. The clock jumps forward whenever the program
/// sleeps.
pub(crate) fn run<Q, A, E>(
    answers: &[A],
    program: impl AsyncFnOnce(Arc<Script<Q, A>>) -> E,
) -> Next<Q, E>
where
    A: Clone,
{
    let (asked, mut requests) = mpsc::unbounded_channel();
    let script = Arc::new(Script { answers: Mutex::new(answers.iter().cloned().collect()), asked });
    let runtime =
        runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        tokio::select! {
            biased;
            end = program(Arc::clone(&script)) => Next::Ends(end),
            Some(request) = requests.recv() => Next::Asks(request),
        }
    })
}

/// An unrolled program.
pub(crate) struct Automaton<Q, A, E> {
    nodes: Vec<Node<Q, A, E>>,
    start: usize,
}

type Node<Q, A, E> = (Next<Q, E>, Vec<(A, usize)>);

impl<Q, A, E> Automaton<Q, A, E>
where
    Q: Copy + Eq + Hash,
    A: Copy + Eq + Hash,
    E: Copy + Eq + Hash,
{
    /// Unrolls `run` over all sequences of answers.
    ///
    /// `possible` returns the answers to a request, and those that are faults. A sequence has at
    /// most `faults` of the latter.
    pub(crate) fn new(
        run: impl Fn(&[A]) -> Next<Q, E>,
        possible: impl Fn(Q) -> (Vec<A>, Vec<A>),
        faults: u8,
    ) -> Self {
        let mut automaton = Self { nodes: Vec::new(), start: 0 };
        automaton.start =
            automaton.unroll(&run, &possible, &mut Vec::new(), faults, &mut HashMap::new());
        automaton
    }

    fn unroll(
        &mut self,
        run: &impl Fn(&[A]) -> Next<Q, E>,
        possible: &impl Fn(Q) -> (Vec<A>, Vec<A>),
        answers: &mut Vec<A>,
        faults: u8,
        known: &mut HashMap<Node<Q, A, E>, usize>,
    ) -> usize {
        let next = run(answers);
        let mut children = Vec::new();
        if let Next::Asks(request) = next {
            let (regular, faulty) = possible(request);
            let regular = regular.into_iter().map(|answer| (answer, faults));
            let faulty =
                faulty.into_iter().filter_map(|answer| Some((answer, faults.checked_sub(1)?)));
            for (answer, faults) in regular.chain(faulty) {
                answers.push(answer);
                children.push((answer, self.unroll(run, possible, answers, faults, known)));
                answers.pop();
            }
        }
        let node = (next, children);
        *known.entry(node).or_insert_with_key(|node| {
            self.nodes.push(node.clone());
            self.nodes.len() - 1
        })
    }

    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Returns the next step of the program at a node.
    pub(crate) fn next(&self, node: usize) -> Next<Q, E> {
        self.nodes[node].0
    }

    /// Returns the node to which an answer leads.
    pub(crate) fn after(&self, node: usize, answer: A) -> Option<usize> {
        self.nodes[node].1.iter().find(|(possible, _)| *possible == answer).map(|(_, next)| *next)
    }
}

/// Programs with too many possible answers to unroll in advance.
///
/// The next step of each is cached for every sequence of answers that occurred.
pub(crate) struct Programs<I, Q, A, E> {
    known: Mutex<Known<I, Q, A, E>>,
}

type Known<I, Q, A, E> = HashMap<(I, Vec<A>), Next<Q, E>>;

impl<I, Q, A, E> Default for Programs<I, Q, A, E> {
    fn default() -> Self {
        Self { known: Mutex::default() }
    }
}

impl<I, Q, A, E> Programs<I, Q, A, E>
where
    I: Clone + Eq + Hash,
    Q: Clone,
    A: Clone + Eq + Hash,
    E: Clone,
{
    /// Returns the next step of `program` after these answers, started with this input.
    pub(crate) fn next(
        &self,
        input: &I,
        answers: &[A],
        program: impl AsyncFnOnce(Arc<Script<Q, A>>) -> E,
    ) -> Next<Q, E> {
        let place = (input.clone(), answers.to_vec());
        let mut known = self.known.lock().unwrap();
        known.entry(place).or_insert_with(|| run(answers, program)).clone()
    }
}
