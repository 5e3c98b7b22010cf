//! Tells the history of an instance, one event after the other.

use std::fmt::Write as _;

use terminal::escape::{escaped, escaped_json};
use tidegate::process::{RecordedInput, StoredEvent};
use tidegate::store::{RecordedCommit, RecordedDecision, RecordedEvent};

/// Most characters of a content that are shown to people.
const CONTENT: usize = 300;

/// Returns an event of the toolkit; `None` for another event, or one that a newer toolkit wrote.
pub(super) fn stored(event: &RecordedEvent) -> Option<StoredEvent> {
    StoredEvent::knows(&event.kind).then(|| event.decode().ok())?
}

/// Returns the lines of one event.
pub(super) fn block(commit: &RecordedCommit, event: &RecordedEvent) -> String {
    let decision = commit.decision(event.version);
    let mut block = Block { text: String::new(), decision };
    match stored(event) {
        Some(stored) => block.stored(event, &stored),
        None => {
            let kind = format!("{} v{}", event.kind, event.data_version);
            block.head(event, &format!("stores {kind}"), None);
            block.line("content", &content(&event.data));
        }
    }
    block.text
}

struct Block<'a> {
    text: String,
    decision: Option<&'a RecordedDecision>,
}

impl Block<'_> {
    fn stored(&mut self, event: &RecordedEvent, stored: &StoredEvent) {
        match stored {
            StoredEvent::ProcessMoved(moved) => {
                let ended = if moved.ended { " (end)" } else { "" };
                let what = format!("{} → {}{ended}", moved.from, moved.to);
                self.head(event, &what, Some(moved.rules));
                self.input(&moved.input);
                self.line("state", &content(moved.state.data.text()));
                for one in &moved.commands {
                    let said =
                        format!("{} v{} to {}, for {}", one.kind, one.version, one.to, one.subject);
                    self.line("sends", &said);
                }
                for one in &moved.deadlines {
                    let lasting = if one.lasting { ", until the end" } else { "" };
                    self.line("deadline", &format!("{} due {}{lasting}", one.id, one.due));
                }
                self.cancelled(&moved.cancelled);
            }
            StoredEvent::ProcessRefused(refused) => {
                let what = format!("refused in {}", refused.state);
                self.head(event, &what, Some(refused.rules));
                self.input(&refused.input);
                self.line("reason", &format!("{}: {}", refused.code, refused.reason));
            }
            StoredEvent::ProcessStuck(stuck) => {
                self.head(event, &format!("stuck in {}", stuck.state), Some(stuck.rules));
                self.input(&stuck.input);
                self.line("content", &content(stuck.input.data.text()));
                self.line("reason", &format!("{}: {}", stuck.code, stuck.reason));
            }
            StoredEvent::ProcessHeld(held) => {
                self.head(event, "held behind the stuck input", None);
                self.input(&held.input);
            }
            StoredEvent::ProcessIgnored(ignored) => {
                let what = format!("ignored: the deadline {} is not open any more", ignored.id);
                self.head(event, &what, None);
            }
            StoredEvent::ProcessResumed(resumed) => {
                self.word(event, "resumed", &resumed.operator, &resumed.note);
            }
            StoredEvent::ProcessSkipped(skipped) => {
                self.word(event, "the stuck input is skipped", &skipped.operator, &skipped.note);
            }
            StoredEvent::ProcessForced(forced) => {
                let ended = if forced.ended { " (end)" } else { "" };
                let what = format!("forced: {} → {}{ended}", forced.from, forced.to);
                self.word(event, &what, &forced.operator, &forced.note);
                self.line("state", &content(forced.state.data.text()));
                self.cancelled(&forced.cancelled);
            }
        }
    }

    fn head(&mut self, event: &RecordedEvent, what: &str, rules: Option<u32>) {
        let rules = rules.map_or_else(String::new, |rules| format!("  (rules {rules})"));
        let (version, time, what) = (event.version, event.time, escaped(what));
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.text, "{version}  {time}  {what}{rules}");
    }

    fn line(&mut self, name: &str, said: &str) {
        let _ = writeln!(self.text, "   {name:<9} {}", escaped(said));
    }

    fn word(&mut self, event: &RecordedEvent, what: &str, operator: &str, note: &str) {
        self.head(event, what, None);
        let note = if note.is_empty() { String::new() } else { format!(": {note}") };
        self.line("operator", &format!("{operator}{note}"));
    }

    fn input(&mut self, input: &RecordedInput) {
        let deadline = input.deadline.as_ref().map_or_else(String::new, |id| format!(" ({id})"));
        let RecordedInput { kind, version, id, source, .. } = input;
        self.line("input", &format!("{kind} v{version}{deadline}, {id} of {source}"));
        // An input that was held has another cause than the decision that drained it.
        let own = self.decision.filter(|of| (&of.cause.source, &of.cause.id) != (source, id));
        if let Some(decision) = own {
            self.line("cause", &format!("{} of {}", decision.cause.id, decision.cause.source));
        }
    }

    fn cancelled(&mut self, ids: &[String]) {
        if !ids.is_empty() {
            self.line("cancels", &ids.join(", "));
        }
    }
}

/// Returns JSON in one line, cut where it is long.
fn content(json: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(json);
    let line = value.map_or_else(|_| json.to_owned(), |value| value.to_string());
    let line = escaped_json(&line).into_owned();
    match line.char_indices().nth(CONTENT) {
        Some((end, _)) => {
            format!("{}… (--json shows everything)", line.get(..end).unwrap_or_default())
        }
        None => line,
    }
}
