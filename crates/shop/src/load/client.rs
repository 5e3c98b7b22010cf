//! A client of the API over HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

/// Longest wait for an answer. API Gateway answers within 30 seconds.
pub(super) const LONGEST: Duration = Duration::from_secs(35);

/// A client of the API.
#[derive(Clone, Debug)]
pub(super) struct ApiClient {
    http: Client<HttpConnector, Full<Bytes>>,
    url: String,
}

/// An answer: its status and its body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// The part of a problem document that is counted.
#[derive(Deserialize)]
struct Coded {
    code: String,
}

impl ApiClient {
    /// Creates a client of the API at this URL.
    pub(super) fn new(url: impl Into<String>) -> Self {
        let http = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { http, url: url.into().trim_end_matches('/').to_owned() }
    }

    /// Sends a request with a token and an idempotency key.
    ///
    /// # Errors
    /// What kind of failure it was, if there is no answer.
    pub(super) async fn post(
        &self,
        path: &str,
        token: &str,
        key: &str,
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", key)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| format!("not sent: {error}"))?;
        let answer = async {
            let answer = self.http.request(request).await.map_err(|_| "no connection")?;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.map_err(|_| "answer was cut off")?;
            Ok::<_, &str>(Answer { status, body: body.to_bytes() })
        };
        match tokio::time::timeout(LONGEST, answer).await {
            Ok(answer) => answer.map_err(str::to_owned),
            Err(_) => Err("no answer in 35 s".to_owned()),
        }
    }
}

impl Answer {
    /// Returns the kind of problem that the answer is: its status, and its code if it has one.
    pub(super) fn problem(&self) -> String {
        match serde_json::from_slice::<Coded>(&self.body) {
            Ok(Coded { code }) => format!("{} {code}", self.status),
            Err(_) => self.status.to_string(),
        }
    }
}
