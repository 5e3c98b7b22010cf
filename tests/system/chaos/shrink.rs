//! Reduces the faults of a run to those that still make a difference.

use std::ops::Range;
use std::path::Path;

use tidegate_local::fault::Entry;

use super::again;
use super::journey::{Input, journey};

/// Most runs of a reduction.
const RUNS: usize = 30;

/// A reduced journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shrunk {
    /// Number of faults.
    pub(super) faults: usize,
    /// Whether the faults were seen to make a difference by themselves. Otherwise no smaller run
    /// showed one.
    pub(super) confirmed: bool,
}

/// Removes faults from a journal while the difference remains, and writes the smallest journal
/// found.
///
/// It removes halves, quarters and so on (delta debugging). Faults of one delivery stay together:
/// if several faults cause a difference, they are usually of one delivery. If a difference also
/// depends on timing, a run may show none; then its faults are kept.
pub(super) async fn shrink(entries: &[Entry], small: &Path, input: &Input) -> Shrunk {
    let mut kept = entries.to_vec();
    kept.sort_by_key(|Entry { site, .. }| {
        (site.function.clone(), site.delivery.clone(), site.attempt)
    });
    let mut search = Search::new(kept.len());
    let (mut runs, mut confirmed) = (0, false);
    while let Some(left_out) = search.next().filter(|_| runs < RUNS) {
        let rest = without(&kept, left_out);
        write(small, &rest);
        runs += 1;
        let findings = journey(again(small), input).await;
        let differs = !findings.differences.is_empty();
        println!(
            "  with {} of {} faults: {} differences",
            rest.len(),
            entries.len(),
            findings.differences.len()
        );
        if differs {
            (kept, confirmed) = (rest, true);
        }
        search.report(differs, kept.len());
    }
    write(small, &kept);
    let how = if confirmed {
        "make a difference too"
    } else {
        "could not be cut down: no smaller run showed a difference"
    };
    println!("  {} faults {how}: {}", kept.len(), small.display());
    Shrunk { faults: kept.len(), confirmed }
}

/// Chooses the part that the next run leaves out.
struct Search {
    len: usize,
    parts: usize,
    part: usize,
    /// Consecutive parts without which there was no difference.
    needed: usize,
}

impl Search {
    fn new(len: usize) -> Self {
        Self { len, parts: 2, part: 0, needed: 0 }
    }

    fn size(&self) -> usize {
        self.len.div_ceil(self.parts).max(1)
    }

    /// Returns the part to leave out. `None` when every single fault was tried.
    fn next(&self) -> Option<Range<usize>> {
        let (size, from) = (self.size(), self.part * self.size());
        let done = self.len < 2 || self.needed == self.len;
        (!done).then(|| from..(from + size).min(self.len))
    }

    /// Records the result without the part, and the number of remaining faults.
    fn report(&mut self, differs: bool, left: usize) {
        if differs {
            (self.len, self.parts, self.needed) = (left, (self.parts - 1).max(2), 0);
        } else {
            (self.part, self.needed) = (self.part + 1, self.needed + 1);
        }
        let parts = self.len.div_ceil(self.size());
        if self.needed == parts && self.size() > 1 {
            (self.parts, self.part, self.needed) = (self.parts * 2, 0, 0);
        }
        self.part %= self.len.div_ceil(self.size()).max(1);
    }
}

fn without(entries: &[Entry], left_out: Range<usize>) -> Vec<Entry> {
    let numbered = entries.iter().enumerate();
    numbered
        .filter(|(index, _)| !left_out.contains(index))
        .map(|(_, entry)| entry.clone())
        .collect()
}

fn write(path: &Path, entries: &[Entry]) {
    let lines: String = entries
        .iter()
        .map(|entry| serde_json::to_string(entry).expect("an entry as JSON") + "\n")
        .collect();
    std::fs::write(path, lines).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches among this many faults for those that cause a difference together. Returns the
    /// remaining ones and the number of runs.
    fn search(len: usize, to_blame: &[usize]) -> (Vec<usize>, usize) {
        let mut kept: Vec<usize> = (0..len).collect();
        let (mut search, mut runs) = (Search::new(len), 0);
        while let Some(left_out) = search.next() {
            runs += 1;
            let rest: Vec<usize> = (0..)
                .zip(&kept)
                .filter(|(index, _)| !left_out.contains(index))
                .map(|(_, fault)| *fault)
                .collect();
            let differs = to_blame.iter().all(|fault| rest.contains(fault));
            if differs {
                kept = rest;
            }
            search.report(differs, kept.len());
        }
        (kept, runs)
    }

    #[test]
    fn one_to_blame_among_many_is_found_in_few_runs_wherever_it_is() {
        for len in [1, 2, 3, 10, 300] {
            for fault in 0..len {
                let (kept, runs) = search(len, &[fault]);
                assert_eq!(kept, [fault]);
                assert!(runs <= RUNS - 10, "{runs} runs for {fault} of {len}");
            }
        }
    }

    #[test]
    fn several_that_make_trouble_only_together_are_all_kept() {
        for to_blame in [[0, 299], [17, 18], [100, 250]] {
            let (kept, runs) = search(300, &to_blame);
            assert_eq!(kept, to_blame);
            assert!(runs < 60, "{runs} runs for {to_blame:?}");
        }
    }

    #[test]
    fn when_nothing_can_be_left_out_everything_is_kept() {
        let all: Vec<usize> = (0..20).collect();
        assert_eq!(search(20, &all).0, all);
    }
}
