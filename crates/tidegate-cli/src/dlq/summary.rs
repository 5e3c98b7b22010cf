//! Summarises a replay.

use std::fmt;

use serde::Serialize;
use terminal::counted::counted;
use terminal::escape::escaped;

use super::letter::Letter;

/// Result of one letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Its function succeeded, and the letter is deleted. `filtered` counts the records of a
    /// pointer that the filter of its source dropped.
    Replayed { filtered: usize },
    /// It failed, and is still in its queue.
    Failed(String),
    /// It was not attempted.
    Skipped(String),
    /// It names something that it must not, and is still in its queue.
    Refused(String),
}

/// Results of all letters.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) replayed: Vec<Entry>,
    pub(crate) failed: Vec<Entry>,
    pub(crate) skipped: Vec<Entry>,
    pub(crate) refused: Vec<Entry>,
}

/// Result of one letter, as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    id: String,
    message_id: String,
    queue: String,
    kind: &'static str,
    function: Option<String>,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Number of a pointer's records that the filter of its source dropped.
    #[serde(skip_serializing_if = "is_none")]
    filtered: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Summary {
    /// Adds the result of a letter, and returns a line about it.
    pub(crate) fn add(&mut self, letter: &Letter, disposition: Disposition) -> String {
        let mut dropped = 0;
        let (word, list, reason) = match disposition {
            Disposition::Replayed { filtered } => {
                dropped = filtered;
                ("replayed", &mut self.replayed, None)
            }
            Disposition::Failed(reason) => ("failed", &mut self.failed, Some(reason)),
            Disposition::Skipped(reason) => ("skipped", &mut self.skipped, Some(reason)),
            Disposition::Refused(reason) => ("refused", &mut self.refused, Some(reason)),
        };
        let reason = reason.map(|reason| reason.split_whitespace().collect::<Vec<_>>().join(" "));
        let entry = Entry {
            id: letter.id().to_owned(),
            message_id: letter.message_id.clone(),
            queue: letter.queue.clone(),
            kind: letter.content.kind(),
            function: letter.content.function().map(str::to_owned),
            subject: letter.subject(),
            reason,
            filtered: dropped,
        };
        let named = [entry.function.as_deref().unwrap_or("-"), entry.subject.as_str()].join(" ");
        let mut why = entry.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        if dropped > 0 {
            let records = counted(dropped, "record", "records");
            why = format!(
                ": the filter of the source drops {records}, which the function did not get"
            );
        }
        let line =
            format!("{word:<9} {} {} {}{why}", short(&entry.id), entry.kind, named.trim_end());
        list.push(entry);
        escaped(&line).into_owned()
    }
}

/// Returns the beginning of an id, which suffices for `--id`.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} replayed, {} failed, {} skipped",
            self.replayed.len(),
            self.failed.len(),
            self.skipped.len()
        )?;
        if !self.refused.is_empty() {
            write!(f, ", {} refused", self.refused.len())?;
        }
        if !self.failed.is_empty() || !self.skipped.is_empty() || !self.refused.is_empty() {
            write!(f, "; what was not replayed is still in its queue")?;
        }
        Ok(())
    }
}
