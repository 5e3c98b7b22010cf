//! Opens the proxy's ports before anything is served, so that callers can get their addresses.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use http::Uri;
use http::uri::Authority;
use tokio::net::TcpListener;

use super::error::ProxyError;

/// One open port per function, and one for all other programs.
///
/// Connections wait until [`Proxy::serve`](super::Proxy::serve).
#[derive(Debug)]
pub(crate) struct Ports {
    pub(super) upstream: Authority,
    pub(super) listeners: BTreeMap<String, (SocketAddr, TcpListener)>,
    pub(super) programs: (SocketAddr, TcpListener),
}

impl Ports {
    /// Opens the ports in front of `endpoint`.
    ///
    /// # Errors
    /// The endpoint is not plain HTTP, or no port is free.
    pub(crate) async fn open(
        endpoint: &str,
        callers: impl IntoIterator<Item = String>,
    ) -> Result<Self, ProxyError> {
        let wrong = || ProxyError::Endpoint(endpoint.to_owned());
        let uri: Uri = endpoint.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong());
        }
        let upstream = uri.authority().cloned().ok_or_else(wrong)?;
        let mut listeners = BTreeMap::new();
        for caller in callers {
            let port = open_for(&caller).await?;
            listeners.insert(caller, port);
        }
        Ok(Self { upstream, listeners, programs: open_for("programs").await? })
    }

    /// Returns the endpoint that a caller must use.
    pub(crate) fn endpoint(&self, caller: &str) -> Option<String> {
        self.listeners.get(caller).map(|(address, _)| format!("http://{address}"))
    }
}

async fn open_for(caller: &str) -> Result<(SocketAddr, TcpListener), ProxyError> {
    let port = async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok((listener.local_addr()?, listener))
    };
    port.await.map_err(|source| ProxyError::Port { caller: caller.to_owned(), source })
}
