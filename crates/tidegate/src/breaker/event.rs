//! The event about a change of a breaker.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::phase::Phase;
use crate::envelope::DataSchema;
use crate::failure::{Failure, chain};
use crate::ids::{Cause, StreamId, Version, event_id};
use crate::message::Message;
use crate::store::{Commit, RecordedCommit, RecordedEvent};

/// Kind of the streams of breakers: `breaker#payment`.
const KIND: &str = "breaker";
/// Source of the events.
const SOURCE: &str = "tidegate.breaker";

/// A breaker changed its phase.
///
/// It is an event of the stream `breaker#NAME`, from the source `tidegate.breaker`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BreakerChanged {
    /// Name of the breaker.
    pub breaker: String,
    /// Number of the change, from 1.
    pub number: u64,
    /// New phase: `closed`, `open` or `half-open`.
    pub phase: String,
    /// End of the cool-down of an open breaker, or of the lease of a half-open one's probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// Operator, if one made the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Note of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Message for BreakerChanged {
    const TYPE: &'static str = "BreakerChanged";
    const VERSION: u32 = 1;
}

/// Creates the commit of the event about a change. Its version follows the events before.
pub(super) fn commit(breaker: &str, change: &Change) -> Result<Commit, Failure> {
    let stream = StreamId::new(KIND, breaker)?;
    let (version, cause) = (Version::new(change.events).next(), Cause::new(SOURCE, &change.token));
    let until = match change.to {
        Phase::Closed => None,
        Phase::Open { until } => Some(until),
        Phase::HalfOpen { lease_until } => Some(lease_until),
    };
    let operator = change.operator.as_ref();
    let event = BreakerChanged {
        breaker: breaker.to_owned(),
        number: change.number.saturating_add(1),
        phase: change.to.as_str().to_owned(),
        until,
        reason: change.reason.clone(),
        operator: operator.map(|operator| operator.name.clone()),
        note: operator.map(|operator| operator.note.clone()),
    };
    let data = serde_json::to_string(&event)
        .map_err(|error| Failure::permanent("unencodable", chain(&error)))?;
    let schema = DataSchema::new(BreakerChanged::TYPE, BreakerChanged::VERSION);
    let id = event_id(&stream, version, &cause);
    let event = RecordedEvent::new(id, version, schema, change.at, data);
    let record = RecordedCommit::new(stream, SOURCE, cause, change.at, vec![event]);
    Ok(Commit::new(record, change.token.clone()))
}
