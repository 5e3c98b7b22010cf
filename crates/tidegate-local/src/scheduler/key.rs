//! The name of a schedule: its group, and its name in it.

use std::fmt;

use engine_client::local::{ACCOUNT, REGION};
use serde::{Deserialize, Serialize};

/// Group that every account has, and that a request without a group means.
pub(super) const DEFAULT_GROUP: &str = "default";

/// The name of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Name of the group.
    pub group: String,
    /// Name of the schedule in its group.
    pub name: String,
}

impl Key {
    /// Creates the name of a schedule.
    #[must_use]
    pub fn new(group: &str, name: &str) -> Self {
        Self { group: group.to_owned(), name: name.to_owned() }
    }

    /// Returns the ARN of the schedule.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{self}")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.name)
    }
}

/// Returns the ARN of a group.
pub(super) fn group_arn(group: &str) -> String {
    format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{group}")
}
