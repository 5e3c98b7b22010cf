//! Where the system is: options that several commands share.

use std::path::PathBuf;

use clap::Args;
use terminal::endpoint::EndpointOption;
use terminal::local_system::STATE_VARIABLE;

/// State directory of the local system.
#[derive(Clone, Debug, Args)]
pub(crate) struct StateDir {
    /// State directory of the local system; by default `.tidegate` in this directory (or, to find a
    /// running system, in one above it).
    #[arg(long, env = STATE_VARIABLE, value_name = "DIR", hide_env_values = true)]
    pub(crate) state_dir: Option<PathBuf>,
}

/// Options that say which system a command works on.
#[derive(Debug, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    pub(crate) endpoint: EndpointOption,
    /// The topology file; by default that of the local system, else infra/topology.auto.tfvars here
    /// or in a directory above.
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) state: StateDir,
}
