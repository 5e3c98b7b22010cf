//! The server of one execution environment.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::route;
use crate::environment::EnvironmentId;
use crate::environment::host::Host;

/// A running server. Dropping it closes the port and all connections.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl RuntimeApi {
    /// Returns the address on which it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one environment.
///
/// # Errors
/// No port is free.
pub(crate) async fn serve(host: Arc<Host>, environment: EnvironmentId) -> io::Result<RuntimeApi> {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection to the Runtime API");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            let host = Arc::clone(&host);
            let service =
                service_fn(move |request| route::handle(Arc::clone(&host), environment, request));
            connections.spawn(async move {
                if let Err(error) =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
                {
                    tracing::trace!(%error, "a connection to the Runtime API ended");
                }
            });
            while connections.try_join_next().is_some() {}
        }
    });
    Ok(RuntimeApi { address, task })
}
