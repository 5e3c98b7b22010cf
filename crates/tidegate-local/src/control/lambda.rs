//! The part of Lambda's API that finds and invokes functions.
//!
//! It serves clients that connect to the engine's port, and functions, whose calls come through the
//! proxy.

use axum::Router;
use axum::body::Body as AxumBody;
use axum::routing::{get, post};
use futures::future::BoxFuture;
use http::{Request, Response};
use tower_service::Service as _;

use super::refusal::Refusal;
use super::state::Control;
use super::{functions, invoke};
use crate::proxy::{Body, Service};

/// Returns the routes of the API.
pub(super) fn router() -> Router<Control> {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke::invoke))
        .route(
            "/2021-11-15/functions/{name}/response-streaming-invocations",
            post(invoke::invoke_with_response_stream),
        )
        // Some SDKs write the slash and some do not.
        .route("/2014-11-13/functions/{name}/invoke-async", post(invoke::invoke_async))
        .route("/2014-11-13/functions/{name}/invoke-async/", post(invoke::invoke_async))
        .route("/2015-03-31/functions", get(functions::list))
        .route("/2015-03-31/functions/", get(functions::list))
        .route("/2015-03-31/functions/{name}", get(functions::get))
        .route("/2015-03-31/functions/{name}/configuration", get(functions::get_configuration))
        .method_not_allowed_fallback(|| async { Refusal::Method })
}

/// The API without a port.
#[derive(Debug)]
pub(super) struct Lambda(Router);

impl Lambda {
    pub(super) fn new(control: Control) -> Self {
        Self(router().with_state(control))
    }
}

impl Service for Lambda {
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        // A router is always ready.
        let answer = self.0.clone().call(request.map(AxumBody::new));
        Box::pin(async move {
            match answer.await {
                Ok(answer) => answer.map(Body::passing),
                Err(never) => match never {},
            }
        })
    }
}
