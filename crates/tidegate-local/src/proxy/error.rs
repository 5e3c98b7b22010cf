//! Why a proxy could not start.

use std::io;

/// Why a proxy could not start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The endpoint is not an `http://host:port`.
    #[error("{0} is not a usable endpoint; use the form http://host:port")]
    Endpoint(String),
    /// No port is free.
    #[error("cannot open a proxy port for {caller}: {source}")]
    Port {
        /// The caller for which a port was needed.
        caller: String,
        /// The error of the operating system.
        source: io::Error,
    },
}
