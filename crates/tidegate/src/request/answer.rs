//! The answer to a request: status, headers and body.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::failure::Failure;

/// The answer to a request: status, headers and body.
///
/// A route that runs [once](super::Route::once) keeps all three, and gives them to every further
/// request with the key.
///
/// ```
/// use serde_json::json;
/// use tidegate::request::{Answer, Problem};
///
/// # fn answer() -> Result<Answer, Problem> {
/// Answer::created("/orders/7", &json!({ "order": "7" }))
/// # }
/// # assert_eq!(answer().unwrap().status(), 201);
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    base64: bool,
    /// Whether the answer is that of an earlier request with the same key.
    #[serde(skip)]
    replayed: bool,
}

impl Answer {
    /// Creates an answer without a body.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status: status.as_u16(),
            headers: Vec::new(),
            body: String::new(),
            base64: false,
            replayed: false,
        }
    }

    /// Creates a 200 with this value as JSON.
    ///
    /// # Errors
    /// A 500 if the value cannot be written as JSON.
    pub fn ok(value: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::OK, value)
    }

    /// Creates a 201 with this value as JSON, for a resource at `location`.
    ///
    /// # Errors
    /// A 500 if the value cannot be written as JSON.
    pub fn created(location: &str, value: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self::json(StatusCode::CREATED, value)?.header("location", location))
    }

    /// Creates a 204.
    pub fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT)
    }

    /// Creates an answer with this value as JSON.
    ///
    /// # Errors
    /// A 500 if the value cannot be written as JSON.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_string(value).map_err(|error| {
            Problem::internal(Failure::permanent("unencodable", format!("the answer: {error}")))
        })?;
        Ok(Self { body, ..Self::new(status) }.header("content-type", "application/json"))
    }

    /// Creates an answer with this text.
    pub fn text(status: StatusCode, content_type: &str, text: impl Into<String>) -> Self {
        Self { body: text.into(), ..Self::new(status) }.header("content-type", content_type)
    }

    /// Creates an answer with these bytes, which Lambda carries as Base64.
    pub fn bytes(status: StatusCode, content_type: &str, bytes: &[u8]) -> Self {
        let body = STANDARD.encode(bytes);
        Self { body, base64: true, ..Self::new(status) }.header("content-type", content_type)
    }

    /// Sets a header. Only `set-cookie` can have several values.
    ///
    /// An answer with a name or a value that HTTP does not allow, such as one with a line break,
    /// becomes a 500.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        let name = name.to_ascii_lowercase();
        if name != "set-cookie" {
            self.headers.retain(|(known, _)| *known != name);
        }
        self.headers.push((name, value.into()));
        self
    }

    /// Marks the answer as that of an earlier request with the same key: the header
    /// `idempotent-replayed: true`.
    #[must_use]
    pub fn replayed(mut self) -> Self {
        self.replayed = true;
        self
    }

    /// Returns the status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the headers, with their names in lower case.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Returns whether this is the answer to an earlier request with the same key.
    pub fn is_replayed(&self) -> bool {
        self.replayed
    }

    /// Returns the body as Lambda carries it, and whether that is Base64.
    pub(super) fn body(&self) -> (&str, bool) {
        (&self.body, self.base64)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
