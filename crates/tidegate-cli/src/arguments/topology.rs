//! Options of `tidegate topology`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum TopologyCommand {
    /// Checks the topology file, and reports every mistake with its line and how to mend it.
    /// The exit code is 1 if there is an error.
    Check(TopologyCheck),
}

/// Options of `topology check`.
#[derive(Debug, Args)]
pub(crate) struct TopologyCheck {
    /// The topology file; by default infra/topology.auto.tfvars here or in a directory above.
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,
    /// Treats warnings as errors: what runs, but may lose events, or cannot be deployed with this
    /// project's Terraform.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Prints the mistakes as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
