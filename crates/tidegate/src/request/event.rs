//! Reads the event of a request: the payload 2.0 of API Gateway's HTTP APIs, which function URLs
//! share.
//!
//! Every field that a client can influence is plain text here, so no request fails the invocation.
//! `lambda_http` builds a URI from the same fields, and panics at a `Host` or a query that is not
//! one.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::caller::Authorizer;
use super::headers::Headers;
use super::problem::Problem;
use crate::failure::Failure;

/// The event of a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    #[serde(default)]
    raw_path: Option<String>,
    #[serde(default)]
    raw_query_string: Option<String>,
    #[serde(default)]
    route_key: Option<String>,
    #[serde(default)]
    headers: Option<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    pub(super) request_context: RequestContext,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// What the service in front of the function says about a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestContext {
    http: Http,
    #[serde(default)]
    stage: Option<String>,
    #[serde(default)]
    domain_name: Option<String>,
    #[serde(default)]
    pub(super) request_id: Option<String>,
    #[serde(default)]
    pub(super) authorizer: Option<Authorizer>,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// `not_a_request` (permanent): something other than an HTTP API with payload format 2.0, or a
    /// function URL, invoked the function.
    pub(super) fn parse(event: &RawValue) -> Result<Self, Failure> {
        serde_json::from_str(event.get()).map_err(|error| {
            Failure::permanent(
                "not_a_request",
                format!(
                    "the event is not a request with payload format 2.0 of an HTTP API or a \
                     function URL: {error}"
                ),
            )
        })
    }

    pub(super) fn method(&self) -> &str {
        &self.request_context.http.method
    }

    /// Returns the path, and whether it is percent-encoded.
    ///
    /// HTTP APIs decode the path; function URLs pass it on as the client sent it. Only the domain
    /// tells the two apart. On a machine of your own, where every domain is its loopback address,
    /// the route key does: that of a function URL always is `$default`.
    pub(super) fn path(&self) -> (&str, bool) {
        let domain = self.request_context.domain_name.as_deref().unwrap_or_default();
        let host = domain.rsplit_once(':').map_or(domain, |(host, _)| host);
        let local = host.starts_with("127.") || host == "[::1]" || host.ends_with("localhost");
        let default = self.route_key.as_deref() == Some("$default");
        let encoded = domain.contains(".lambda-url.") || (local && default);
        (self.raw_path.as_deref().unwrap_or("/"), encoded)
    }

    /// Returns the stage that the path may begin with: every one but `$default`.
    pub(super) fn stage(&self) -> Option<&str> {
        self.request_context.stage.as_deref().filter(|stage| *stage != "$default")
    }

    pub(super) fn query(&self) -> &str {
        self.raw_query_string.as_deref().unwrap_or_default()
    }

    /// Takes the headers out, with the cookies, which AWS takes out of theirs.
    pub(super) fn take_headers(&mut self) -> Headers {
        let cookies = self.cookies.take().unwrap_or_default().join("; ");
        let cookie = (!cookies.is_empty()).then(|| ("cookie".to_owned(), cookies));
        let headers = self.headers.take().unwrap_or_default();
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        headers.chain(cookie).collect()
    }

    /// Takes the body out.
    ///
    /// # Errors
    /// A 400 if it is not Base64 although the event says so.
    pub(super) fn take_body(&mut self) -> Result<Vec<u8>, Problem> {
        let body = self.body.take().unwrap_or_default();
        if !self.is_base64_encoded.unwrap_or_default() {
            return Ok(body.into_bytes());
        }
        STANDARD.decode(body).map_err(|error| {
            let detail = format!("the body is not Base64, as the event says it is: {error}");
            Problem::new(StatusCode::BAD_REQUEST, "malformed_body", detail)
        })
    }
}
