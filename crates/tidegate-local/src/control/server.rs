//! The server on 127.0.0.1, with the engine's own calls.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::lambda::{self, Lambda};
use super::refusal::Refusal;
use super::response::json_response;
use super::state::Control;
use crate::guard;
use crate::proxy::Service;
use crate::scheduler::Key;
use crate::status::Look;

/// A running API.
///
/// Dropping it closes the port.
#[derive(Debug)]
pub struct ControlApi {
    address: SocketAddr,
    lambda: Arc<Lambda>,
    task: JoinHandle<()>,
}

impl ControlApi {
    /// Serves the API on a free port.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(control: Control) -> io::Result<Self> {
        Self::serve(control, TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?)
    }

    /// Serves the API on a listener.
    ///
    /// # Errors
    /// The listener's address cannot be read.
    pub fn serve(control: Control, listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let console = control.console.clone();
        let lambda = Arc::new(Lambda::new(control.clone()));
        let router = Router::new()
            .route("/status", get(status))
            .route("/shutdown", post(shutdown))
            .route("/schedules/{group}/{name}/fire", post(fire))
            .method_not_allowed_fallback(|| async { Refusal::Method })
            .merge(lambda::router())
            .with_state(control)
            .merge(console)
            .layer(from_fn(guard::guarded));
        let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the control API ended");
            }
        });
        Ok(Self { address, lambda, task })
    }

    /// Returns the part that answers Lambda's API, for as long as it runs.
    pub(crate) fn lambda(&self) -> Weak<dyn Service> {
        let lambda: Arc<dyn Service> = Arc::<Lambda>::clone(&self.lambda);
        Arc::downgrade(&lambda)
    }

    /// Returns the URL of the API.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for ControlApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers `GET /status`, which reads every source first, and `GET /status?look=no`, which returns
/// the known state.
async fn status(State(control): State<Control>, RawQuery(query): RawQuery) -> Response {
    let mut parameters = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let as_it_is = parameters.any(|(name, value)| name == "look" && value == "no");
    let look = if as_it_is { Look::AsItIs } else { Look::Again };
    json_response(StatusCode::OK, (control.status)(look).await.to_string())
}

/// Answers `POST /schedules/GROUP/NAME/fire`: fires a schedule once, now.
async fn fire(
    State(control): State<Control>,
    Path((group, name)): Path<(String, String)>,
) -> Response {
    match control.schedules.fire(&Key::new(&group, &name)) {
        Ok(()) => json_response(StatusCode::ACCEPTED, r#"{"status":"firing"}"#.to_owned()),
        Err(error) => {
            let said = serde_json::json!({ "message": error.to_string() });
            json_response(StatusCode::NOT_FOUND, said.to_string())
        }
    }
}

async fn shutdown(State(control): State<Control>) -> Response {
    control.shutdown.notify_one();
    json_response(StatusCode::ACCEPTED, r#"{"status":"stopping"}"#.to_owned())
}
