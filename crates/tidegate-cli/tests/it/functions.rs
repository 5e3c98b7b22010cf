//! Functions that answer as a test wants them to, behind Lambda's Invoke.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// One invocation as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) function: String,
    pub(crate) qualifier: String,
    pub(crate) event: Value,
    pub(crate) context: Option<Value>,
}

/// A function's answer: HTTP status, whether it is a function error, payload.
#[derive(Clone, Debug)]
pub(crate) struct Answer(pub(crate) u16, pub(crate) bool, pub(crate) &'static str);

pub(crate) const SUCCESS: Answer = Answer(200, false, r#"{"batchItemFailures":[]}"#);

/// Lambda's Invoke API with scripted answers.
///
/// Without a scripted answer, the function succeeds and has run the effect that its event names.
/// Every other call goes to the emulator.
#[derive(Clone)]
pub(crate) struct Functions {
    pub(crate) url: String,
    emulator: String,
    records: aws_sdk_dynamodb::Client,
    table: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    programs: Arc<Mutex<HashMap<String, Program>>>,
}

/// A function's code: it takes an event and returns the failures to report.
type Program = Arc<dyn Fn(Value) -> BoxFuture<'static, Vec<String>> + Send + Sync>;

impl Functions {
    /// Starts the API. `table` has the idempotency records.
    pub(crate) async fn start(
        emulator: &str,
        records: aws_sdk_dynamodb::Client,
        table: &str,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let functions = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            emulator: emulator.to_owned(),
            records,
            table: table.to_owned(),
            seen: Arc::default(),
            answers: Arc::default(),
            programs: Arc::default(),
        };
        let serving = functions.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let functions = serving.clone();
                let service = service_fn(move |request| {
                    let functions = functions.clone();
                    async move { Ok::<_, Infallible>(functions.answer(request).await) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        functions
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().replace("%3A", ":").replace("%24", "$");
        let query = request.uri().query().unwrap_or_default();
        let qualifier = query.strip_prefix("Qualifier=").unwrap_or_default().replace("%24", "$");
        let name = path
            .strip_prefix("/2015-03-31/functions/")
            .and_then(|rest| rest.strip_suffix("/invocations"));
        let Some(name) = name.map(str::to_owned) else { return self.forward(request).await };
        assert_eq!(request.headers()["x-amz-invocation-type"], "RequestResponse");
        let context = request.headers().get("x-amz-client-context");
        let context =
            context.map(|value| serde_json::from_slice(&STANDARD.decode(value).unwrap()).unwrap());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let event: Value = serde_json::from_slice(&body).unwrap();
        self.seen.lock().unwrap().push(Seen {
            function: name.clone(),
            qualifier,
            event: event.clone(),
            context,
        });
        let program = self.programs.lock().unwrap().get(&name).cloned();
        if let Some(program) = program {
            let failed =
                program(event).await.into_iter().map(|item| json!({ "itemIdentifier": item }));
            let answer = json!({ "batchItemFailures": failed.collect::<Vec<_>>() }).to_string();
            return Response::new(Full::new(Bytes::from(answer)));
        }
        let Answer(status, error, payload) =
            self.answers.lock().unwrap().pop_front().unwrap_or(SUCCESS);
        if let (200, false, Some(key)) = (status, error, event["effect"].as_str()) {
            self.complete(key).await;
        }
        let mut response = Response::builder().status(status);
        if error {
            response = response.header("x-amz-function-error", "Unhandled");
        }
        if status == 429 {
            response = response.header("x-amzn-errortype", "TooManyRequestsException");
        }
        response.body(Full::new(Bytes::from_static(payload.as_bytes()))).unwrap()
    }

    async fn forward(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (mut parts, body) = request.into_parts();
        parts.uri = format!("{}{}", self.emulator, parts.uri).parse::<Uri>().unwrap();
        let body = Full::new(body.collect().await.unwrap().to_bytes());
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (parts, body) =
            client.request(Request::from_parts(parts, body)).await.unwrap().into_parts();
        Response::from_parts(parts, Full::new(body.collect().await.unwrap().to_bytes()))
    }

    async fn complete(&self, key: &str) {
        let item = [("key", key), ("status", "completed"), ("owner", "o"), ("payload_hash", "h")]
            .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
        let put = self.records.put_item().table_name(&self.table).set_item(Some(item.into()));
        let put = put.item("lease_until", AttributeValue::N("1767225600000".to_owned()));
        put.send().await.unwrap();
    }

    /// Scripts the answers to the next invocations.
    pub(crate) fn will(&self, answers: &[Answer]) {
        self.answers.lock().unwrap().extend(answers.iter().cloned());
    }

    /// Sets the program that a function runs from now on.
    pub(crate) fn runs(
        &self,
        function: &str,
        program: impl Fn(Value) -> BoxFuture<'static, Vec<String>> + Send + Sync + 'static,
    ) {
        self.programs.lock().unwrap().insert(function.to_owned(), Arc::new(program));
    }

    /// Returns the invocations since the last call.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}
