//! The page of a timeline: what became of a message, and the instances of processes.

use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::answer::{Refused, System, json};

/// Longest id that is looked for, in bytes.
const LONGEST_ID: usize = 2048;
/// Time that a page waits for an answer. A correlation id can make the source read a whole table.
const LIMIT: Duration = Duration::from_secs(30);

/// Answers with the timeline of the id in the query.
pub(super) async fn timeline(
    State(system): State<System>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let parts = system.get()?;
    let source = parts.timelines.as_ref().ok_or_else(none)?;
    let mut asked = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let id = asked.find(|(name, _)| name == "id").map(|(_, id)| id.trim().to_owned());
    let id = id.filter(|id| !id.is_empty() && id.len() <= LONGEST_ID).ok_or_else(|| {
        let why = format!("name a stream or a correlation id of at most {LONGEST_ID} bytes\n");
        Refused(StatusCode::BAD_REQUEST, why)
    })?;
    let found = source.timeline(&parts.clients, &parts.topology, &id);
    answered(found).await?.map(|found| json(&found)).ok_or_else(|| {
        let why = format!("no stream and no correlation id `{id}` is in the event store\n");
        Refused(StatusCode::NOT_FOUND, why)
    })
}

/// Answers with the instances of processes.
pub(super) async fn instances(State(system): State<System>) -> Result<Response, Refused> {
    let parts = system.get()?;
    let source = parts.timelines.as_ref().ok_or_else(none)?;
    let found: Value = answered(source.instances(&parts.clients, &parts.topology)).await?;
    Ok(json(&found))
}

async fn answered<T>(found: impl Future<Output = Result<T, String>>) -> Result<T, Refused> {
    let late = |_| {
        let why = format!("the event store did not answer within {} s\n", LIMIT.as_secs());
        Refused(StatusCode::GATEWAY_TIMEOUT, why)
    };
    let answer = tokio::time::timeout(LIMIT, found).await.map_err(late)?;
    answer.map_err(|why| Refused(StatusCode::BAD_GATEWAY, format!("{why}\n")))
}

fn none() -> Refused {
    let why = "the program that started the engine reads no timelines\n";
    Refused(StatusCode::NOT_IMPLEMENTED, why.to_owned())
}
