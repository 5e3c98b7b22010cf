//! Tumbling windows: group records by the time they were written, and pass a state along.
//!
//! The rules are Lambda's (AWS docs: "Implementing stateful Kinesis Data Streams processing in
//! Lambda"):
//!
//! - Every record belongs to one window, and an event holds records of one window only.
//! - Every response must have a `state`, which the next event of the window holds.
//! - When a window is over, the function is invoked once more, with the state and without records,
//!   until it succeeds. Then the state is dropped.
//! - A state above 1 MB ends its window early: that last invocation comes at once, and the window
//!   goes on with a fresh state.
//! - One batch at a time is in flight per shard, since a mapping with a window has a
//!   parallelization factor of 1 (terraform-aws-modules/terraform-aws-lambda, issue 619).
//!
//! # Invariant
//!
//! The state of the open window includes exactly the records that are done. It changes only when
//! records are done, and is stored in the same step as the checkpoint that passes them. So each
//! record counts once in the state of its window, whatever fails.
//!
//! # Example
//!
//! Windows of a minute, and records that were written at second 5, 50 and 70:
//!
//! | [`Windows::next`] | event | response |
//! |---|---|---|
//! | `Records { end: Some(2) }` | 5 and 50, state `{}` | state `{"n":2}` |
//! | `Last`, since 70 is of a later window | state `{"n":2}`, `isFinalInvokeForWindow` | any |
//! | `Records { end: None }` | 70, state `{}` | state `{"n":1}` |
//! | `Nothing` until everything written before second 120 was read | | |

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use lambda_shapes::moment::Moment;

/// Largest state per shard, in bytes.
pub const STATE_LIMIT: usize = 1 << 20;

const FRESH: &str = "{}";

/// The windows of one shard; at most one is open.
#[derive(Debug)]
pub struct Windows {
    length: i64,
    open: Option<Open>,
    changed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Open {
    start: i64,
    /// `None` until the function has returned a state.
    state: Option<Box<RawValue>>,
    /// Whether the window ends before its time.
    early: bool,
}

/// A state that a function has returned.
#[derive(Debug)]
pub struct State(Box<RawValue>);

/// How far a shard is read.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// Every record written before this moment was read.
    pub until: Option<Moment>,
    /// The shard has ended, and all its records were read.
    pub ended: bool,
    /// The current moment.
    pub now: Moment,
}

/// What comes next in a shard that has nothing in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing yet.
    Nothing,
    /// A batch of the open window, from the front of the queue.
    Records {
        /// Number of records in the window, if records of another window follow.
        end: Option<usize>,
    },
    /// The last invocation of the open window.
    Last,
}

impl Windows {
    /// Creates windows of this length, none of them open; returns `None` for a length of zero.
    #[must_use]
    pub fn new(length: Duration) -> Option<Self> {
        let length = i64::try_from(length.as_millis()).ok().filter(|length| *length > 0)?;
        Some(Self { length, open: None, changed: false })
    }

    /// Resumes with the last value that [`Windows::take_change`] returned.
    ///
    /// # Errors
    /// The value is not a window.
    pub fn resume(&mut self, kept: &str) -> serde_json::Result<()> {
        self.open = serde_json::from_str(kept)?;
        Ok(())
    }

    /// Returns the window to store if it has changed.
    pub fn take_change(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        serde_json::to_string(&self.open).ok()
    }

    /// Returns whether the function has returned a state that no last invocation has used up.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.state.is_some())
    }

    /// Returns when the open window ends, in the time of its records.
    #[must_use]
    pub fn end(&self) -> Option<Moment> {
        let open = self.open.as_ref()?;
        Some(Moment::from_millis(open.start.saturating_add(self.length)))
    }

    /// Decides what comes next, and opens a window for the first record if none is open.
    ///
    /// `waiting` holds when each record that is in no batch was written, in order. A window is over
    /// when the first waiting record belongs to a later one. Without waiting records it is over
    /// once everything written in it was read. A record older than the open window, as after a
    /// clock was set back, counts as part of it.
    pub fn next(&mut self, waiting: impl Iterator<Item = Moment> + Clone, read: Read) -> Next {
        let first = waiting.clone().next().map(|moment| self.start_of(moment));
        if let Some(open) = &mut self.open {
            let end = open.start.saturating_add(self.length);
            let over = match first {
                Some(start) => start > open.start,
                None => read.ended || read.until.is_some_and(|until| until.as_millis() >= end),
            };
            if open.state.is_some() && (over || open.early) {
                open.early |= first.is_none() && read.now.as_millis() < end;
                return Next::Last;
            }
            if over {
                self.open = None;
            }
        }
        let Some(first) = first else { return Next::Nothing };
        let open = self.open.get_or_insert(Open { start: first, state: None, early: false });
        let (start, length) = (open.start, self.length);
        let mut rest =
            waiting.enumerate().skip_while(|(_, moment)| start_of(*moment, length) <= start);
        Next::Records { end: rest.next().map(|(at, _)| at) }
    }

    fn start_of(&self, moment: Moment) -> i64 {
        start_of(moment, self.length)
    }

    /// Returns the end of an event: everything after its records.
    #[must_use]
    pub fn closing(&self, shard: &str, stream_arn: &str, last: bool) -> Bytes {
        let open = self.open.as_ref();
        let start = open.map_or(0, |open| open.start);
        let moment = |millis| Moment::from_millis(millis).whole_seconds();
        let fields = Fields {
            window: Span { start: moment(start), end: moment(start.saturating_add(self.length)) },
            state: open.and_then(|open| open.state.as_deref()),
            shard_id: shard,
            event_source_arn: stream_arn,
            is_final_invoke_for_window: last,
            is_window_terminated_early: last && open.is_some_and(|open| open.early),
        };
        // Strings, flags and a state that was parsed before: serialising cannot fail.
        let fields = serde_json::to_string(&fields).unwrap_or_default();
        let fields = fields.replacen("\"state\":null", &format!("\"state\":{FRESH}"), 1);
        Bytes::from(format!("],{}", fields.strip_prefix('{').unwrap_or("}")))
    }

    /// Notes that records are done, and that the function returned this state.
    pub fn done(&mut self, state: State) {
        if let Some(open) = &mut self.open {
            open.early = state.0.get().len() > STATE_LIMIT;
            open.state = Some(state.0);
            self.changed = true;
        }
    }

    /// Notes that the last invocation of the open window has succeeded.
    pub fn closed(&mut self) {
        self.open = None;
        self.changed = true;
    }
}

fn start_of(moment: Moment, length: i64) -> i64 {
    let millis = moment.as_millis();
    millis - millis.rem_euclid(length)
}

/// Returns the state in a response.
///
/// # Errors
/// The response has no valid state, so the invocation counts as failed. The error is the reason.
pub fn state(response: &[u8]) -> Result<State, String> {
    let response: Response = serde_json::from_slice(response).map_err(|_| {
        "the response is not a JSON object with a state, which a tumbling window requires"
            .to_owned()
    })?;
    let state =
        response.state.ok_or("the response has no state, which a tumbling window requires")?;
    if state.get().starts_with('{') {
        Ok(State(state))
    } else {
        Err("the state is not a JSON object".to_owned())
    }
}

#[derive(Deserialize)]
struct Response {
    state: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    window: Span,
    state: Option<&'a RawValue>,
    shard_id: &'a str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    is_final_invoke_for_window: bool,
    is_window_terminated_early: bool,
}

#[derive(Serialize)]
struct Span {
    start: String,
    end: String,
}

#[cfg(test)]
mod tests;
