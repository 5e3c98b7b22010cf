//! Draws streams as lanes, with a line from each cause to what follows from it.

use std::collections::HashMap;

use super::entry::{Entry, What};
use super::timeline::Timeline;
use crate::ids::StreamId;

/// Lanes at most. Further streams share the last one.
const LANES: usize = 12;

/// Returns the drawing of each entry, all of them equally wide.
///
/// Each stream has a lane of two columns: its entry, or a line while the stream goes on. A line
/// from another lane is the cause:
///
/// ```text
/// ●         an event of the first stream
/// ├─◆       leads to a step in the second
/// │ ▸       which sends a command
/// │ ├─●     that the third stream takes
/// ```
pub(super) fn lanes(timeline: &Timeline) -> Vec<String> {
    let place: HashMap<&StreamId, usize> = timeline
        .streams
        .iter()
        .enumerate()
        .map(|(place, stream)| (stream, place.min(LANES - 1)))
        .collect();
    let of = |entry: &Entry| place.get(&entry.stream).copied().unwrap_or_default();
    let count = timeline.streams.len().min(LANES);
    let (mut first, mut last) = (vec![usize::MAX; count], vec![0; count]);
    for entry in &timeline.entries {
        let caused = entry.cause.and_then(|cause| timeline.entry(cause)).map(of);
        for lane in caused.into_iter().chain([of(entry)]) {
            if let (Some(first), Some(last)) = (first.get_mut(lane), last.get_mut(lane)) {
                *first = entry.number.min(*first);
                *last = entry.number.max(*last);
            }
        }
    }
    let line = |entry: &Entry| {
        let own = of(entry);
        let from = entry.cause.and_then(|cause| timeline.entry(cause)).map_or(own, of);
        let (low, high) = (own.min(from), own.max(from));
        let mut drawn = String::with_capacity(count * 6);
        for (lane, (first, last)) in first.iter().zip(&last).enumerate() {
            let goes_on = *first < entry.number && entry.number < *last;
            let between = low < lane && lane < high;
            drawn.push(match (lane == own, lane == from) {
                (true, _) => glyph(&entry.what),
                (_, true) => match (goes_on, from < own) {
                    (true, true) => '├',
                    (true, false) => '┤',
                    (false, true) => '╰',
                    (false, false) => '╯',
                },
                _ if between && goes_on => '┼',
                _ if between => '─',
                _ if goes_on => '│',
                _ => ' ',
            });
            if lane + 1 < count {
                drawn.push(if low <= lane && lane < high { '─' } else { ' ' });
            }
        }
        drawn
    };
    timeline.entries.iter().map(line).collect()
}

fn glyph(what: &What) -> char {
    match what {
        What::Event { .. } => '●',
        What::Moved { .. } | What::Forced { .. } => '◆',
        What::Command { .. } => '▸',
        What::DeadlineSet { .. }
        | What::DeadlinePassed { .. }
        | What::DeadlineCancelled { .. }
        | What::DeadlineLate { .. } => '○',
        What::Refused { .. } | What::Stuck { .. } | What::Unread { .. } => '✗',
        What::Held { .. } | What::Resumed { .. } | What::Skipped { .. } => '◇',
    }
}
