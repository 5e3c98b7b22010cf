//! Why an engine could not start.

use std::io;
use std::path::PathBuf;

use crate::build::BuildError;
use crate::emulator::EmulatorError;
use crate::environment::FleetError;
use crate::fault::{ClockError, FaultError};
use crate::provision::ProvisionError;
use crate::proxy::ProxyError;
use crate::remote::BadUrl;
use topology::TopologyError;
use topology::pattern::PatternError;

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is one already.
    #[error(
        "a local system is running already (process {pid}, state in {state_dir}): end it with `tidegate local down`"
    )]
    Running {
        /// Its process.
        pid: i32,
        /// Where.
        state_dir: PathBuf,
    },
    /// Another engine is being started or ended there.
    #[error(
        "another local system is just being started or ended in {0}: try again when it is done, or use another state directory"
    )]
    Locked(PathBuf),
    /// The factor makes no sense.
    #[error("the time scale is {0}; it must be a number above 0 (1 is AWS's own pace)")]
    TimeScale(f64),
    /// The port of the control API is taken, or may not be used.
    #[error(
        "port {port} of 127.0.0.1 cannot be used for Invoke and the console: {source}; name another one with --port, or none for a free one"
    )]
    Port {
        /// Which.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// The state directory or a file in it cannot be used.
    #[error("cannot use {path}: {source}")]
    State {
        /// What.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The topology has mistakes.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// A rule's target or its dead-letter queue is declared and was not created.
    #[error("the target of rule {0}, or its dead-letter queue, is declared and was not created")]
    Target(String),
    /// A mapping's filter or a rule's pattern cannot be read.
    #[error(transparent)]
    Filter(PatternError),
    /// There are no binaries.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// There is no emulator.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// What the topology declares could not be created.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The faults that are to be injected cannot be.
    #[error(transparent)]
    Faults(#[from] FaultError),
    /// A clock cannot be skewed.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// No proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The queues of functions cannot be listed or made.
    #[error("the queues that functions' events wait in cannot be used: {0}")]
    Events(String),
    /// Nothing can run the functions at the address that was given.
    #[error(transparent)]
    Remote(#[from] BadUrl),
    /// No environments.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// A source is declared and was not created.
    #[error("{0} is declared as a source and was not created")]
    Source(String),
    /// A source does not say which one it is, so that no checkpoint can be told to be of it.
    #[error("the stream {arn} cannot be described: {why}")]
    Describe {
        /// The stream.
        arn: String,
        /// Why not.
        why: String,
    },
}
