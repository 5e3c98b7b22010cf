//! Options with which an engine is started.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::Injection;
use crate::emulator::Backend;
use crate::operator::WaitsForOperator;
use crate::pace::Pace;
use crate::timelines::Timelines;
use topology::{NotDeclared, Topology};

/// A variable of a function, with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The function.
    pub function: String,
    /// Name of the variable.
    pub name: String,
    /// Value that the function gets.
    pub value: String,
}

/// What an engine runs, and how.
#[derive(Clone)]
pub struct Options {
    /// The topology file.
    pub topology_path: PathBuf,
    /// Emulator to use.
    pub backend: Backend,
    /// State directory, for logs, checkpoints and the engine file.
    pub state_dir: PathBuf,
    /// Functions that run, with what leads to them ([`Topology::part`]). Empty runs all of them.
    ///
    /// [`Topology::part`]: topology::Topology::part
    pub only: Vec<String>,
    /// Values that replace those of variables in the declared `environment` of functions.
    pub environment: Vec<Variable>,
    /// Directory of the functions' binaries. `None` builds them with cargo.
    pub bin_dir: Option<PathBuf>,
    /// Divides the waiting times that AWS fixes, and the ages at which records are given up. 1 is
    /// AWS's own speed.
    pub time_scale: f64,
    /// How often sources are polled.
    pub pace: Pace,
    /// Port of the control API: Invoke, status, console. 0 takes a free port.
    pub port: u16,
    /// Faults to inject.
    pub faults: Option<Injection>,
    /// Whether processes are stopped while they have no invocation, as on Lambda.
    pub freeze: bool,
    /// Counts what waits for an operator, for the status. `None` counts nothing.
    pub operator: Option<Arc<dyn WaitsForOperator>>,
    /// Reads timelines for the console. `None` reads none.
    pub timelines: Option<Arc<dyn Timelines>>,
    /// URL at which the functions run elsewhere, such as `http://127.0.0.1:9000` for `cargo lambda
    /// watch`. `None` runs them here.
    pub invoke_url: Option<String>,
    /// Key set (RFC 7517) of the issuers of tokens. `None` accepts the tokens that
    /// [`Issuer`](crate::gateway::Issuer) signs.
    pub key_set: Option<PathBuf>,
}

impl Options {
    /// Returns the topology that the engine runs: the part of `declared` with the functions of
    /// [`Options::only`], and the variables of [`Options::environment`].
    ///
    /// # Errors
    /// A function or a variable is not declared.
    pub fn topology(&self, declared: Topology) -> Result<Topology, NotDeclared> {
        let mut topology = declared;
        // First, so that a name is compared with all functions.
        for Variable { function, name, value } in &self.environment {
            topology.replace_variable(function, name, value)?;
        }
        if self.only.is_empty() { Ok(topology) } else { topology.part(&self.only) }
    }

    /// Creates options with AWS's own waiting times, fast polling, frozen environments, and
    /// functions built with cargo.
    pub fn new(topology_path: PathBuf, backend: Backend, state_dir: PathBuf) -> Self {
        Self {
            topology_path,
            backend,
            state_dir,
            only: Vec::new(),
            environment: Vec::new(),
            bin_dir: None,
            invoke_url: None,
            key_set: None,
            time_scale: 1.0,
            pace: Pace::Fast,
            port: 0,
            freeze: true,
            faults: None,
            operator: None,
            timelines: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = f.debug_struct("Options");
        options.field("topology_path", &self.topology_path).field("backend", &self.backend);
        options.field("state_dir", &self.state_dir).finish_non_exhaustive()
    }
}
