//! Instances of processes in a timeline.

use jiff::Timestamp;
use serde::Serialize;

use super::wait::Wait;
use crate::ids::{StreamId, Version};
use crate::message::MessageSet as _;
use crate::process::{Outline, StoredEvent};
use crate::store::RecordedCommit;

/// State of an instance of a process.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct InstanceState {
    /// Stream of the instance.
    pub stream: StreamId,
    /// Name of the state.
    pub state: String,
    /// Whether that is an end state.
    pub ended: bool,
    /// Version of the stream.
    pub version: Version,
    /// Time of the newest event that decided or kept an input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Whether events of the instance cannot be read: the state and what waits may be wrong.
    pub uncertain: bool,
}

/// An instance, and what it waits for besides answers.
pub(super) struct InstanceView {
    pub(super) state: InstanceState,
    pub(super) waits: Vec<Wait>,
}

/// Returns the view of the instance that these commits are the stream of. `None` if it is not a
/// stream of a process.
pub(super) fn instance(
    stream: &StreamId,
    commits: &[RecordedCommit],
    whole: bool,
) -> Option<InstanceView> {
    let (mut outline, mut uncertain, mut is_process) = (Outline::default(), !whole, false);
    for event in commits.iter().flat_map(|commit| &commit.events) {
        let known = StoredEvent::knows(&event.kind);
        is_process |= known;
        match StoredEvent::decode(&event.kind, event.data_version, &event.data) {
            Ok(stored) => outline.apply(Some(&stored)),
            Err(_) => {
                uncertain |= known;
                outline.apply(None);
            }
        }
    }
    if !is_process {
        return None;
    }
    let version = commits.last().map_or(Version::NONE, RecordedCommit::last_version);
    let mut waits = Vec::new();
    if let Some(stuck) = &outline.stuck {
        waits.push(Wait::Operator {
            stream: stream.clone(),
            input: stuck.input.kind.clone(),
            code: stuck.reason.code.to_string(),
            reason: stuck.reason.text.clone(),
            since: stuck.at,
            held: outline.held.len(),
        });
    }
    waits.extend(outline.deadlines.iter().map(|open| Wait::Deadline {
        stream: stream.clone(),
        deadline: open.deadline.id.clone(),
        due: open.deadline.due,
        passed: open.passed,
    }));
    let state = InstanceState {
        stream: stream.clone(),
        state: outline.state,
        ended: outline.ended,
        version,
        at: outline.at,
        uncertain,
    };
    Some(InstanceView { state, waits })
}
