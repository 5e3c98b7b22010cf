//! Packs entries into requests.

use super::{Entry, Limits};
use crate::failure::Failure;

/// An entry to send, and the state of its sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Index of its commit.
    pub(super) place: usize,
    /// Number of the stream that the event is from.
    pub(super) lane: usize,
    pub(super) entry: Entry,
    /// Size in bytes, as its target counts it.
    pub(super) size: usize,
    /// Why it was not accepted when it was last sent. `None`: it was never sent.
    pub(super) failure: Option<Failure>,
    /// Whether it is sent alone, because a request with it and others was refused as a whole.
    pub(super) alone: bool,
}

impl Placed {
    /// Creates an entry that was never sent.
    pub(super) fn new(place: usize, lane: usize, entry: Entry, size: usize) -> Self {
        Self { place, lane, entry, size, failure: None, alone: false }
    }
}

/// Splits entries, in their order, into requests within the limits. Each has the number of its
/// queue.
pub(super) fn requests(entries: Vec<(usize, Placed)>, limits: Limits) -> Vec<Vec<(usize, Placed)>> {
    let mut requests: Vec<Vec<(usize, Placed)>> = Vec::new();
    let mut bytes = 0;
    for (queue, placed) in entries {
        let size = placed.size;
        let joins = |request: &[(usize, Placed)]| {
            request.len() < limits.entries
                && bytes + size <= limits.request_bytes
                && !placed.alone
                && !request.iter().any(|(_, before)| before.alone)
        };
        match requests.last_mut() {
            Some(request) if joins(request) => {
                bytes += size;
                request.push((queue, placed));
            }
            _ => {
                bytes = size;
                requests.push(vec![(queue, placed)]);
            }
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(sizes: &[usize]) -> Vec<(usize, Placed)> {
        let placed = |(place, size): (usize, &usize)| {
            (place, Placed::new(place, place, Entry::cancel("a"), *size))
        };
        sizes.iter().enumerate().map(placed).collect()
    }

    fn places(requests: &[Vec<(usize, Placed)>]) -> Vec<Vec<usize>> {
        requests.iter().map(|request| request.iter().map(|(place, _)| *place).collect()).collect()
    }

    const LIMITS: fn(usize) -> Limits = |bytes| Limits::new(10, bytes, bytes);

    #[test]
    fn a_request_holds_as_many_entries_as_its_target_takes() {
        let packed = requests(entries(&[1; 23]), LIMITS(1000));
        assert_eq!(packed.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
    }

    #[test]
    fn a_request_stays_within_its_limit_and_keeps_the_order() {
        assert_eq!(
            places(&requests(entries(&[60, 40, 1, 100, 99, 1]), LIMITS(100))),
            [vec![0, 1], vec![2], vec![3], vec![4, 5]]
        );
    }

    #[test]
    fn an_entry_that_is_sent_alone_has_a_request_of_its_own() {
        let mut entries = entries(&[1; 5]);
        entries[1].1.alone = true;
        assert_eq!(places(&requests(entries, LIMITS(100))), [vec![0], vec![1], vec![2, 3, 4]]);
    }
}
