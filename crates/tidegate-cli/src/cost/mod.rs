//! `tidegate cost`: computes what the system costs on AWS, from the topology and a measurement.

mod alarms;
mod environment;
mod estimate;
mod fixed;
mod line;
mod live;
mod measurement;
mod prices;
mod report;
mod screen;
mod stored;
mod traffic;
mod variables;

use std::path::Path;
use std::process::ExitCode;

use terminal::output;
use terminal::problem::Problem;
use topology::Topology;

use crate::arguments::Cost;
use crate::topology_file::topology_above;
use environment::Environment;
use estimate::Estimate;
use measurement::{Measurement, Unit};
use prices::Prices;
use report::Report;

/// The environment that runs on an emulator and costs nothing.
const LOCAL: &str = "local";

/// Runs the command.
///
/// # Errors
/// There is no measurement, a file is missing or has mistakes, or options contradict each other.
pub(crate) async fn run(options: &Cost) -> Result<ExitCode, Problem> {
    if options.measurement.is_some() && options.unit.is_some() && options.count.is_none() {
        return Err(Problem::misuse(
            "--unit renames the unit of a saved measurement; give its number with --count N, or \
             leave --unit out",
        ));
    }
    let (mut measurement, running) = match &options.measurement {
        Some(file) => (Measurement::read(file)?, None),
        None => {
            let (measurement, topology) = live::measure(&options.state).await?;
            (measurement, Some(topology))
        }
    };
    if let Some(note) = &options.note {
        measurement.note.clone_from(note);
    }
    measurement.unit = unit(options, &measurement)?;
    if let Some(file) = &options.save {
        measurement.write(file)?;
        output::note(&format!("the measurement is in {}", file.display()));
    }

    let file = options.topology.clone().or(running).map_or_else(topology_above, Ok)?;
    let topology = topology::load(&file).map_err(|error| Problem::new(error.to_string()))?;
    measurement.fits(&topology)?;
    let infra = file.parent().unwrap_or(Path::new("."));
    let prices =
        Prices::read(&options.prices.clone().unwrap_or_else(|| infra.join("prices.json")))?;
    let environments = environments(options, infra, &topology)?;
    let estimates: Result<Vec<Estimate>, Problem> = environments
        .iter()
        .map(|environment| {
            Estimate::new(&topology, environment, &measurement, &prices, options.per)
        })
        .collect();
    let report = Report {
        prices_of: &prices.date,
        region: &prices.region,
        currency: &prices.currency,
        measurement: &measurement,
        per: options.per,
        environments: estimates?,
    };
    if options.json {
        output::json(&report)
    } else {
        output::line(&screen::screen(&report, options.monthly))
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the unit of work: that of the command line, or else that of the measurement.
fn unit(options: &Cost, measurement: &Measurement) -> Result<Unit, Problem> {
    let unit = Unit {
        name: options.unit.clone().unwrap_or_else(|| measurement.unit.name.clone()),
        count: options.count.unwrap_or(measurement.unit.count),
    };
    if unit.count == 0 {
        return Err(Problem::new(
            "nothing was measured: no record has been delivered of a stream that is fed from outside; send some and wait with \
             `tidegate local wait`, or say what to count with --unit NAME --count N",
        ));
    }
    Ok(unit)
}

/// Reads the named environments, or else all of `env/` except the emulator's.
fn environments(
    options: &Cost,
    infra: &Path,
    topology: &Topology,
) -> Result<Vec<Environment>, Problem> {
    let directory = infra.join("env");
    let known = || -> Vec<String> {
        let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| {
            entry.file_name().to_str()?.strip_suffix(".tfvars").map(str::to_owned)
        });
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names
    };
    let mut files = options.tfvars.clone();
    for name in &options.environment {
        let file = directory.join(format!("{name}.tfvars"));
        if !file.is_file() {
            return Err(Problem::new(format!(
                "there is no environment {name}: {} does not exist; there are: {}",
                file.display(),
                known().join(", ")
            )));
        }
        files.push(file);
    }
    if files.is_empty() {
        let names = known().into_iter().filter(|name| name != LOCAL);
        files.extend(names.map(|name| directory.join(format!("{name}.tfvars"))));
    }
    if files.is_empty() {
        return Err(Problem::new(format!(
            "there is no environment in {}; name a file of its variables with --tfvars FILE",
            directory.display()
        )));
    }
    let defaults = infra.join("variables.tf");
    files.iter().map(|file| Environment::read(file, &defaults, topology)).collect()
}
