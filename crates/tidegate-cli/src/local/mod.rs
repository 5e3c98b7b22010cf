//! `tidegate local`: runs and inspects the local system.

mod client;
mod detach;
mod env;
mod install;
mod logs;
mod operator;
mod schedules;
mod status;
mod timelines;
mod token;
mod up;
mod wait;
mod watch;

use std::process::ExitCode;

use engine_client::client::{ClientError, EngineClient};
use engine_client::engine_file::{EngineFile, EngineFileError};
use terminal::output;
use terminal::problem::Problem;

use self::client::{client, said};
use crate::arguments::{LocalCommand, StateDir};
use crate::connection::state_dir;

/// Runs one of the commands.
///
/// # Errors
/// There is no local system, or it does not answer or start.
pub(crate) async fn run(command: LocalCommand) -> Result<ExitCode, Problem> {
    match command {
        LocalCommand::Install => install::install(),
        LocalCommand::Up(options) if options.detach => detach::up(&options).await,
        LocalCommand::Up(options) => up::up(&options).await,
        LocalCommand::Status(options) if options.watch => {
            watch::watch(&client(&options.state)?, options.json).await
        }
        LocalCommand::Status(options) => {
            let status = client(&options.state)?.status().await.map_err(said)?;
            if options.json {
                output::json(&status)
            } else {
                output::line(&status::screen(&status))
            }?;
            Ok(ExitCode::SUCCESS)
        }
        LocalCommand::Logs(options) => logs::logs(&options).await,
        LocalCommand::Console(state) => {
            output::line(&client(&state)?.engine().console())?;
            Ok(ExitCode::SUCCESS)
        }
        LocalCommand::Endpoint(state) => {
            output::line(&client(&state)?.engine().endpoint)?;
            Ok(ExitCode::SUCCESS)
        }
        LocalCommand::Env(state) => {
            output::line(&env::exports(client(&state)?.engine()))?;
            Ok(ExitCode::SUCCESS)
        }
        LocalCommand::Token(options) => token::token(&options),
        LocalCommand::Schedules(options) => schedules::run(&options).await,
        LocalCommand::Wait(options) => wait::wait(&client(&options.state)?, options.timeout).await,
        LocalCommand::Down(state) => down(&state).await,
    }
}

async fn down(state: &StateDir) -> Result<ExitCode, Problem> {
    let directory = state_dir(state);
    match EngineClient::from_state_dir(&directory) {
        Ok(client) => {
            client.shutdown().await.map_err(said)?;
            output::line("the local system has ended")?;
        }
        Err(ClientError::Engine(EngineFileError::NotRunning(_))) => {
            output::line("no local system is running")?
        }
        Err(ClientError::Engine(EngineFileError::Stale { pid, .. })) => {
            EngineFile::remove(&directory).map_err(|error| {
                Problem::new(format!(
                    "{} cannot be removed: {error}",
                    EngineFile::path(&directory).display()
                ))
            })?;
            output::line(&format!(
                "no local system is running (process {pid} has ended without cleaning up; its file is removed)"
            ))?;
        }
        Err(error) => return Err(said(error)),
    }
    Ok(ExitCode::SUCCESS)
}
