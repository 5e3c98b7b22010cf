//! The pointer of a projection: which generation is live, and the state of a rebuild.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The pointer of a projection, as it is stored.
///
/// ```json
/// {
///   "projection": "order-view", "revision": 7, "live": 1, "built": [1],
///   "rebuild": {
///     "generation": 2, "owner": "anna@host 1f3c", "started_at": "2026-11-30T14:00:00Z",
///     "until": "2026-11-30T14:01:00Z",
///     "segments": [{ "from": "eyJz…", "streams": 500, "events": 731 }, { "done": true, … }]
///   },
///   "fence": { "owner": "anna@host 1f3c", "until": "2026-11-30T14:00:45Z" }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pointer {
    /// Name of the projection; the key of the item.
    pub projection: String,
    /// Number of the change that wrote this pointer. 0: no pointer is stored yet.
    #[serde(default)]
    pub revision: u64,
    /// Generation that is read. `None`: no generation is built yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<u32>,
    /// Generation that was live before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<u32>,
    /// Generations that are complete and proven, in ascending order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub built: Vec<u32>,
    /// The fence. An expired one is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<Fence>,
    /// The rebuild that is running, or that was interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuild: Option<Rebuild>,
}

/// The fence of a projection: while it is closed, only its owner writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fence {
    /// Owner of the rebuild that closed it.
    pub owner: String,
    /// Time at which it opens by itself.
    pub until: Timestamp,
}

/// A rebuild of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rebuild {
    /// The generation that is built.
    pub generation: u32,
    /// Who runs it: a text that is different for every run of a command.
    pub owner: String,
    /// When it began. It stays the same if another run resumes the rebuild.
    pub started_at: Timestamp,
    /// Until when it belongs to its owner. Every change by the owner renews it.
    pub until: Timestamp,
    /// How far each segment of the event store is folded.
    pub segments: Vec<Segment>,
}

/// A segment of the event store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Segment {
    /// Where to go on: `next` of the last answer. `None`: at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Whether the segment is folded to its end.
    #[serde(default)]
    pub done: bool,
    /// Streams of the projection that began in the folded part.
    #[serde(default)]
    pub streams: u64,
    /// Events of the projection in the folded part.
    #[serde(default)]
    pub events: u64,
}

impl Pointer {
    /// Creates the pointer of a projection of which nothing is stored.
    pub fn new(projection: impl Into<String>) -> Self {
        Self {
            projection: projection.into(),
            revision: 0,
            live: None,
            previous: None,
            built: Vec::new(),
            fence: None,
            rebuild: None,
        }
    }

    /// Returns the fence if it is closed at this time.
    pub fn closed(&self, now: Timestamp) -> Option<&Fence> {
        self.fence.as_ref().filter(|fence| fence.until > now)
    }

    /// Returns the rebuild if it belongs to an owner at this time.
    pub fn running(&self, now: Timestamp) -> Option<&Rebuild> {
        self.rebuild.as_ref().filter(|rebuild| rebuild.until > now)
    }
}

impl Rebuild {
    /// Returns the number of streams that are folded.
    pub fn streams(&self) -> u64 {
        self.segments.iter().map(|segment| segment.streams).sum()
    }

    /// Returns the number of events that are folded.
    pub fn events(&self) -> u64 {
        self.segments.iter().map(|segment| segment.events).sum()
    }

    /// Returns the numbers of the segments that are not folded to their end.
    pub fn left(&self) -> Vec<u32> {
        let open = (0..).zip(&self.segments).filter(|(_, segment)| !segment.done);
        open.map(|(number, _)| number).collect()
    }
}

impl Segment {
    /// Returns the segment after an answer, from which it goes on at `next`.
    #[must_use]
    pub fn after(&self, next: Option<String>, streams: u64, events: u64) -> Self {
        Self {
            done: next.is_none(),
            from: next,
            streams: self.streams.saturating_add(streams),
            events: self.events.saturating_add(events),
        }
    }
}
