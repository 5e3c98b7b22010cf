//! From the command line to the module that acts.

use std::process::ExitCode;

use terminal::problem::Problem;

use crate::arguments::{Arguments, Command, ImportFormat, OrderCommand};
use crate::{check, generate, import, order, report, sales};

/// Runs the command.
///
/// # Errors
/// The command cannot do its work.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Problem> {
    let work = async {
        match arguments.command {
            Command::Import(ImportFormat::OnlineRetail { file, options }) => {
                import::online_retail(&options, &file).await
            }
            Command::Order(OrderCommand::Show(options)) => order::show(&options).await,
            Command::Sales(options) => sales::show(&options).await,
            Command::Generate(options) => generate::write(&options),
            Command::Check(options) => check::check(&options).await,
            Command::Report(options) => report::report(&options).await,
        }
    };
    tokio::runtime::Runtime::new()
        .map_err(|error| Problem::new(format!("the process cannot start threads: {error}")))?
        .block_on(work)
}
