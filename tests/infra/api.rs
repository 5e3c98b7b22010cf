//! Calls to services without an SDK.
//!
//! Nothing else here needs these SDKs, and one more SDK takes longer to build than these tests run.
//! The calls are made as root, so they are not signed. The scope in the header only names the
//! service.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// The emulator's HTTP interface.
pub(crate) struct Api {
    endpoint: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Api {
    pub(crate) fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Calls an operation of a service with a JSON protocol. `target` is the value of its header,
    /// such as `Logs_20140328.DescribeLogGroups`.
    pub(crate) async fn json(&self, service: &str, target: &str, input: &Value) -> Value {
        let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.1")];
        let answer = self.send(Method::POST, service, "/", &headers, input.to_string()).await;
        parsed(target, answer)
    }

    /// Sends a `GET` to a service with a REST protocol, or to the emulator itself. `None` means
    /// 404.
    pub(crate) async fn get(&self, service: &str, path: &str) -> Option<Value> {
        let answer = self.send(Method::GET, service, path, &[], String::new()).await;
        (answer.0 != StatusCode::NOT_FOUND).then(|| parsed(path, answer))
    }

    /// Sends a `PUT` to a service with a REST protocol.
    pub(crate) async fn put(&self, service: &str, path: &str, input: &Value) -> Value {
        let headers = [("content-type", "application/json")];
        parsed(path, self.send(Method::PUT, service, path, &headers, input.to_string()).await)
    }

    /// Whether a `GET` gets a response.
    pub(crate) async fn exists(&self, service: &str, path: &str) -> bool {
        self.send(Method::GET, service, path, &[], String::new()).await.0.is_success()
    }

    /// The text of the response to a `GET`. `None` means an error.
    pub(crate) async fn text(&self, service: &str, path: &str) -> Option<String> {
        let (status, body) = self.send(Method::GET, service, path, &[], String::new()).await;
        status.is_success().then_some(body)
    }

    /// Calls an operation of a service with the query protocol. The response is XML.
    pub(crate) async fn query(
        &self,
        service: &str,
        operation: &str,
        parameters: &[(&str, &str)],
    ) -> String {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let mut form = format!("Action={operation}");
        for (name, value) in parameters {
            form.extend(["&", name, "=", &encoded(value)]);
        }
        let (status, body) = self.send(Method::POST, service, "/", &headers, form).await;
        assert!(status.is_success(), "{operation}: {status} {body}");
        body
    }

    async fn send(
        &self,
        method: Method,
        service: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> (StatusCode, String) {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=none"
        );
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.endpoint));
        for (name, value) in headers.iter().chain(&[("authorization", scope.as_str())]) {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body)).expect("a request");
        let answer = self
            .client
            .request(request)
            .await
            .unwrap_or_else(|error| panic!("{service}{path}: {error}"));
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }
}

/// The texts of all elements with this name that have no child elements.
pub(crate) fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(&open).skip(1);
    parts.map(|part| part.split(&close).next().unwrap_or_default().to_owned()).collect()
}

fn parsed(what: &str, (status, body): (StatusCode, String)) -> Value {
    assert!(status.is_success(), "{what}: {status} {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{what}: {error}: {body}"))
}

fn encoded(value: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(byte).collect()
}
