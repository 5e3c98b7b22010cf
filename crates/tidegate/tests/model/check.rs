//! Runs the checker and evaluates its findings.

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker, HasDiscoveries, Model};

/// Checks that every `always` property holds and every `sometimes` property has an example. Returns
/// the number of states.
pub(crate) fn holds<M>(model: M) -> usize
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let checker = model.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    checker.assert_properties();
    checker.unique_state_count()
}

/// Returns the shortest path to a state in which `property` does not hold. Panics if there is none.
pub(crate) fn counterexample<M>(model: M, property: &'static str) -> Vec<M::Action>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let checker =
        model.checker().finish_when(HasDiscoveries::AllOf([property].into())).spawn_bfs().join();
    let path = checker.discovery(property);
    let path = path.unwrap_or_else(|| panic!("no counterexample to '{property}' was found"));
    path.into_actions()
}

/// Checks that nothing is stuck: from every state, a state in which `good` holds can still be
/// reached. Returns the path to a state from which it cannot.
///
/// The checker's own `eventually` ignores runs that end in a cycle, and repeated deliveries are
/// cycles.
pub(crate) fn stuck<M>(model: &M, good: impl Fn(&M::State) -> bool) -> Option<Vec<M::Action>>
where
    M: Model,
    M::State: Clone + Eq + Hash,
    M::Action: Clone,
{
    let mut numbers: HashMap<M::State, usize> = HashMap::new();
    let mut states = VecDeque::new();
    let mut came: Vec<Option<(usize, M::Action)>> = Vec::new();
    let mut before: Vec<Vec<usize>> = Vec::new();
    let mut ends = Vec::new();
    for state in model.init_states() {
        numbers.insert(state.clone(), came.len());
        states.push_back(state);
        came.push(None);
        before.push(Vec::new());
    }
    let mut number = 0;
    while let Some(state) = states.pop_front() {
        if good(&state) {
            ends.push(number);
        }
        for (action, next) in model.next_steps(&state) {
            let next_number = *numbers.entry(next).or_insert_with_key(|next| {
                states.push_back(next.clone());
                came.push(Some((number, action)));
                before.push(Vec::new());
                came.len() - 1
            });
            before[next_number].push(number);
        }
        number += 1;
    }
    let mut leads_there = vec![false; came.len()];
    while let Some(number) = ends.pop() {
        if !std::mem::replace(&mut leads_there[number], true) {
            ends.extend(&before[number]);
        }
    }
    let first = leads_there.iter().position(|leads_there| !leads_there)?;
    let mut way = Vec::new();
    let mut at = first;
    while let Some((previous, action)) = &came[at] {
        way.push(action.clone());
        at = *previous;
    }
    way.reverse();
    Some(way)
}
