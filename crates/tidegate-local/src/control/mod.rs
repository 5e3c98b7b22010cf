//! The engine's own API on 127.0.0.1: its status, its end, and as much of Lambda's API as it takes to find and invoke functions. Signatures are not
//! looked at, but where a request comes from is: a page in a browser of the same machine must not reach it.

mod functions;
mod invoke;
mod lambda;
mod refusal;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::lambda::Lambda;
use self::refusal::Refusal;
use crate::activity::Activity;
use crate::asynchronous::EventQueue;
use crate::deliveries::Deliveries;
use crate::environment::Fleet;
use crate::guard;
use crate::proxy::Service;
use crate::status::Look;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Makes the status, as JSON.
pub type StatusSource = Arc<dyn Fn(Look) -> BoxFuture<'static, serde_json::Value> + Send + Sync>;

/// What the API acts on.
#[derive(Clone)]
pub struct Control {
    /// The functions.
    pub fleet: Arc<Fleet>,
    /// Bumped when an invocation is complete.
    pub activity: Arc<Activity>,
    /// Where what Invoke was given, and what came of it, is written down.
    pub deliveries: Arc<Deliveries>,
    /// Takes what Invoke is given with the type `Event`.
    pub events: Arc<dyn EventQueue>,
    /// What `GET /status` answers.
    pub status: StatusSource,
    /// The local console's page and what it asks for.
    pub console: Router,
    /// Notified by `POST /shutdown`.
    pub shutdown: Arc<Notify>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("fleet", &self.fleet).finish_non_exhaustive()
    }
}

/// A running API; dropping it closes the port.
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

    /// Serves the API to whoever connects there.
    ///
    /// # Errors
    /// The listener's address is not known.
    pub fn serve(control: Control, listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let console = control.console.clone();
        let lambda = Arc::new(Lambda::new(control.clone()));
        let router = Router::new()
            .route("/status", get(status))
            .route("/shutdown", post(shutdown))
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

    /// What it answers of Lambda's API, for as long as it runs.
    pub(crate) fn lambda(&self) -> Weak<dyn Service> {
        let lambda: Arc<dyn Service> = Arc::<Lambda>::clone(&self.lambda);
        Arc::downgrade(&lambda)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for ControlApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `GET /status` looks at every source before it answers; `GET /status?look=no` says what is known.
async fn status(State(control): State<Control>, RawQuery(query): RawQuery) -> Response {
    let mut parameters = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let as_it_is = parameters.any(|(name, value)| name == "look" && value == "no");
    let look = if as_it_is { Look::AsItIs } else { Look::Again };
    json(StatusCode::OK, (control.status)(look).await.to_string())
}

async fn shutdown(State(control): State<Control>) -> Response {
    control.shutdown.notify_one();
    json(StatusCode::ACCEPTED, r#"{"status":"stopping"}"#.to_owned())
}

/// A response with the id that every answer of an AWS API has.
fn identified(mut response: Response, request_id: &str) -> Response {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
