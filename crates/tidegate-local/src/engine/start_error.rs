//! Errors of an engine's start.

use std::io;
use std::path::PathBuf;

use crate::build::BuildError;
use crate::emulator::EmulatorError;
use crate::environment::FleetError;
use crate::fault::{ClockError, FaultError};
use crate::gateway::{IssuerError, KeySetError};
use crate::provision::ProvisionError;
use crate::proxy::ProxyError;
use crate::remote::BadUrl;
use topology::pattern::PatternError;
use topology::{NotDeclared, TopologyError};

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An engine already runs with this state directory.
    #[error(
        "a local system is running already (process {pid}, state in {state_dir}): end it with `tidegate local down`"
    )]
    Running {
        /// Process id of the other engine.
        pid: i32,
        /// The state directory.
        state_dir: PathBuf,
    },
    /// Another engine is being started or ended with this state directory.
    #[error(
        "another local system is starting or shutting down in {0}: try again when it is done, or use another state directory"
    )]
    Locked(PathBuf),
    /// The time scale is not a positive number.
    #[error("the time scale is {0}; it must be a number above 0 (1 is AWS's own pace)")]
    TimeScale(f64),
    /// The port of the control API is taken or not allowed.
    #[error(
        "port {port} of 127.0.0.1 cannot be used for Invoke and the console: {source}; choose another with --port, or omit --port to use a free one"
    )]
    Port {
        /// The port.
        port: u16,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The state directory or a file in it cannot be used.
    #[error("cannot use {path}: {source}")]
    State {
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The topology has mistakes.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The options name a function or a variable that the topology does not declare.
    #[error(transparent)]
    NotDeclared(#[from] NotDeclared),
    /// What a subscription names is declared but was not created.
    #[error(
        "the topic, the queue or the dead-letter queue of subscription {0} is declared but was not created"
    )]
    Subscription(String),
    /// A rule's target or its dead-letter queue is declared but was not created.
    #[error("the target of rule {0}, or its dead-letter queue, is declared but was not created")]
    Target(String),
    /// A declared schedule cannot fire.
    #[error("the schedule {name} cannot be used: {why}")]
    Schedule {
        /// Declared name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A mapping's filter or a rule's pattern cannot be parsed.
    #[error(transparent)]
    Filter(PatternError),
    /// A function has no binary.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The emulator cannot be used.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// A declared resource could not be created.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// Faults cannot be injected.
    #[error(transparent)]
    Faults(#[from] FaultError),
    /// A clock cannot be skewed.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The proxy could not start.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The queues of functions cannot be listed or created.
    #[error("cannot use the queues of asynchronous invocations: {0}")]
    Events(String),
    /// The address of functions that run elsewhere cannot be used.
    #[error(transparent)]
    Remote(#[from] BadUrl),
    /// The port of an API or of a function URL cannot be opened.
    #[error("no port of 127.0.0.1 can be opened for {name}: {source}")]
    Gateway {
        /// Declared name of the API, or of the function with the URL.
        name: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The key set of the issuers of tokens cannot be used.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// The engine's own issuer of tokens cannot be used.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// The functions could not be prepared.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// A source is declared but was not created.
    #[error("{0} is declared as a source but was not created")]
    Source(String),
    /// A stream cannot be described, so no checkpoint can be assigned to it.
    #[error("the stream {arn} cannot be described: {why}")]
    Describe {
        /// ARN of the stream.
        arn: String,
        /// What went wrong.
        why: String,
    },
}
