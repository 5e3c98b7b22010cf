//! The local console: two pages, and the JSON that they ask for.
//!
//! They cost nothing while none is open.

mod answer;
mod graph;
mod layout;
mod path;
mod state;
mod subscribed;
mod timeline;

use std::sync::Weak;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use self::answer::{NO_SNIFFING, Refused, System, json};
use crate::parts::Parts;

/// Security policy: everything comes from this server, no other script runs, and no other page may
/// embed this one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Returns the routes of the pages, of their files, and of the JSON that they ask for.
pub(crate) fn router(parts: Weak<Parts>) -> Router {
    let script = |text: &'static str| get(move || async move { file("text/javascript", text) });
    let timeline = || async { file("text/html; charset=utf-8", include_str!("timeline.html")) };
    let page = || async { file("text/html; charset=utf-8", include_str!("page.html")) };
    Router::new()
        .route("/", get(page))
        .route("/console", get(page))
        .route("/console/page.css", get(|| async { file("text/css", include_str!("page.css")) }))
        .route("/console/elements.js", script(include_str!("elements.js")))
        .route("/console/page.js", script(include_str!("page.js")))
        .route("/console/picture.js", script(include_str!("picture.js")))
        .route("/console/timeline.js", script(include_str!("timeline.js")))
        .route("/timeline", get(timeline))
        .route("/console/timeline", get(timeline::timeline))
        .route("/console/instances", get(timeline::instances))
        .route("/console/topology", get(topology))
        .route("/console/state", get(counts))
        .route("/console/deliveries", get(deliveries))
        .route("/console/deliveries/{number}", get(delivery))
        .route("/console/dead-letters", get(dead_letters))
        .route("/console/dead-letters/{queue}/peek", post(peek))
        .route("/console/path", get(path))
        .with_state(System(parts))
}

fn file(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (NO_SNIFFING, "nosniff"),
    ];
    (headers, content).into_response()
}

async fn topology(State(parts): State<System>) -> Result<Response, Refused> {
    Ok(json(&state::topology(&*parts.get()?)))
}

async fn counts(State(parts): State<System>) -> Result<Response, Refused> {
    Ok(json(&state::counts(&*parts.get()?).await))
}

async fn deliveries(State(parts): State<System>) -> Result<Response, Refused> {
    Ok(json(&state::deliveries(&*parts.get()?)))
}

async fn delivery(
    State(parts): State<System>,
    Path(number): Path<u64>,
) -> Result<Response, Refused> {
    let why = "this delivery is no longer kept; only the newest are\n";
    let found = state::delivery(&*parts.get()?, number);
    Ok(json(&found.ok_or_else(|| Refused(StatusCode::NOT_FOUND, why.to_owned()))?))
}

async fn dead_letters(State(parts): State<System>) -> Result<Response, Refused> {
    Ok(json(&state::dead_letters(&*parts.get()?)))
}

async fn peek(State(parts): State<System>, Path(queue): Path<String>) -> Result<Response, Refused> {
    let parts = parts.get()?;
    let why = "no dead-letter queue has this name\n";
    let peeked = state::peek(&parts, &queue).await;
    let peeked = peeked.ok_or_else(|| Refused(StatusCode::NOT_FOUND, why.to_owned()))?;
    Ok(json(&peeked.map_err(|error| Refused(StatusCode::BAD_GATEWAY, error))?))
}

async fn path(State(parts): State<System>, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let parts = parts.get()?;
    let mut asked = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let id = asked
        .find(|(name, _)| name == "id")
        .map(|(_, id)| id.trim().to_owned())
        .unwrap_or_default();
    // Logs may be long, and reading them blocks.
    let found = tokio::task::spawn_blocking(move || path::find(&parts, &id)).await;
    let failed = |error: String| Refused(StatusCode::INTERNAL_SERVER_ERROR, error);
    let found = found.map_err(|error| failed(error.to_string()))?;
    Ok(json(&found.map_err(|error| failed(format!("the logs cannot be read: {error}\n")))?))
}
