//! From the command line to the module that acts.

use std::process::ExitCode;

use clap::CommandFactory;
use terminal::output;
use terminal::problem::Problem;

use crate::arguments::{
    Arguments, Command, Completions, EventsCommand, NewCommand, TopologyCommand,
};
use crate::{
    breaker, contracts, cost, dlq, effects, event_store, local, new, parked, process, projection,
    replay, republish, timeline, topology,
};

/// Runs the command.
///
/// # Errors
/// The command cannot do its work.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::new(format!("the asynchronous runtime cannot start: {error}")))?;
    runtime.block_on(async {
        match arguments.command {
            Command::Local(command) => local::run(command).await,
            Command::Events(EventsCommand::Show(show)) => event_store::show(&show).await,
            Command::Events(EventsCommand::Replay(options)) => replay::replay(&options).await,
            Command::Events(EventsCommand::Republish(options)) => {
                republish::republish(&options).await
            }
            Command::Events(EventsCommand::Diff(options)) => contracts::diff(&options),
            Command::Timeline(options) => timeline::show(&options).await,
            Command::Effects(command) => effects::run(&command).await,
            Command::Parked(command) => parked::run(&command).await,
            Command::Process(command) => process::run(&command).await,
            Command::Projection(command) => projection::run(&command).await,
            Command::Breaker(command) => breaker::run(&command).await,
            Command::Dlq(options) => dlq::run(&options).await,
            Command::Topology(TopologyCommand::Check(options)) => topology::check(&options),
            Command::Cost(options) => cost::run(&options).await,
            Command::New(NewCommand::Function(options)) => new::function(&options),
            Command::Completions(options) => completions(&options),
        }
    })
}

fn completions(options: &Completions) -> Result<ExitCode, Problem> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(options.shell, &mut command, name, &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(ExitCode::SUCCESS)
}
