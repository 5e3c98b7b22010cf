//! What became of the word of an operator.

use serde::Serialize;
use terminal::escape::escaped;

/// Result for one instance.
#[derive(Debug, Serialize)]
pub(super) struct Decided {
    pub(super) instance: String,
    #[serde(rename = "outcome")]
    pub(super) resolution: Resolution,
    pub(super) message: String,
    /// State after it, if it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    /// Version after it, if it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<u64>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Resolution {
    /// The instance goes on.
    Done,
    /// The word was taken, and the instance is stuck again.
    StuckAgain,
    /// The process refused the word. The instance stays as it was.
    Refused,
    /// The instance is not stuck, so no word was sent.
    NotStuck,
    /// The instance does not exist.
    Unknown,
    /// The word waits in the queue: nothing has decided it in time.
    Waiting,
}

impl Decided {
    pub(super) fn new(
        instance: impl ToString,
        resolution: Resolution,
        message: impl Into<String>,
    ) -> Self {
        let (instance, message) = (instance.to_string(), message.into());
        Self { instance, resolution, message, state: None, version: None }
    }

    /// Returns the line for people.
    pub(super) fn line(&self) -> String {
        escaped(&format!("{}: {}", self.instance, self.message)).into_owned()
    }

    /// Returns whether the operator has nothing more to do with it.
    pub(super) fn is_good(&self) -> bool {
        self.resolution == Resolution::Done
    }
}
