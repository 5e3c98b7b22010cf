//! Makes the few AWS calls that the benchmark makes itself.
//!
//! They are written by hand, because the benchmark's program links no AWS client.

use benchmarks::problem::Problem;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Account and region of the emulator.
pub(crate) const ACCOUNT: &str = "000000000000";
pub(crate) const REGION: &str = "us-east-1";

/// An AWS endpoint.
#[derive(Clone)]
pub(crate) struct Aws {
    endpoint: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl Aws {
    pub(crate) fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            http: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Calls an operation of a service with a JSON protocol, such as `Kinesis_20131202.PutRecords`.
    pub(crate) async fn call(
        &self,
        service: &str,
        target: &str,
        body: &Value,
    ) -> Result<Value, Problem> {
        let request = self.request(Method::POST, "/", service).header("x-amz-target", target);
        self.send(target, request.header("content-type", "application/x-amz-json-1.1"), body).await
    }

    /// Calls Lambda.
    pub(crate) async fn lambda(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, Problem> {
        let request =
            self.request(method, path, "lambda").header("content-type", "application/json");
        self.send(path, request, body).await
    }

    fn request(&self, method: Method, path: &str, service: &str) -> hyper::http::request::Builder {
        let credential = format!("test/20260101/{REGION}/{service}/aws4_request");
        let signature =
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=none");
        let uri = format!("{}{path}", self.endpoint);
        Request::builder().method(method).uri(uri).header("authorization", signature)
    }

    async fn send(
        &self,
        what: &str,
        request: hyper::http::request::Builder,
        body: &Value,
    ) -> Result<Value, Problem> {
        let request = request.body(Full::new(Bytes::from(body.to_string())))?;
        let answer = self.http.request(request).await?;
        let (status, body) = (answer.status(), answer.into_body().collect().await?.to_bytes());
        if !status.is_success() {
            return Err(Problem::new(format!(
                "{what}: {status} {}",
                String::from_utf8_lossy(&body)
            )));
        }
        Ok(serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}
