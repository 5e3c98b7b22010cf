//! HTTP APIs and function URLs over real sockets: the whole engine, and the probe function.

mod callers;
mod requests;
mod rsa;

use std::path::Path;

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tidegate_local::engine::{Engine, Options};

use crate::engine::options;

/// The issuer and the audience of the authorizer `customers`.
const ISSUER: &str = "https://login.example.com/pool";
const AUDIENCE: &str = "shop";

const DECLARED: &str = r#"
apis = {
  shop = {
    authorizers = { customers = { issuer = "https://login.example.com/pool", audience = ["shop"] } }
    throttling  = { rate = 1000, burst = 1000 }
    routes = {
      "POST /orders"           = { function = "probe", authorizer = "customers" }
      "POST /refunds"          = { function = "probe", authorizer = "customers", scopes = ["refund", "admin"] }
      "GET /orders/{id}"       = { function = "probe", authorization = "none" }
      "ANY /files/{path+}"     = { function = "probe", authorization = "none" }
      "ANY /staff"             = { function = "probe", authorization = "iam" }
      "POST /open"             = { function = "probe", authorization = "none" }
    }
  }
  slow = {
    throttling = { rate = 0.001, burst = 2 }
    routes     = { "$default" = { function = "probe", authorization = "none" } }
  }
}
functions = {
  probe   = { timeout_seconds = 30, maximum_concurrency = 4, url = { authorization = "none" } }
  guarded = { timeout_seconds = 30, url = { authorization = "iam" } }
  brief   = { timeout_seconds = 1, url = { authorization = "none" } }
  off     = { reserved_concurrency = 0, url = { authorization = "none" } }
}
"#;

/// An engine with HTTP APIs and function URLs, without any AWS resource.
struct World {
    engine: Engine,
    dir: tempfile::TempDir,
    http: Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>,
}

impl World {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::start(changed(dir.path(), change)).await;
        let engine = engine.unwrap_or_else(|error| panic!("{error}"));
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { engine, dir, http }
    }

    /// Returns the URL of an API or of a function.
    fn url(&self, kind: &str, name: &str) -> String {
        let mut all = self.engine.file().gateways.iter();
        let found = all.find(|gateway| gateway.kind == kind && gateway.name == name);
        found.unwrap_or_else(|| panic!("{kind} {name} has no address")).url.clone()
    }

    async fn send(
        &self,
        url: &str,
        method: Method,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Bytes> {
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let (head, body) = self.http.request(request).await.unwrap().into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    /// Sends a request to the API `shop`.
    async fn shop(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Bytes> {
        self.send(&format!("{}{path}", self.url("api", "shop")), method, headers, body).await
    }

    /// Makes the probe do something behind the open route of `shop`.
    async fn tell(&self, what: &Value) -> Response<Bytes> {
        self.shop(Method::POST, "/open", &[JSON], what.to_string()).await
    }

    /// Makes the probe do something behind its function URL.
    async fn tell_url(&self, function: &str, what: &Value) -> Response<Bytes> {
        let url = format!("{}/", self.url("function-url", function));
        self.send(&url, Method::POST, &[JSON], what.to_string()).await
    }

    async fn status(&self, name: &str) -> Value {
        let status = serde_json::to_value(self.engine.status().await).unwrap();
        let mut all = status["gateways"].as_array().unwrap().iter();
        all.find(|gateway| gateway["name"] == name).unwrap().clone()
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn changed(dir: &Path, change: impl FnOnce(&mut Options)) -> Options {
    let mut options = options(dir, DECLARED);
    let probe = crate::probe::binary();
    for name in ["guarded", "brief", "off"] {
        std::os::unix::fs::symlink(&probe, dir.join("bin").join(name)).unwrap();
    }
    change(&mut options);
    options
}

fn json(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body())
        .unwrap_or_else(|error| panic!("{error}: {:?}", response.body()))
}

/// Returns status and body as text.
fn said(response: &Response<Bytes>) -> (u16, &str) {
    (response.status().as_u16(), std::str::from_utf8(response.body()).unwrap())
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}
