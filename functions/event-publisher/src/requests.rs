//! Packs entries into PutEvents requests.

use crate::entry::Entry;

/// Most entries in one PutEvents request.
const ENTRIES: usize = 10;

/// An entry and the place of its delivery in the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) place: usize,
    pub(crate) entry: Entry,
}

/// Cuts entries, in their order, into requests of at most ten entries and `limit` bytes. The limit of a request is that of an entry.
pub(crate) fn requests(entries: Vec<Placed>, limit: usize) -> Vec<Vec<Placed>> {
    let mut requests: Vec<Vec<Placed>> = Vec::new();
    let mut bytes = 0;
    for placed in entries {
        let size = placed.entry.size();
        match requests.last_mut() {
            Some(request) if request.len() < ENTRIES && bytes + size <= limit => {
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
        let entry =
            |size| Entry { source: String::new(), detail_type: String::new(), detail: "x".repeat(size) };
        sizes.iter().enumerate().map(|(place, size)| Placed { place, entry: entry(*size) }).collect()
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
}
