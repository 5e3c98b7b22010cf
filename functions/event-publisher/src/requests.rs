//! Packs entries into PutEvents requests.

use tidegate::failure::Failure;

use crate::entry::Entry;

/// Most entries in one PutEvents request.
const ENTRIES: usize = 10;

/// An entry, the index of its delivery in the batch, and the state of its sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) place: usize,
    pub(crate) entry: Entry,
    /// Why it was not accepted when it was last sent. `None`: it was never sent.
    pub(crate) failure: Option<Failure>,
    /// Whether it is sent alone, because a request with it and others was refused as a whole.
    pub(crate) alone: bool,
}

impl Placed {
    /// Creates an entry that was never sent.
    pub(crate) fn new(place: usize, entry: Entry) -> Self {
        Self { place, entry, failure: None, alone: false }
    }
}

/// Splits entries, in their order, into requests of at most ten entries and `limit` bytes. A
/// request has the same limit as a single entry.
pub(crate) fn requests(entries: Vec<Placed>, limit: usize) -> Vec<Vec<Placed>> {
    let mut requests: Vec<Vec<Placed>> = Vec::new();
    let mut bytes = 0;
    for placed in entries {
        let size = placed.entry.size();
        let joins = |request: &[Placed]| {
            request.len() < ENTRIES
                && bytes + size <= limit
                && !placed.alone
                && !request.iter().any(|before| before.alone)
        };
        match requests.last_mut() {
            Some(request) if joins(request) => {
                bytes += size;
                request.push(placed);
            }
            _ => {
                bytes = size;
                requests.push(vec![placed]);
            }
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(sizes: &[usize]) -> Vec<Placed> {
        let entry = |size| Entry {
            event: String::new(),
            source: String::new(),
            detail_type: String::new(),
            detail: "x".repeat(size),
        };
        sizes.iter().enumerate().map(|(place, size)| Placed::new(place, entry(*size))).collect()
    }

    fn places(requests: &[Vec<Placed>]) -> Vec<Vec<usize>> {
        requests.iter().map(|request| request.iter().map(|placed| placed.place).collect()).collect()
    }

    #[test]
    fn a_request_holds_ten_entries() {
        let packed = requests(entries(&[1; 23]), 1000);
        assert_eq!(packed.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
    }

    #[test]
    fn a_request_stays_within_its_limit_and_keeps_the_order() {
        assert_eq!(
            places(&requests(entries(&[60, 40, 1, 100, 99, 1]), 100)),
            [vec![0, 1], vec![2], vec![3], vec![4, 5]]
        );
    }

    #[test]
    fn an_entry_that_is_sent_alone_has_a_request_of_its_own() {
        let mut entries = entries(&[1; 5]);
        entries[1].alone = true;
        assert_eq!(places(&requests(entries, 100)), [vec![0], vec![1], vec![2, 3, 4]]);
    }
}
