//! `tidegate effects`: lists held effects, records that they took place, or runs them again.

mod complete;
mod decided;
mod event;
mod list;
mod place;
mod records;
mod release;

use std::process::ExitCode;

use terminal::problem::Problem;

use crate::arguments::EffectsCommand;

pub(crate) use self::records::tables;

/// Lists, completes or releases held effects.
///
/// # Errors
/// The system cannot be reached, or there is no such effect.
pub(crate) async fn run(command: &EffectsCommand) -> Result<ExitCode, Problem> {
    match command {
        EffectsCommand::Ls(options) => list::list(options).await,
        EffectsCommand::Complete(options) => complete::complete(options).await,
        EffectsCommand::Release(options) => release::release(options).await,
    }
}
