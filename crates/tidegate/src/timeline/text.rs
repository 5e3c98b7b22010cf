//! A timeline as text: rows of a table, for people.

use std::fmt;

use super::entry::{Entry, What};
use super::lanes::lanes;
use super::timeline::{LeftOut, Timeline, Unreadable};

/// Header of the rows of [`Timeline::rows`].
pub const HEADER: [&str; 6] = ["#", "time", "after", "", "stream", "what"];

/// A row of a timeline: its number, time of day, time since its cause, drawing, stream, and what
/// happened with the number of its cause.
///
/// Texts come from stored events: escape them before they reach a terminal.
pub type Row = [String; 6];

impl Timeline {
    /// Returns the rows of the entries, with streams drawn as lanes.
    pub fn rows(&self) -> Vec<Row> {
        let row = |(entry, drawn): (&Entry, String)| {
            let time = entry.at.strftime("%H:%M:%S%.3f").to_string();
            let from = match (entry.cause, &entry.outside) {
                (Some(cause), _) => format!(" ← #{cause}"),
                (None, Some(outside)) => format!(" ← {} of {}", outside.id, outside.source),
                (None, None) => String::new(),
            };
            let after = entry.since_cause_ms.map_or_else(String::new, duration);
            let (number, stream) = (entry.number.to_string(), entry.stream.to_string());
            [number, time, after, drawn, stream, format!("{}{from}", entry.what)]
        };
        self.entries.iter().zip(lanes(self)).map(row).collect()
    }

    /// Returns lines about the whole: when it began, and the state of each instance.
    pub fn about(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(began) = self.began() {
            let (count, streams) = (self.entries.len(), self.streams.len());
            let took = duration(self.took_ms());
            lines.push(format!("began {began}, {took}, {count} entries in {streams} streams"));
        }
        for one in &self.instances {
            let verb = if one.ended { "ended in" } else { "is in" };
            let uncertain = if one.uncertain { ", as far as it can be read" } else { "" };
            lines.push(format!("{} {verb} {}{uncertain}", one.stream, one.state));
        }
        lines
    }

    /// Returns lines about what cannot be read or was left out.
    pub fn missing(&self) -> Vec<String> {
        let unreadable = self.unreadable.iter().map(ToString::to_string);
        unreadable.chain(self.left_out.iter().map(ToString::to_string)).collect()
    }

    /// Returns all lines about the whole: [`about`](Self::about), what waits, and what is
    /// [`missing`](Self::missing).
    pub fn summary(&self) -> Vec<String> {
        let mut lines = self.about();
        lines.extend(self.waits.iter().map(|wait| format!("waits: {wait}")));
        lines.extend(self.missing());
        lines
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, from, until, code, reason } = self;
        write!(f, "unreadable: {stream} from version {from}")?;
        match until {
            Some(until) => write!(f, " to the one before {until}")?,
            None => f.write_str(" on")?,
        }
        write!(f, ": {code}: {reason}")
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, events, connected } = self;
        match events {
            Some(events) => write!(f, "left out: the newest {events} events of {stream}")?,
            None => return write!(f, "left out: {stream}, which was not read"),
        }
        if *connected { Ok(()) } else { f.write_str(", which were not looked at") }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let note = |note: &str| if note.is_empty() { String::new() } else { format!(": {note}") };
        match self {
            Self::Event { kind, .. } => f.write_str(kind),
            Self::Moved { input, from, to, ended } => {
                write!(f, "{from} → {to}{} on {input}", end(*ended))
            }
            Self::Refused { input, code, reason } => {
                write!(f, "refuses {input}: {code}: {reason}")
            }
            Self::Stuck { input, code, reason } => {
                write!(f, "is stuck on {input}: {code}: {reason}")
            }
            Self::Held { input } => write!(f, "holds {input} behind the stuck input"),
            Self::Resumed { operator, note: why } => {
                write!(f, "{operator} resumes{}", note(why))
            }
            Self::Skipped { operator, note: why } => {
                write!(f, "{operator} skips the stuck input{}", note(why))
            }
            Self::Forced { from, to, ended, operator, note: why } => {
                write!(f, "{operator} forces {from} → {to}{}{}", end(*ended), note(why))
            }
            Self::Command { kind, to, subject, taken } => {
                let taken = if *taken == Some(false) { ", not taken" } else { "" };
                write!(f, "sends {kind} to {to} for {subject}{taken}")
            }
            Self::DeadlineSet { deadline, due } => write!(f, "sets {deadline}, due {due}"),
            Self::DeadlinePassed { deadline } => write!(f, "{deadline} passed"),
            Self::DeadlineCancelled { deadline } => write!(f, "cancels {deadline}"),
            Self::DeadlineLate { deadline } => write!(f, "{deadline} came late and is ignored"),
            Self::Unread { kind, type_version, reason } => {
                write!(f, "{kind} v{type_version}, which cannot be read: {reason}")
            }
        }
    }
}

fn end(ended: bool) -> &'static str {
    if ended { " (end)" } else { "" }
}

/// Formats milliseconds for people, to three digits.
fn duration(millis: i64) -> String {
    let seconds = millis.unsigned_abs() / 1000;
    let sign = if millis < 0 { "-" } else { "" };
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{sign}{}.{:01} s", seconds, millis.unsigned_abs() % 1000 / 100),
        60..3_600 => format!("{sign}{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{sign}{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{sign}{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}
