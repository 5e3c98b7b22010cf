//! Options of `tidegate projection`.

use clap::{Args, Subcommand};

use super::invoking::Invoking;
use super::number::above_zero;
use super::place::Place;

const REBUILD: &str = "\
Builds a generation of a projection from the event store, and makes it the one that readers see.

The projection goes on meanwhile. The command folds the event store into the tables of the \
generation, in parallel segments. Then it holds back the writers of the projection for some \
seconds, and compares every row and every counter with the live generation. Only if all are \
equal, readers move to the new generation. Otherwise it names the rows, and nothing moves.

If the rules of the projection have changed, rows differ for good reason: --changed compares with \
a second fold of the event store instead. A projection of which no generation is live yet is \
compared in that way too.

The command and the function may be ended at any point. The next `tidegate projection rebuild` \
goes on where the work was.";

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectionCommand {
    /// Lists projections with their generations.
    Ls(ProjectionList),
    /// Builds a generation from the event store, and makes it live.
    #[command(long_about = REBUILD)]
    Rebuild(ProjectionRebuild),
    /// Makes the previous generation live again. It has been kept up to date.
    Back(ProjectionBack),
}

/// Options of `projection ls`.
#[derive(Debug, Args)]
pub(crate) struct ProjectionList {
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Options of `projection back`.
#[derive(Debug, Args)]
pub(crate) struct ProjectionBack {
    /// Projection, as the topology names it.
    pub(crate) name: String,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Options of `projection rebuild`.
#[derive(Debug, Args)]
pub(crate) struct ProjectionRebuild {
    /// Projection, as the topology names it.
    pub(crate) name: String,
    /// Generation to build; by default the first declared one that is not built.
    #[arg(long, value_name = "N")]
    pub(crate) to: Option<u32>,
    /// Compares with a second fold of the event store, because the rules have changed.
    #[arg(long)]
    pub(crate) changed: bool,
    /// Folds from the beginning, also into a generation that is built.
    #[arg(long)]
    pub(crate) again: bool,
    /// Parts of the event store that are folded side by side.
    #[arg(long, value_name = "N", default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) segments: u32,
    /// Items of the event store to fold per second, at most; without it as fast as half of the
    /// function's environments are.
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(crate) rate: Option<f64>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) invoking: Invoking,
    #[command(flatten)]
    pub(crate) place: Place,
}
