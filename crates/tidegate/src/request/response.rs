//! The response in Lambda's format (payload 2.0), which API Gateway and function URLs turn into
//! HTTP.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::Answer;
use super::correlation;
use super::problem::Problem;
use crate::failure::Failure;

/// Largest response that Lambda takes, in bytes of JSON.
const LAMBDA_BYTES: usize = 6 * 1024 * 1024;
/// Media type of a problem document.
const PROBLEM: &str = "application/problem+json";

/// What a response is made of besides its answer.
pub(super) struct Frame<'a> {
    /// URI in front of the codes of problems.
    pub(super) types: Option<&'a str>,
    pub(super) request_id: &'a str,
    pub(super) correlation_id: &'a str,
    /// Whether the request was a HEAD, whose answer has no body.
    pub(super) head: bool,
}

/// A response that was written, and what the log and the metrics say about it.
pub(super) struct Written {
    pub(super) json: Box<RawValue>,
    pub(super) status: u16,
    pub(super) replayed: bool,
    /// Code of the problem.
    pub(super) code: Option<String>,
    /// Failure behind the problem, which the client does not see.
    pub(super) failure: Option<Failure>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    status_code: u16,
    headers: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<&'a str>,
    body: &'a str,
    is_base64_encoded: bool,
}

impl Frame<'_> {
    /// Writes an answer, or the problem that takes its place.
    ///
    /// An answer that HTTP or Lambda would not take becomes a 500.
    pub(super) fn write(&self, answered: Result<Answer, Problem>) -> Written {
        let problem = match answered {
            Ok(answer) => match self.answer(&answer) {
                Ok(json) => {
                    return Written {
                        json,
                        status: answer.status(),
                        replayed: answer.is_replayed(),
                        code: None,
                        failure: None,
                    };
                }
                Err(failure) => Problem::internal(failure),
            },
            Err(problem) => problem,
        };
        let json = self.problem(&problem).or_else(|_| self.problem(&bare(&problem)));
        Written {
            json: json.unwrap_or_else(|_| RawValue::NULL.to_owned()),
            status: problem.status().as_u16(),
            replayed: false,
            code: Some(problem.code().to_owned()),
            failure: problem.failure().cloned(),
        }
    }

    fn answer(&self, answer: &Answer) -> Result<Box<RawValue>, Failure> {
        let (body, base64) = answer.body();
        let replayed = answer.is_replayed().then_some(("idempotent-replayed", "true"));
        let headers = answer.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str())).chain(replayed);
        self.json(answer.status(), headers, body, base64)
    }

    fn problem(&self, problem: &Problem) -> Result<Box<RawValue>, Failure> {
        let body = problem.document(self.types, self.request_id).to_string();
        let headers = problem.headers().iter().map(|(name, value)| (*name, value.as_str()));
        let headers = headers.chain([("content-type", PROBLEM)]);
        self.json(problem.status().as_u16(), headers, &body, false)
    }

    fn json<'a>(
        &'a self,
        status: u16,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        body: &str,
        base64: bool,
    ) -> Result<Box<RawValue>, Failure> {
        // What is said to one caller is not for caches, unless the handler says so.
        let mut all = BTreeMap::from([
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            (correlation::HEADER, self.correlation_id),
        ]);
        let mut cookies = Vec::new();
        for (name, value) in headers {
            if HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err() {
                let reason = format!("the answer's header `{name:?}` or its value is not HTTP");
                return Err(Failure::permanent("invalid_header", reason));
            }
            if name == "set-cookie" {
                cookies.push(value);
            } else {
                all.insert(name, value);
            }
        }
        let body = if self.head { "" } else { body };
        let response = Response {
            status_code: status,
            headers: all,
            cookies,
            body,
            is_base64_encoded: base64 && !self.head,
        };
        let json = serde_json::value::to_raw_value(&response)
            .map_err(|error| Failure::permanent("unencodable", error.to_string()))?;
        if json.get().len() > LAMBDA_BYTES {
            let bytes = json.get().len();
            let reason = format!("the answer has {bytes} bytes; Lambda takes {LAMBDA_BYTES}");
            return Err(Failure::permanent("answer_too_large", reason));
        }
        Ok(json)
    }
}

/// Returns the problem without what cannot be written.
fn bare(problem: &Problem) -> Problem {
    Problem::new(problem.status(), problem.code().to_owned(), "see the log")
}
