//! `payment-simulator`: a payment provider for tests and demos.

mod arguments;

use std::process::ExitCode;

use payment_simulator::{Script, Simulator};
use terminal::output;
use terminal::problem::Problem;
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::Arguments;

fn main() -> ExitCode {
    terminal::program::start(run)
}

fn run(arguments: Arguments) -> Result<ExitCode, Problem> {
    let script = arguments.script()?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Problem::new(format!("the simulator cannot start: {error}")))?;
    runtime.block_on(serve(arguments.port, script))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the address, and serves until the program is told to end.
async fn serve(port: u16, script: Script) -> Result<(), Problem> {
    let no_port = |error| Problem::new(format!("port {port} of 127.0.0.1: {error}"));
    let simulator = Simulator::start(port, script).await.map_err(no_port)?;
    let no_signal = |error| Problem::new(format!("signals cannot be received: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signal)?;
    output::line(&simulator.url())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
