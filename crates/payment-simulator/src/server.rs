//! Serves connections, and closes those whose answer is dropped.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

use crate::api::Dropped;

/// Pause after a connection could not be accepted, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Ends a connection without an answer.
#[derive(Debug)]
struct AnswerDropped;

impl fmt::Display for AnswerDropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer is dropped")
    }
}

impl std::error::Error for AnswerDropped {}

/// Serves all connections, for ever.
pub(crate) async fn serve(listener: TcpListener, router: Router) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, router.clone()));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Serves the requests of a connection. It ends at the first answer that is dropped.
async fn connection(stream: TcpStream, router: Router) {
    let service = service_fn(move |request| respond(router.clone(), request));
    // What goes wrong with a connection is the matter of its client.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    mut router: Router,
    request: Request<Incoming>,
) -> Result<Response<Body>, AnswerDropped> {
    let Ok(response) = router.call(request).await;
    if response.extensions().get::<Dropped>().is_some() { Err(AnswerDropped) } else { Ok(response) }
}

/// Listens on a port of this machine. Zero: a free one.
pub(crate) async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).await
}
