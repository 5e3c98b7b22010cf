//! The timeline.

use jiff::Timestamp;
use serde::Serialize;

use super::entry::Entry;
use super::instance::InstanceState;
use super::wait::Wait;
use crate::ids::{StreamId, Version};

/// What became of one message: everything that is connected by causes, in order.
///
/// Entries are ordered by time, and behind their causes. Entries of one stream have its order.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Timeline {
    /// Streams in the order in which they appear.
    pub streams: Vec<StreamId>,
    /// Instances of processes among them, as they are now.
    pub instances: Vec<InstanceState>,
    /// What everything waits for.
    pub waits: Vec<Wait>,
    /// What happened.
    pub entries: Vec<Entry>,
    /// Commits that cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
    /// What the limits of the trail left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// Commits of a stream that cannot be read.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Unreadable {
    /// Stream.
    pub stream: StreamId,
    /// First version that cannot be read.
    pub from: Version,
    /// Version from which on the stream can be read again; absent if none was found.
    ///
    /// If `from` and the eight versions behind it cannot be read, some of those further behind are
    /// not looked at. They may hold commits that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Version>,
    /// Code of the failure, such as `corrupt_commit` or `newer_version`.
    pub code: String,
    /// Why, for people.
    pub reason: String,
}

/// What the limits of the trail left out of a stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// Stream.
    pub stream: StreamId,
    /// Number of events, the newest ones; absent if the stream was not read at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<usize>,
    /// Whether the events belong to the timeline. If not, they were not looked at.
    pub connected: bool,
}

impl Timeline {
    /// Returns whether nothing was found: none of the streams exists.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.unreadable.is_empty()
    }

    /// Returns the time of the first entry.
    pub fn began(&self) -> Option<Timestamp> {
        self.entries.iter().map(|entry| entry.at).min()
    }

    /// Returns the milliseconds between the first and the last entry.
    pub fn took_ms(&self) -> i64 {
        let last = self.entries.iter().map(|entry| entry.at).max();
        self.began().zip(last).map_or(0, |(first, last)| millis_between(first, last))
    }

    /// Returns the entry with this number.
    pub fn entry(&self, number: usize) -> Option<&Entry> {
        self.entries.get(number.checked_sub(1)?)
    }
}

/// Returns the milliseconds from one time to another.
pub(super) fn millis_between(from: Timestamp, to: Timestamp) -> i64 {
    i64::try_from(to.duration_since(from).as_millis()).unwrap_or(i64::MAX)
}
