//! The invocation by which a command has the function of a projection do a piece of a rebuild.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::reference::Reference;
use crate::generation::Pointer;

/// Most items that are read for one answer.
const MAX_LIMIT: u32 = 10_000;
/// Longest text that says where to go on, in bytes.
const MAX_FROM: usize = 8_192;
/// Longest name of a projection or an owner, in bytes.
const MAX_NAME: usize = 255;

/// A piece of work of a rebuild. It is the value of the key [`Request::KEY`] in the event of a
/// synchronous invocation:
///
/// ```json
/// {
///   "tidegate.rebuild": {
///     "projection": "order-view", "generation": 2, "work": "fold", "owner": "anna@host 1f3c",
///     "segment": 3, "segments": 16, "from": "eyJz…", "limit": 500
///   }
/// }
/// ```
///
/// The response is an [`Answer`](super::Answer). A failure fails the invocation; its `errorType` is
/// class and code, as in `transient.throttled`. Everything may be asked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Request {
    /// Name of the projection.
    pub projection: String,
    /// The generation to fold into, or to read.
    pub generation: u32,
    /// What to do.
    pub work: Work,
    /// What to compare with, for [`Work::Verify`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Reference>,
    /// Owner of the rebuild. The fence that it closed does not stop this work.
    pub owner: String,
    /// The segment to read.
    #[serde(default)]
    pub segment: u32,
    /// Number of segments.
    #[serde(default = "one")]
    pub segments: u32,
    /// Where to go on: `next` of the last answer. `None`: at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Most items to read for this answer.
    #[serde(default = "usual_limit")]
    pub limit: u32,
    /// Buckets whose counters and entries the answer has by name, for [`Work::Counters`],
    /// [`Work::Entries`], and [`Work::Verify`] against the store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<u8>,
}

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Work {
    /// Walks over a segment of the event store, and applies what is missing in the generation.
    Fold,
    /// Compares every row of a segment of the generation's table with the reference. Rows whose
    /// versions differ are brought up to date in both first. Against the store, it walks over a
    /// segment of the event store instead, and computes what each row must be.
    Verify,
    /// Sums the counters of a segment of the generation's table.
    Counters,
    /// Sums the entries of a segment of the generation's table, if it has one.
    Entries,
    /// Sums the guards of a segment of the generation's table.
    Vector,
}

fn one() -> u32 {
    1
}

fn usual_limit() -> u32 {
    500
}

impl Request {
    /// Key of a request in the event of the invocation.
    pub const KEY: &'static str = "tidegate.rebuild";

    /// Creates the request for a whole table, from its beginning.
    pub fn new(
        projection: impl Into<String>,
        generation: u32,
        work: Work,
        owner: impl Into<String>,
    ) -> Self {
        Self {
            projection: projection.into(),
            generation,
            work,
            against: None,
            owner: owner.into(),
            segment: 0,
            segments: one(),
            from: None,
            limit: usual_limit(),
            buckets: Vec::new(),
        }
    }

    /// Sets the segment.
    #[must_use]
    pub fn segment(self, segment: u32, segments: u32) -> Self {
        Self { segment, segments, ..self }
    }

    /// Sets where to go on.
    #[must_use]
    pub fn from(self, from: Option<String>) -> Self {
        Self { from, ..self }
    }

    /// Sets how many items are read for the answer.
    #[must_use]
    pub fn limit(self, limit: u32) -> Self {
        Self { limit, ..self }
    }

    /// Sets what to compare with.
    #[must_use]
    pub fn against(self, reference: Reference) -> Self {
        Self { against: Some(reference), ..self }
    }

    /// Asks for the counters of these buckets by name.
    #[must_use]
    pub fn buckets(self, buckets: Vec<u8>) -> Self {
        Self { buckets, ..self }
    }

    /// Returns the event of the invocation.
    pub fn event(&self) -> String {
        serde_json::json!({ Self::KEY: self }).to_string()
    }

