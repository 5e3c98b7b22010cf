//! Commands of the toolkit to an instance: a passed deadline, and the words of operators.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::json::Json;
use crate::ids::Version;
use crate::message::Message;

/// Says that a deadline passed. Sent by a schedule, or by the sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
pub struct PassDeadline {
    /// Name of the deadline.
    pub name: String,
    /// Id of the deadline.
    pub id: String,
    /// Time at which it was due. A message of another time is about another deadline: after a
    /// restore of the store, the number in an id can come again.
    pub due: Timestamp,
}

/// Word of an operator: decide the stuck input again, by today's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
pub struct ResumeProcess {
    /// Who decided.
    pub operator: String,
    /// Why.
    pub note: String,
    /// Version of the stream that the operator saw.
    pub version: Version,
}

/// Word of an operator: drop the stuck input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
pub struct SkipInput {
    /// Who decided.
    pub operator: String,
    /// Why.
    pub note: String,
    /// Version of the stream that the operator saw.
    pub version: Version,
}

/// Word of an operator: set this state, and drop the stuck input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub struct ForceState {
    /// Who decided.
    pub operator: String,
    /// Why.
    pub note: String,
    /// Version of the stream that the operator saw.
    pub version: Version,
    /// State to set.
    pub state: ForcedState,
}

/// The state that an operator sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForcedState {
    /// Version of the state's type; without it, the version of the function that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// State.
    pub data: Json,
}

crate::messages! {
    /// Commands of the toolkit to an instance.
    #[derive(Clone, Debug, PartialEq)]
    pub enum Word { PassDeadline, ResumeProcess, SkipInput, ForceState }
}
