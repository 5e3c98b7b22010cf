//! Compares the toolkit with Powertools for AWS Lambda (Python), on a stub of DynamoDB.
//!
//! `make bench` runs it, and it writes `docs/benchmarks.md`. One program runs as several processes:
//! this one starts the stub, and then one worker after the other.

mod aws;
mod budget;
mod event;
mod order;
mod page;
mod projection;
mod protocol;
mod run;
mod runtime_api;
mod scenario;
mod slow;
mod start;
mod stub;
mod topology;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use benchmarks::problem::Problem;
use benchmarks::processor;
use clap::{Args, Parser, Subcommand};

use mimalloc::MiMalloc;
use worker::Work;

/// The allocator of the functions.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Role>,
    #[command(flatten)]
    run: Run,
    /// What cargo passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// DynamoDB in memory.
    Stub,
    /// Tidegate's side.
    Worker {
        work: Work,
        warm_up: PathBuf,
        events: PathBuf,
        /// Remembers so many completed effects in the process.
        #[arg(long, default_value = "0")]
        remember: usize,
    },
}

#[derive(Debug, Args)]
struct Run {
    /// A Python with Powertools.
    #[arg(long, value_name = "FILE", default_value = "python3")]
    python: PathBuf,
    /// Where `make build` put the functions' release binaries; without them their start is not
    /// measured.
    #[arg(long, value_name = "DIR")]
    zips: Option<PathBuf>,
    /// Writes the page here.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Rounds at 0 ms, of which the median counts.
    #[arg(long, value_name = "N", default_value = "3")]
    rounds: usize,
    /// Records of a measurement at 0 ms.
    #[arg(long, value_name = "N", default_value = "2000")]
    records: usize,
    /// Measures nothing but the start of the functions.
    #[arg(long, requires = "zips")]
    only_start: bool,
    /// Leaves out what a slow answer adds: the measurements at 5 ms.
    #[arg(long)]
    fast: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Problem> {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Role::Stub) => {
            processor::stay_on(1);
            stub::run().await?;
        }
        Some(Role::Worker { work, warm_up, events, remember }) => {
            processor::stay_on(0);
            worker::run(work, &warm_up, &events, remember).await?;
        }
        None => return run::run(&arguments.run).await,
    }
    Ok(ExitCode::SUCCESS)
}
