//! Lays out a timeline: a table of entries, and lines about the whole.

use crate::escape::escaped;
use crate::table::{cell, right, table};

/// Returns a timeline for people. `rows` have a number, a time, a duration, a drawing, a stream and
/// a text; `summary` has the lines about the whole. All of it may come from outside.
pub fn drawn(header: [&str; 6], rows: Vec<[String; 6]>, summary: &[String]) -> String {
    let mut shown = table(header);
    for [number, time, after, lanes, stream, what] in rows {
        let (number, after) = (right(number), right(after));
        shown.add_row([number, cell(time), after, cell(lanes), cell(stream), cell(what)]);
    }
    let summary: Vec<_> = summary.iter().map(|line| escaped(line)).collect();
    format!("{}\n\n{}", shown.trim_fmt(), summary.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_moves_no_cursor_and_forges_no_line() {
        let row = ["1", "08:00:00.000", "", "├─●", "a#1", "Put\x1b[2J\nforged ← c of \u{202e}desk"];
        let header = ["#", "time", "after", "", "stream", "what"];
        let summary = ["a#1 is in Done\n2".to_owned()];
        let shown = drawn(header, vec![row.map(str::to_owned)], &summary);
        assert!(shown.contains("├─●  a#1"), "{shown}");
        assert!(shown.contains(r"Put\u{1b}[2J\nforged ← c of \u{202e}desk"), "{shown}");
        assert!(shown.contains(r"is in Done\n2"), "{shown}");
        assert!(!shown.contains(['\x1b', '\u{202e}']), "{shown:?}");
    }
}
