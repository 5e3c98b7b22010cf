//! Fewer faults that still make the same trouble.

use std::path::Path;

use tidegate_local::fault::Entry;

use super::again;
use super::journey::{Input, journey};

/// How many runs are spent on it.
const RUNS: usize = 24;

/// Takes faults out of a journal as long as a difference is left, by halves, quarters and so on (delta debugging), and writes the smallest journal that was
/// found. Where a difference depends on more than the faults, on timing, a run may show none: then those faults are kept.
pub(super) async fn shrink(entries: &[Entry], small: &Path, input: &Input) {
    let mut kept = entries.to_vec();
    let (mut parts, mut runs) = (2, 0);
    let mut confirmed = false;
    while kept.len() > 1 && parts <= kept.len() && runs < RUNS {
        let size = kept.len().div_ceil(parts);
        let mut smaller = None;
        for part in 0..parts {
            if runs >= RUNS {
                break;
            }
            let rest = without(&kept, part * size, size);
            if rest.len() == kept.len() {
                continue;
            }
            write(small, &rest);
            runs += 1;
            let outcome = journey(again(small), input).await;
            println!(
                "  with {} of {} faults: {} differences",
                rest.len(),
                entries.len(),
                outcome.differences.len()
            );
            if !outcome.differences.is_empty() {
                smaller = Some(rest);
                break;
            }
        }
        match smaller {
            Some(rest) => {
                kept = rest;
                confirmed = true;
                parts = parts.saturating_sub(1).max(2);
            }
            None => parts *= 2,
        }
    }
    write(small, &kept);
    let how = if confirmed {
        "make a difference too"
    } else {
        "could not be cut down: no smaller run showed a difference"
    };
    println!("  {} faults {how}: {}", kept.len(), small.display());
}

fn without(entries: &[Entry], from: usize, count: usize) -> Vec<Entry> {
    let left_out = from..from + count;
    entries
        .iter()
        .enumerate()
        .filter(|(index, _)| !left_out.contains(index))
        .map(|(_, entry)| entry.clone())
        .collect()
}

fn write(path: &Path, entries: &[Entry]) {
    let lines: String =
        entries.iter().map(|entry| serde_json::to_string(entry).expect("an entry as JSON") + "\n").collect();
    std::fs::write(path, lines).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
