//! What the console's answers are made of: the engine, JSON, and refusals.

use std::sync::{Arc, Weak};

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::parts::Parts;

pub(super) const NO_SNIFFING: HeaderName = header::X_CONTENT_TYPE_OPTIONS;

/// The engine, which may already have ended.
#[derive(Clone)]
pub(super) struct System(pub(super) Weak<Parts>);

impl System {
    pub(super) fn get(&self) -> Result<Arc<Parts>, Refused> {
        let why = "the local system is shutting down\n".to_owned();
        self.0.upgrade().ok_or(Refused(StatusCode::SERVICE_UNAVAILABLE, why))
    }
}

/// Why a request has no answer.
pub(super) struct Refused(pub(super) StatusCode, pub(super) String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

pub(super) fn json(value: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (NO_SNIFFING, "nosniff"),
    ];
    (headers, value.to_string()).into_response()
}
