//! Looks up the causes of entries.

use std::collections::HashMap;

use super::draft::Draft;
use crate::ids::Cause;

/// Returns the place of the cause of each entry, where it is among them.
pub(super) fn links(drafts: &[Draft]) -> Vec<Option<usize>> {
    let mut names: HashMap<&Cause, usize> = HashMap::new();
    for (place, draft) in drafts.iter().enumerate() {
        if let Some(name) = &draft.name {
            names.entry(name).or_insert(place);
        }
    }
    let link = |(place, draft): (usize, &Draft)| {
        let found = || draft.causes.iter().find_map(|cause| names.get(cause).copied());
        draft.part_of.or_else(found).filter(|cause| *cause != place)
    };
    drafts.iter().enumerate().map(link).collect()
}
