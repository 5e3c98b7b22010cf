//! A secret value.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// A secret, which no log line shows: its `Debug` form has the name only.
#[derive(Clone)]
pub struct Secret {
    name: Arc<str>,
    value: Arc<str>,
}

impl Secret {
    pub(super) fn new(name: &str, value: Arc<str>) -> Self {
        Self { name: name.into(), value }
    }

    /// Returns the value. Do not log it.
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// Decodes a value that is JSON, as Secrets Manager writes the credentials of a database.
    ///
    /// # Errors
    /// `parameter_unreadable` (transient): the value is not JSON of this type. The reason has the
    /// place of the mistake, not the value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        from_json(&self.name, &self.value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Decodes a value. The parser's own message quotes the value, so it is not used.
pub(super) fn from_json<T: DeserializeOwned>(name: &str, value: &str) -> Result<T, Failure> {
    serde_json::from_str(value).map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Data => "JSON of another shape",
            _ => "not JSON",
        };
        Failure::transient(
            "parameter_unreadable",
            format!(
                "the value of {name} is {kind}, at line {} column {}",
                error.line(),
                error.column()
            ),
        )
    })
}
