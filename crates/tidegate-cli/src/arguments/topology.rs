//! The options of `tidegate topology`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum TopologyCommand {
    /// Checks the topology file: every mistake with its line and what is allowed. Exit code 1 if one is an error.
    Check(TopologyCheck),
}

/// Options of `topology check`.
#[derive(Debug, Args)]
pub(crate) struct TopologyCheck {
    /// The topology file; by default infra/topology.auto.tfvars here or in a directory above.
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,
    /// Warnings count as errors: what runs, but loses something that this project promises, or cannot be deployed with its Terraform.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Prints the mistakes as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
