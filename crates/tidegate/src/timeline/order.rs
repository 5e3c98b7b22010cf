//! The order of entries.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use jiff::Timestamp;

use super::draft::Draft;

/// Returns the places of the kept entries in the order of the timeline.
///
/// An entry comes behind its cause and behind the entries before it in its stream, whatever the
/// clocks say. Otherwise time decides, then the place.
///
/// Invariant: an entry is ready when everything that must come before it is placed. If nothing is
/// ready, a circle of causes is left, which only made-up events can have. The earliest entry of the
/// rest is then placed, which breaks the circle there.
pub(super) fn order(drafts: &[Draft], links: &[Option<usize>], keep: &[bool]) -> Vec<usize> {
    let kept: Vec<usize> = (0..drafts.len()).filter(|place| is(keep, *place)).collect();
    let mut after: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut missing: HashMap<usize, usize> = HashMap::new();
    let mut last_of_stream: HashMap<usize, usize> = HashMap::new();
    for place in &kept {
        let Some(draft) = drafts.get(*place) else { continue };
        let cause = links.get(*place).copied().flatten().filter(|cause| is(keep, *cause));
        let before = last_of_stream.insert(draft.stream, *place);
        for earlier in [cause, before].into_iter().flatten() {
            after.entry(earlier).or_default().push(*place);
            *missing.entry(*place).or_default() += 1;
        }
    }
    let at = |place: usize| drafts.get(place).map_or(Timestamp::MAX, |draft| draft.at);
    let mut ready: BinaryHeap<Reverse<(Timestamp, usize)>> = BinaryHeap::new();
    let mut rest: Vec<usize> = kept.clone();
    rest.sort_by_key(|place| Reverse((at(*place), *place)));
    ready.extend(
        kept.iter()
            .filter(|place| !missing.contains_key(*place))
            .map(|place| Reverse((at(*place), *place))),
    );
    let mut placed = vec![false; drafts.len()];
    let mut order = Vec::with_capacity(kept.len());
    loop {
        let next = match ready.pop() {
            Some(Reverse((_, next))) => next,
            None => match rest.pop() {
                Some(next) => next,
                None => return order,
            },
        };
        match placed.get_mut(next) {
            Some(is) if !*is => *is = true,
            _ => continue,
        }
        order.push(next);
        for later in after.remove(&next).unwrap_or_default() {
            let left = missing.entry(later).or_default();
            *left = left.saturating_sub(1);
            if *left == 0 {
                ready.push(Reverse((at(later), later)));
            }
        }
    }
}

fn is(of: &[bool], place: usize) -> bool {
    of.get(place).copied().unwrap_or_default()
}
