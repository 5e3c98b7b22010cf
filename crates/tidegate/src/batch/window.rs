//! The tumbling window to which an invocation of a stream mapping belongs.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The tumbling window of an invocation, as its event describes it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Window {
    /// Start of the window. Stream, shard and start identify the window.
    pub start: Timestamp,
    /// End of the window.
    pub end: Timestamp,
    /// Id of the shard. Each shard has its own windows.
    pub shard: String,
    /// ARN of the stream.
    pub stream_arn: String,
    /// Whether this is the last invocation of the window. It usually has no records.
    pub is_final: bool,
    /// Whether the window ends early, because its state is above 1 MB or its shard has ended. In
    /// the first case the window continues with an empty state, and has another last invocation.
    pub is_terminated_early: bool,
    /// State that the previous invocation returned; `{}` in the first.
    pub state: Box<RawValue>,
}

impl Window {
    /// Parses the window of an event, if the event has one.
    pub(super) fn from_event(event: &RawValue) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Event {
            window: Span,
            state: Option<Box<RawValue>>,
            shard_id: Option<String>,
            #[serde(rename = "eventSourceARN")]
            stream_arn: Option<String>,
            #[serde(default)]
            is_final_invoke_for_window: bool,
            #[serde(default)]
            is_window_terminated_early: bool,
        }
        #[derive(Deserialize)]
        struct Span {
            start: Timestamp,
            end: Timestamp,
        }
        // A search for a word costs less than a second parse of each event.
        if !event.get().contains("\"isFinalInvokeForWindow\"") {
            return None;
        }
        let event: Event = serde_json::from_str(event.get()).ok()?;
        let fresh = || RawValue::from_string("{}".to_owned()).ok();
        Some(Self {
            start: event.window.start,
            end: event.window.end,
            shard: event.shard_id.unwrap_or_default(),
            stream_arn: event.stream_arn.unwrap_or_default(),
            is_final: event.is_final_invoke_for_window,
            is_terminated_early: event.is_window_terminated_early,
            state: event.state.filter(|state| state.get().starts_with('{')).or_else(fresh)?,
        })
    }
}
