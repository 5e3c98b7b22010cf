//! Compares the delivery engine with MiniStack's own event source mappings.
//!
//! `make bench` runs it, and it writes `docs/engine-benchmarks.md`. Both sides deliver to the same
//! function, which is this program too. The function only reports its events to the benchmark.

mod aws;
mod budget;
mod collector;
mod emulator;
mod engine;
mod fast;
mod function;
mod handler;
mod idle;
mod latency;
mod many;
mod page;
mod proc;
mod run;
mod source;
mod throughput;
mod waiting;

use std::path::PathBuf;
use std::process::ExitCode;

use benchmarks::problem::Problem;
use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// The function that does nothing.
    Handler,
}

/// The parts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Records per second and CPU, by source and batch.
    Throughput,
    /// From the record to the handler.
    Latency,
    /// A hundred thousand records behind a function that fails.
    Waiting,
    /// Fifty functions at once.
    Many,
    /// The reference system without anything to do.
    Idle,
}

#[derive(Debug, Args)]
struct Run {
    /// The `tidegate` command.
    #[arg(long, value_name = "FILE", default_value = "tidegate")]
    tidegate: PathBuf,
    /// Where `scripts/setup` has put MiniStack.
    #[arg(long, value_name = "DIR", default_value = ".tools")]
    tools: PathBuf,
    /// Where the binaries of the reference system are, `shop` among them; without them its idle CPU
    /// is not measured.
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Writes the page here.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Measures only this part; can be given several times.
    #[arg(long, value_name = "PART")]
    part: Vec<Part>,
    /// Measures only sources whose name contains this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    source: String,
    /// Divides how much is measured.
    #[arg(long, value_name = "N", default_value = "1")]
    less: usize,
}

impl Run {
    fn has(&self, part: Part) -> bool {
        self.part.is_empty() || self.part.contains(&part)
    }
}

fn main() -> Result<ExitCode, Problem> {
    let arguments = Arguments::parse();
    let mut runtime = match arguments.command {
        Some(Role::Handler) => tokio::runtime::Builder::new_current_thread(),
        None => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build()?;
    match arguments.command {
        Some(Role::Handler) => runtime.block_on(handler::run()).map(|()| ExitCode::SUCCESS),
        None => runtime.block_on(run::run(&arguments.run)),
    }
}
