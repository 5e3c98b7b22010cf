//! Leaves out the events beyond the limit.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::draft::Draft;
use crate::ids::Version;

/// Entries, those within the limit before the others.
#[derive(Debug)]
pub(super) struct Limited {
    /// Places of all entries: those within the limit in their order, then the others in theirs.
    pub(super) order: Vec<usize>,
    /// Number of entries within the limit.
    pub(super) within: usize,
    /// Number of events beyond it, by the place of their stream.
    pub(super) beyond: BTreeMap<usize, usize>,
}

/// Divides ordered entries into those of the first `most` events, and the others.
///
/// The entries of an event stay together. A cause comes before what follows from it, so an entry
/// within the limit has its cause there too. Of each stream, the newest events are beyond it.
pub(super) fn limit(drafts: &[Draft], order: &[usize], most: usize) -> Limited {
    let mut taken: HashSet<(usize, Version)> = HashSet::new();
    let mut left_out: BTreeSet<(usize, Version)> = BTreeSet::new();
    let (mut within, mut others) = (Vec::with_capacity(order.len()), Vec::new());
    for place in order {
        let Some(draft) = drafts.get(*place) else { continue };
        let event = (draft.stream, draft.version);
        if taken.contains(&event) || taken.len() < most && taken.insert(event) {
            within.push(*place);
        } else {
            left_out.insert(event);
            others.push(*place);
        }
    }
    let mut beyond: BTreeMap<usize, usize> = BTreeMap::new();
    for (stream, _) in left_out {
        *beyond.entry(stream).or_default() += 1;
    }
    let count = within.len();
    within.extend(others);
    Limited { order: within, within: count, beyond }
}
