//! A function that only records the address of its Runtime API, so that a test can act in its
//! place.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tidegate_local::environment::Fleet;

use crate::probe::{fleet, spec, until};

/// Prefix of the paths of the Runtime API.
pub(crate) const VERSION: &str = "2018-06-01/runtime";

/// A fleet whose function is a process that does nothing, with at most one environment.
pub(crate) fn silent(dir: &Path) -> Arc<Fleet> {
    let script = dir.join("silent");
    let text = format!(
        "#!/bin/sh\nprintf %s \"$AWS_LAMBDA_RUNTIME_API\" > {0}/api.new\nmv {0}/api.new {0}/api\nexec sleep 600\n",
        dir.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut function = spec(&script);
    function.maximum_concurrency = 1;
    // A process that never comes back is waited for this long.
    function.timeout = Duration::from_secs(3);
    fleet(dir, function)
}

/// Returns the address of the Runtime API of the process that was started last.
pub(crate) async fn api(dir: &Path) -> String {
    let file = dir.join("api");
    until("the process starts", || file.is_file()).await;
    let address = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    address
}

/// Sends one request of any kind and returns the whole answer.
pub(crate) async fn send(
    method: &str,
    api: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> http::Response<Bytes> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = http::Request::builder().method(method).uri(format!("http://{api}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    http::Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

pub(crate) fn json_of(answer: &http::Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

/// An answer of the Runtime API.
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) request_id: String,
    pub(crate) deadline: String,
    pub(crate) body: Value,
}

/// One call of the Runtime API.
pub(crate) async fn call(method: &str, api: &str, path: &str, body: impl Into<Bytes>) -> Seen {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("http://{api}/{VERSION}/{path}");
    let request =
        http::Request::builder().method(method).uri(uri).body(Full::new(body.into())).unwrap();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let header = |name: &str| {
        head.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let (request_id, deadline) =
        (header("lambda-runtime-aws-request-id"), header("lambda-runtime-deadline-ms"));
    let body = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
    Seen { status: head.status.as_u16(), request_id, deadline, body }
}
