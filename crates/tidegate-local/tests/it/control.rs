//! The control API and its client.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use engine_client::client::{ClientError, EngineClient};
use engine_client::engine_file::EngineFile;
use engine_client::process;
use futures::future::BoxFuture;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tidegate_local::activity::Activity;
use tidegate_local::asynchronous::EventQueue;
use tidegate_local::control::{Control, ControlApi};
use tidegate_local::environment::{Fleet, FunctionSpec};
use tidegate_local::scheduler::registry::Registry;
use tidegate_local::send_error::SendError;
use tokio::sync::Notify;

use crate::probe::{binary, fleet, spec};

/// A control API with the probe function behind it.
pub(crate) struct Running {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) events: Arc<Taken>,
    pub(crate) shutdown: Arc<Notify>,
    pub(crate) api: ControlApi,
    pub(crate) dir: tempfile::TempDir,
}

/// The accepted events, in place of an engine's queue.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) events: Mutex<Vec<(String, String)>>,
    pub(crate) refuse: AtomicBool,
}

impl EventQueue for Taken {
    fn accept<'a>(
        &'a self,
        function: &'a str,
        qualifier: Option<&'a str>,
        payload: String,
    ) -> BoxFuture<'a, Result<String, SendError>> {
        let function =
            qualifier.map_or(function.to_owned(), |qualifier| format!("{function}:{qualifier}"));
        let refused = self.refuse.load(Ordering::Relaxed);
        if !refused {
            self.events.lock().unwrap().push((function, payload));
        }
        Box::pin(async move {
            if refused { Err("no queue".to_owned().into()) } else { Ok("e-1".to_owned()) }
        })
    }
}

/// No schedules.
fn schedules(dir: &std::path::Path) -> Arc<Registry> {
    let directory = dir.join("schedules");
    Arc::new(Registry::open(&directory, Vec::new(), Vec::new(), "declared").unwrap())
}

pub(crate) async fn running(change: impl FnOnce(&mut FunctionSpec)) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let mut function = spec(&binary());
    function.maximum_concurrency = 1;
    change(&mut function);
    let fleet = fleet(dir.path(), function);
    let events = Arc::<Taken>::default();
    let (activity, shutdown) = (Arc::new(Activity::new()), Arc::new(Notify::new()));
    let status =
        Arc::new(|_| -> BoxFuture<'static, Value> { Box::pin(async { json!({"in_flight": 0}) }) });
    let control = Control {
        functions: Arc::<Fleet>::clone(&fleet),
        activity: Arc::clone(&activity),
        deliveries: Arc::default(),
        events: Arc::<Taken>::clone(&events),
        status,
        schedules: schedules(dir.path()),
        console: axum::Router::new(),
        shutdown: Arc::clone(&shutdown),
    };
    let api = ControlApi::start(control).await.unwrap();
    Running { fleet, activity, events, shutdown, api, dir }
}

#[tokio::test]
async fn the_client_finds_the_engine_by_its_file() {
    let running = running(|_| {}).await;
    let file = EngineFile {
        pid: i32::try_from(std::process::id()).unwrap(),
        process_started: process::start_time(i32::try_from(std::process::id()).unwrap()),
        control: running.api.url(),
        endpoint: "http://127.0.0.1:9".to_owned(),
        emulator_url: "http://127.0.0.1:8".to_owned(),
        started_at: jiff::Timestamp::now(),
        topology: "/topology".into(),
        backend: "ministack".to_owned(),
        emulator_program: None,
        gateways: Vec::new(),
    };
    file.write(running.dir.path()).unwrap();
    let client = EngineClient::from_state_dir(running.dir.path()).unwrap();
    assert_eq!(client.status().await.unwrap(), json!({"in_flight": 0}));
    let context = r#"{"custom":{"a":"b"}}"#;
    let invoked = client.invoke("probe", Bytes::from_static(b"{}"), Some(context)).await.unwrap();
    assert!(!invoked.function_error);
    assert_eq!(
        serde_json::from_slice::<Value>(&invoked.payload).unwrap()["custom"],
        json!({"a": "b"})
    );
    let refused = client.invoke("nobody", Bytes::new(), None).await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused { status: 404, .. }), "{refused}");
}

#[tokio::test]
async fn shutdown_is_passed_on() {
    let running = running(|_| {}).await;
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("{}/shutdown", running.api.url());
    let request = http::Request::post(uri).body(Full::default()).unwrap();
    assert_eq!(client.request(request).await.unwrap().status(), 202);
    running.shutdown.notified().await;
}
