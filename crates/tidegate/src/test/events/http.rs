//! Builds requests as API Gateway's HTTP APIs and function URLs pass them to a function.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{ACCOUNT, REGION, raw};

/// Builds a request with payload format 2.0.
///
/// ```
/// use serde_json::json;
/// use tidegate::test::HttpEvent;
///
/// let event = HttpEvent::api("POST", "/orders")
///     .jwt("https://issuer.example", "anna", &["orders:write"])
///     .header("Idempotency-Key", "k1")
///     .json(&json!({ "product": "cup" }))
///     .value();
/// assert_eq!(event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"], "anna");
/// ```
#[derive(Clone, Debug)]
pub struct HttpEvent {
    domain: String,
    stage: String,
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Option<String>,
    base64: bool,
    authorizer: Option<Value>,
    request_id: String,
}

impl HttpEvent {
    /// Creates a request to an HTTP API. `path` is decoded, as API Gateway passes it on.
    pub fn api(method: &str, path: &str) -> Self {
        Self::new(method, path, format!("a1b2c3.execute-api.{REGION}.amazonaws.com"))
    }

    /// Creates a request to a function URL. `path` is percent-encoded, as Lambda passes it on.
    pub fn url(method: &str, path: &str) -> Self {
        Self::new(method, path, format!("a1b2c3.lambda-url.{REGION}.on.aws"))
    }

    fn new(method: &str, path: &str, domain: String) -> Self {
        Self {
            headers: BTreeMap::from([("host".to_owned(), domain.clone())]),
            domain,
            stage: "$default".to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: String::new(),
            body: None,
            base64: false,
            authorizer: None,
            request_id: "Request-1".to_owned(),
        }
    }

    /// Sets the query, percent-encoded and without `?`.
    #[must_use]
    pub fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_ascii_lowercase(), value.to_owned());
        self
    }

    /// Sets the `Idempotency-Key`.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// Sets a JSON body. A value that cannot be encoded becomes `null`.
    #[must_use]
    pub fn json(self, value: &impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.text("application/json", &value.to_string())
    }

    /// Sets a body of text with its type.
    #[must_use]
    pub fn text(mut self, content_type: &str, text: &str) -> Self {
        (self.body, self.base64) = (Some(text.to_owned()), false);
        self.header("content-type", content_type)
    }

    /// Sets a body of bytes with its type. AWS passes it on as Base64.
    #[must_use]
    pub fn bytes(mut self, content_type: &str, bytes: &[u8]) -> Self {
        (self.body, self.base64) = (Some(STANDARD.encode(bytes)), true);
        self.header("content-type", content_type)
    }

    /// Sets the caller that a JWT authorizer established.
    #[must_use]
    pub fn jwt(mut self, issuer: &str, subject: &str, scopes: &[&str]) -> Self {
        let scope = scopes.join(" ");
        let claims = json!({ "iss": issuer, "sub": subject, "scope": scope, "exp": "1800000000" });
        self.authorizer = Some(json!({ "jwt": { "claims": claims, "scopes": scopes } }));
        self
    }

    /// Sets the caller whose signature AWS checked.
    #[must_use]
    pub fn iam(mut self, arn: &str) -> Self {
        self.authorizer = Some(json!({ "iam": {
            "accessKey": "AKIAIOSFODNN7EXAMPLE",
            "accountId": ACCOUNT,
            "callerId": "AIDACKCEVSQ6C2EXAMPLE",
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": arn,
            "userId": "AIDACKCEVSQ6C2EXAMPLE",
        } }));
        self
    }

    /// Sets the stage, whose name an HTTP API puts in front of the path.
    #[must_use]
    pub fn stage(mut self, stage: &str) -> Self {
        stage.clone_into(&mut self.stage);
        self.path = format!("/{stage}{}", self.path);
        self
    }

    /// Sets the id that API Gateway or Lambda gives to the request.
    #[must_use]
    pub fn request_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.request_id);
        self
    }

    /// Returns the event as a JSON tree, which a test can change.
    pub fn value(self) -> Value {
        let now = Timestamp::now();
        let mut context = json!({
            "accountId": ACCOUNT,
            "apiId": "a1b2c3",
            "domainName": self.domain,
            "domainPrefix": "a1b2c3",
            "http": {
                "method": self.method,
                "path": self.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test",
            },
            "requestId": self.request_id,
            "routeKey": "$default",
            "stage": self.stage,
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        });
        if let (Some(authorizer), Some(context)) = (self.authorizer, context.as_object_mut()) {
            context.insert("authorizer".to_owned(), authorizer);
        }
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": self.headers,
            "requestContext": context,
            "isBase64Encoded": self.base64,
        });
        if let (Some(body), Some(event)) = (self.body, event.as_object_mut()) {
            event.insert("body".to_owned(), Value::from(body));
        }
        event
    }

    /// Builds the event of the invocation.
    pub fn build(self) -> Box<RawValue> {
        raw(&self.value())
    }
}
