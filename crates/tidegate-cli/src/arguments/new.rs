//! Options of `tidegate new`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum NewCommand {
    /// Creates a function with a test that passes, and declares it in the topology.
    #[command(long_about = NEW_FUNCTION)]
    Function(NewFunction),
}

const NEW_FUNCTION: &str = "\
Creates a function: a package with main.rs, the setup, and handler.rs, which handles one record, \
with a test that passes.

In a workspace with a topology it goes to functions/NAME. It is declared in \
infra/topology.auto.tfvars with its source, its failure handling and every resource that is not \
declared yet. The file keeps its comments and its layout, and nothing is written unless every \
rule of the topology holds afterwards.

With --path, or where there is no topology, it becomes a crate of its own, and the declarations \
that it needs are printed. Nothing is ever overwritten.";

/// Options of `new function`.
#[derive(Debug, Args)]
pub(crate) struct NewFunction {
    /// Name of the function, its folder, its package and its program.
    pub(crate) name: String,
    /// Kind of source that invokes the function.
    #[arg(long, value_enum)]
    pub(crate) source: FunctionSource,
    /// Declared stream, queue or table whose records it takes, by default a new one with the
    /// function's name; for eventbridge a rule whose events it also takes, or events as
    /// SOURCE:TYPE.
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Option<String>,
    /// Creates a separate crate in this folder, and declares nothing.
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Directory of the crate tidegate, if the workspace does not declare it.
    #[arg(long, value_name = "DIR", group = "toolkit")]
    pub(crate) tidegate_path: Option<PathBuf>,
    /// Git repository of the crate tidegate.
    #[arg(long, value_name = "URL", group = "toolkit")]
    pub(crate) tidegate_git: Option<String>,
    /// Version of the crate tidegate in a registry of crates.
    #[arg(long, value_name = "VERSION", group = "toolkit")]
    pub(crate) tidegate_version: Option<String>,
    /// Prints what would be written, without writing it.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Kind of source that invokes a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FunctionSource {
    /// A Kinesis stream.
    Kinesis,
    /// An SQS queue.
    Sqs,
    /// The stream of a DynamoDB table.
    Dynamodb,
    /// An EventBridge rule.
    Eventbridge,
}
