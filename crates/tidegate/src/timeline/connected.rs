//! Which entries are connected with those where a trail begins.

use std::collections::HashMap;

use super::draft::Draft;

/// Returns for each entry whether it is connected with one of the `seeds`.
///
/// Causes connect in both directions, and so do the events of one decision. An instance of a
/// process is connected as a whole: what came to it between two of its steps explains them. Other
/// streams may be shared by thousands of messages.
pub(super) fn connected(
    drafts: &[Draft],
    links: &[Option<usize>],
    seeds: impl Fn(&Draft) -> bool,
    is_instance: impl Fn(usize) -> bool,
) -> Vec<bool> {
    let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
    let mut connect = |one: usize, other: usize| {
        for (from, to) in [(one, other), (other, one)] {
            if let Some(of) = neighbours.get_mut(from) {
                of.push(to);
            }
        }
    };
    let mut last: HashMap<(bool, usize), usize> = HashMap::new();
    for (place, draft) in drafts.iter().enumerate() {
        if let Some(cause) = links.get(place).copied().flatten() {
            connect(place, cause);
        }
        // A chain through all entries of a group connects the group.
        let group = match is_instance(draft.stream) {
            true => (true, draft.stream),
            false => (false, draft.decision),
        };
        if let Some(before) = last.insert(group, place) {
            connect(place, before);
        }
    }
    let mut reached: Vec<bool> = drafts.iter().map(seeds).collect();
    let mut open: Vec<usize> = Vec::new();
    open.extend(reached.iter().enumerate().filter(|(_, is)| **is).map(|(place, _)| place));
    while let Some(place) = open.pop() {
        for next in neighbours.get(place).into_iter().flatten() {
            if let Some(is) = reached.get_mut(*next).filter(|is| !**is) {
                *is = true;
                open.push(*next);
            }
        }
    }
    reached
}
