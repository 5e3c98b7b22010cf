//! The HTTP interface of the simulator.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use parking_lot::Mutex;
use serde::Deserialize;

use crate::account::{Account, Outcome};
use crate::chance::Chance;
use crate::operation::{Answer, Operation, Ordered};
use crate::report::Report;
use crate::script::Script;

/// Body of an answer while the simulator is down: what a load balancer would send.
const DOWN: &str = "<html><body><h1>503 Service Unavailable</h1></body></html>";

/// The simulator, as its routes share it.
pub(crate) struct Provider {
    script: Script,
    account: Mutex<Account>,
    down: Mutex<bool>,
}

/// Marks a response that is not to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropped;

/// Switches the outage.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    down: bool,
}

impl Provider {
    pub(crate) fn new(script: Script) -> Self {
        Self { script, account: Mutex::default(), down: Mutex::default() }
    }

    pub(crate) fn report(&self) -> Report {
        self.account.lock().report.clone()
    }

    pub(crate) fn set_down(&self, down: bool) {
        *self.down.lock() = down;
    }

    /// Counts a call. Returns the response if it finds the simulator down.
    fn begin(&self) -> Option<Response> {
        let down = *self.down.lock();
        let report = &mut self.account.lock().report;
        report.calls += 1;
        if !down && !self.script.is_down(report.calls) {
            return None;
        }
        report.calls_while_down += 1;
        let html = [(header::CONTENT_TYPE, "text/html")];
        Some((StatusCode::SERVICE_UNAVAILABLE, html, DOWN).into_response())
    }

    async fn carry_out(&self, headers: &HeaderMap, operation: Operation) -> Response {
        if let Some(response) = self.begin() {
            return response;
        }
        let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            return refused(StatusCode::BAD_REQUEST, "the header `Idempotency-Key` is missing");
        };
        if let Some(defect) = operation.defect() {
            return refused(StatusCode::UNPROCESSABLE_ENTITY, defect);
        }
        let outcome = self.account.lock().carry_out(key, operation, &self.script);
        let Outcome::Answered { answer, times } = outcome else {
            return refused(StatusCode::CONFLICT, "the key is that of another operation");
        };
        self.answer(key, &answer, times).await
    }

    /// Answers in the way that the script says.
    async fn answer(&self, key: &str, answer: &Answer, times: u64) -> Response {
        let (script, chance) = (&self.script, Chance::new(self.script.seed));
        let this_time = format!("{key}/{times}");
        if chance.percent("delay", &this_time, script.delay_percent.unwrap_or(100)) {
            tokio::time::sleep(Duration::from_millis(script.delay_milliseconds)).await;
        }
        let mut response = Json(answer).into_response();
        if chance.percent("drop", &this_time, script.drop_percent) {
            self.account.lock().report.dropped_answers += 1;
            response.extensions_mut().insert(Dropped);
        }
        response
    }
}

/// Returns the routes of the simulator.
pub(crate) fn router(provider: Arc<Provider>) -> Router {
    Router::new()
        .route("/payments", post(authorise))
        .route("/payments/{reference}/capture", post(capture))
        .route("/payments/{reference}/void", post(void))
        .route("/refunds", post(refund))
        .route("/operations/{key}", get(look_up))
        .route("/report", get(report))
        .route("/control/outage", post(outage))
        .with_state(provider)
}

type Shared = State<Arc<Provider>>;

async fn authorise(
    State(provider): Shared,
    headers: HeaderMap,
    Json(ordered): Json<Ordered>,
) -> Response {
    provider.carry_out(&headers, Operation::Authorise(ordered)).await
}

async fn capture(
    State(provider): Shared,
    Path(reference): Path<String>,
    headers: HeaderMap,
) -> Response {
    provider.carry_out(&headers, Operation::Capture { reference }).await
}

async fn void(
    State(provider): Shared,
    Path(reference): Path<String>,
    headers: HeaderMap,
) -> Response {
    provider.carry_out(&headers, Operation::Void { reference }).await
}

async fn refund(
    State(provider): Shared,
    headers: HeaderMap,
    Json(ordered): Json<Ordered>,
) -> Response {
    provider.carry_out(&headers, Operation::Refund(ordered)).await
}

async fn look_up(State(provider): Shared, Path(key): Path<String>) -> Response {
    if let Some(response) = provider.begin() {
        return response;
    }
    let answer = provider.account.lock().look_up(&key);
    match answer {
        Some(answer) => Json(answer).into_response(),
        None => refused(StatusCode::NOT_FOUND, "no operation has this key"),
    }
}

async fn report(State(provider): Shared) -> Json<Report> {
    Json(provider.report())
}

async fn outage(State(provider): Shared, Json(switch): Json<Switch>) -> StatusCode {
    provider.set_down(switch.down);
    StatusCode::NO_CONTENT
}

fn refused(status: StatusCode, problem: &str) -> Response {
    (status, Json(serde_json::json!({ "error": problem }))).into_response()
}
