//! Options of `tidegate cost`.

use std::path::PathBuf;

use clap::Args;

use super::number::above_zero;
use super::place::StateDir;

pub(super) const LONG: &str = "\
Estimates what the system costs on AWS, for each environment.

The estimate needs the topology, the environment's variables, a price table and a measurement: \
how often each function was invoked and for how long, and what its AWS calls would have been \
billed. The running local system is measured. --save keeps the measurement, and --measurement \
uses a saved one. The unit of work is a record of a Kinesis stream that no function writes, \
unless --unit and --count name another.";

/// Options of `cost`.
#[derive(Debug, Args)]
pub(crate) struct Cost {
    /// Uses a saved measurement instead of the running local system.
    #[arg(long, value_name = "FILE")]
    pub(crate) measurement: Option<PathBuf>,
    /// Saves the measurement of the running local system, with --unit, --count and --note.
    #[arg(long, value_name = "FILE", conflicts_with = "measurement")]
    pub(crate) save: Option<PathBuf>,
    /// Describes the measurement in a few words.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Unit of work, in the plural; by default the records of the Kinesis streams that no function
    /// writes. With --measurement it needs --count.
    #[arg(long, value_name = "NAME")]
    pub(crate) unit: Option<String>,
    /// Number of units in the measurement.
    #[arg(long, value_name = "N", requires = "unit", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Number of units to price.
    #[arg(long, value_name = "N", default_value = "1000000", value_parser = above_zero)]
    pub(crate) per: f64,
    /// Also prices a month with this number of units.
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(crate) monthly: Option<f64>,
    /// Environment in env/ beside the topology; may be repeated. By default all but `local`.
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Vec<String>,
    /// File with the variables of an environment; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) tfvars: Vec<PathBuf>,
    /// Price table; by default prices.json beside the topology.
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// The topology file; by default that of the local system, else infra/topology.auto.tfvars here
    /// or in a directory above.
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,
    /// Prints the estimate as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateDir,
}
