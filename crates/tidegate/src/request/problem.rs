//! A problem document of RFC 9457: what is wrong with a request, for the client.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// Longest text of the client's that a detail repeats, in characters.
const LONGEST_DETAIL: usize = 500;

/// Why a request failed: the answer to it, as an RFC 9457 problem document.
///
/// The document has `type`, `title`, `status`, `detail` and `instance` (Lambda's request id, which
/// every log line of the request has). It also has a stable `code` for programs, and `errors` if
/// several values are wrong. A problem with a status of 500 or above never has a detail of the
/// failure behind it; the log does.
///
/// The `?` operator turns a [`Failure`] into the problem of its class. It turns any other error
/// into a 500.
///
/// ```
/// use tidegate::request::Problem;
///
/// let problem = Problem::invalid("the order cannot be placed")
///     .mistake("/lines/0/quantity", "must be at least 1");
/// assert_eq!(problem.status().as_u16(), 422);
/// assert_eq!(problem.document(None, "r1")["errors"][0]["pointer"], "/lines/0/quantity");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Problem(Box<Parts>);

/// The parts of a problem, in a box so that a `Result` with it stays small.
#[derive(Clone, Debug, PartialEq)]
struct Parts {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    mistakes: Vec<Mistake>,
    headers: Vec<(&'static str, String)>,
    failure: Option<Failure>,
    unknown: bool,
}

/// A wrong value in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Mistake {
    detail: String,
    #[serde(flatten)]
    place: Place,
}

/// Place of a value in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    /// JSON pointer into the body.
    Pointer(String),
    /// Parameter of the query.
    Query(String),
    /// Parameter of the path.
    Path(String),
    /// Header.
    Header(String),
}

impl Problem {
    /// Creates a problem with this status, this stable code and this detail for the client.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Parts {
            status,
            code: code.into(),
            detail: shortened(detail.into()),
            mistakes: Vec::new(),
            headers: Vec::new(),
            failure: None,
            unknown: false,
        }))
    }

    /// Creates a 422: the request is well formed, and its content is refused.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    /// Creates a 404: what the path names does not exist.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// Creates a 403: the caller may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// Creates a 409: the state of what the path names does not allow this.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    /// Creates a 500. The failure is logged, and the client does not see it.
    pub fn internal(failure: Failure) -> Self {
        let detail = "the service failed; name the instance when you report it";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).caused_by(failure)
    }

    /// Adds a wrong value of the body, by its JSON pointer (RFC 6901).
    #[must_use]
    pub fn mistake(self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.mistake_at(Place::Pointer(pointer.into()), detail)
    }

    pub(super) fn mistake_at(mut self, place: Place, detail: impl Into<String>) -> Self {
        self.0.mistakes.push(Mistake { detail: shortened(detail.into()), place });
        self
    }

    /// Sets after which time the client may send the request again, in whole seconds rounded up.
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        self.header("retry-after", seconds.max(1).to_string())
    }

    pub(super) fn header(mut self, name: &'static str, value: String) -> Self {
        self.0.headers.retain(|(known, _)| *known != name);
        self.0.headers.push((name, value));
        self
    }

    pub(super) fn caused_by(mut self, failure: Failure) -> Self {
        self.0.failure = Some(failure);
        self
    }

    /// Says that the effect of the request may have taken place.
    pub(super) fn unknown(mut self) -> Self {
        self.0.unknown = true;
        self
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the stable code, such as `not_found`.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Returns the failure behind the problem, which the client does not see.
    pub fn failure(&self) -> Option<&Failure> {
        self.0.failure.as_ref()
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.0.unknown
    }

    pub(super) fn headers(&self) -> &[(&'static str, String)] {
        &self.0.headers
    }

    /// Returns the document: `types` is the URI that the code is appended to as `type`. Without it,
    /// the type is `about:blank`.
    pub fn document(&self, types: Option<&str>, instance: &str) -> Value {
        let mut document = Map::new();
        let kind =
            types.map_or_else(|| "about:blank".to_owned(), |base| format!("{base}{}", self.0.code));
        let title = self.0.status.canonical_reason().unwrap_or("Unknown");
        document.insert("type".to_owned(), json!(kind));
        document.insert("title".to_owned(), json!(title));
        document.insert("status".to_owned(), json!(self.0.status.as_u16()));
        document.insert("detail".to_owned(), json!(self.0.detail));
        document.insert("instance".to_owned(), json!(instance));
        document.insert("code".to_owned(), json!(self.0.code));
        if !self.0.mistakes.is_empty() {
            document.insert("errors".to_owned(), json!(self.0.mistakes));
        }
        Value::Object(document)
    }
}

/// Cuts a text that may repeat what the client sent.
fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST_DETAIL) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
