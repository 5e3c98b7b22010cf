//! `tidegate process`: lists instances of processes, shows their history, and sends the words of
//! operators to stuck ones.

mod decided;
mod history;
mod list;
mod places;
mod show;
mod stuck;
mod unknown;
mod wait;
mod word;

use std::process::ExitCode;

use terminal::problem::Problem;

use crate::arguments::ProcessCommand;

pub(crate) use self::stuck::count as count_stuck;

/// Lists, shows, resumes, skips or forces.
///
/// # Errors
/// The system cannot be reached, or declares no such process.
pub(crate) async fn run(command: &ProcessCommand) -> Result<ExitCode, Problem> {
    match command {
        ProcessCommand::Ls(options) => list::list(options).await,
        ProcessCommand::Show(options) => show::show(options).await,
        ProcessCommand::Resume(options) => word::resume(options).await,
        ProcessCommand::Skip(options) => word::skip(options).await,
        ProcessCommand::Force(options) => word::force(options).await,
    }
}
