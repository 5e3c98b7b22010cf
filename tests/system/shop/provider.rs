//! The payment provider of a test: the simulator as a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::programs::program;

/// A running `payment-simulator`. Dropping it ends it.
pub(crate) struct Provider {
    url: String,
    client: Client<HttpConnector, Full<Bytes>>,
    _process: Child,
}

impl Provider {
    /// Starts the simulator. It answers as the script says, and draws with the seed.
    pub(crate) async fn start(directory: &Path, script: &str, seed: u64) -> Self {
        let file = directory.join("provider.json");
        std::fs::write(&file, script).expect("a script");
        let mut command = program("payment-simulator");
        command.args(["--port", "0", "--seed", &seed.to_string(), "--script"]).arg(&file);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the simulator");
        let output = process.stdout.take().expect("its standard output");
        let first = BufReader::new(output).lines().next_line().await.expect("its first line");
        let first = first.expect("the address of the simulator");
        let from = first.find("http://").unwrap_or_else(|| panic!("no address: {first}"));
        let url = first[from..].trim().to_owned();
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { url, client, _process: process }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Lets every call fail from now on, or no longer.
    pub(crate) async fn set_down(&self, down: bool) {
        self.call(Method::POST, "/control/outage", &json!({ "down": down }).to_string()).await;
    }

    /// What the simulator did until now.
    pub(crate) async fn report(&self) -> Value {
        let text = self.call(Method::GET, "/report", "").await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Writes the report to a file, for `shop check`.
    pub(crate) async fn save_report(&self, directory: &Path) -> PathBuf {
        let file = directory.join("provider-report.json");
        std::fs::write(&file, self.report().await.to_string()).expect("a report");
        file
    }

    async fn call(&self, method: Method, path: &str, body: &str) -> String {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_owned())))
            .expect("a request");
        let answer = self.client.request(request).await.expect("an answer of the simulator");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(status.is_success(), "{path}: {status} {text}");
        text
    }
}