    /// Reads a request from the JSON of the key [`Self::KEY`], and checks it.
    ///
    /// # Errors
    /// It has another form, or a number or a text out of its range.
    pub fn parse(text: &str) -> Result<Self, InvalidRequest> {
        let request: Self =
            serde_json::from_str(text).map_err(|error| InvalidRequest(error.to_string()))?;
        request.check()?;
        Ok(request)
    }

    fn check(&self) -> Result<(), InvalidRequest> {
        let named = |text: &str| !text.trim().is_empty() && text.len() <= MAX_NAME;
        let most = Pointer::MAX_SEGMENTS;
        let wrong = [
            (!named(&self.projection), "`projection` must have 1 to 255 bytes".to_owned()),
            (!named(&self.owner), "`owner` must have 1 to 255 bytes".to_owned()),
            (self.generation == 0, "`generation` must be at least 1".to_owned()),
            (
                !(1..=most).contains(&self.segments) || self.segment >= self.segments,
                format!("`segments` must be 1 to {most}, and `segment` below it"),
            ),
            (!(1..=MAX_LIMIT).contains(&self.limit), format!("`limit` must be 1 to {MAX_LIMIT}")),
            (
                self.from.as_ref().is_some_and(|from| from.len() > MAX_FROM),
                format!("`from` must have at most {MAX_FROM} bytes"),
            ),
            (
                self.against.is_some() != (self.work == Work::Verify),
                "`against` belongs to the work `verify`, and only to it".to_owned(),
            ),
            (
                self.against == Some(Reference::Generation(self.generation)),
                "a generation cannot be compared with itself".to_owned(),
            ),
        ];
        match wrong.into_iter().find(|(wrong, _)| *wrong) {
            Some((_, problem)) => Err(InvalidRequest(problem)),
            None => Ok(()),
        }
    }
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRequest(String);

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a request for a rebuild: {}", self.0)
    }
}

impl std::error::Error for InvalidRequest {}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request::new("order-view", 2, Work::Fold, "anna")
    }

    #[test]
    fn a_request_comes_back_as_it_was() {
        let verify = Request { work: Work::Verify, ..request() };
        for request in [
            request().segment(3, 16).from(Some("x".to_owned())).limit(7),
            verify.clone().against(Reference::Store).buckets(vec![1]),
            verify.against(Reference::Generation(1)),
        ] {
            let event: serde_json::Value = serde_json::from_str(&request.event()).unwrap();
            assert_eq!(Request::parse(&event[Request::KEY].to_string()), Ok(request));
        }
    }

    #[test]
    fn what_may_be_left_out_is_the_whole_table_from_its_beginning() {
        let text = r#"{"projection":"order-view","generation":2,"work":"fold","owner":"anna"}"#;
        assert_eq!(Request::parse(text), Ok(request()));
    }

    #[test]
    fn everything_out_of_range_is_refused() {
        let verify = Request { work: Work::Verify, ..request() };
        for (request, problem) in [
            (Request { projection: " ".to_owned(), ..request() }, "`projection`"),
            (Request { owner: "x".repeat(256), ..request() }, "`owner`"),
            (Request { generation: 0, ..request() }, "`generation`"),
            (request().segment(16, 16), "`segments`"),
            (request().segment(0, 65), "`segments`"),
            (request().segment(0, 0), "`segments`"),
            (request().limit(0), "`limit`"),
            (request().limit(10_001), "`limit`"),
            (request().from(Some("x".repeat(8_193))), "`from`"),
            (request().against(Reference::Store), "`against`"),
            (verify.clone(), "`against`"),
            (verify.against(Reference::Generation(2)), "with itself"),
        ] {
            let text = serde_json::to_string(&request).unwrap();
            let error = Request::parse(&text).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        for text in ["7", "{}", r#"{"work":"drop"}"#, "[", &request().event()] {
            assert!(Request::parse(text).is_err(), "{text}");
        }
    }
}
