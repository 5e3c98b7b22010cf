//! A simulator that runs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::AbortHandle;

use crate::api::{Provider, router};
use crate::report::Report;
use crate::script::Script;
use crate::server::{listen, serve};

/// A simulator that runs until it is dropped.
pub struct Simulator {
    address: SocketAddr,
    provider: Arc<Provider>,
    server: AbortHandle,
}

impl Simulator {
    /// Starts a simulator on a port of this machine. Zero: a free one.
    ///
    /// # Errors
    /// The port cannot be had.
    pub async fn start(port: u16, script: Script) -> io::Result<Self> {
        let listener = listen(port).await?;
        let address = listener.local_addr()?;
        let provider = Arc::new(Provider::new(script));
        let router = router(Arc::clone(&provider));
        let server = tokio::spawn(serve(listener, router)).abort_handle();
        Ok(Self { address, provider, server })
    }

    /// Returns the address, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns what it did so far.
    pub fn report(&self) -> Report {
        self.provider.report()
    }

    /// Begins or ends an outage.
    pub fn set_down(&self, down: bool) {
        self.provider.set_down(down);
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
