//! `tidegate topology`: shows a summary of the topology file, and checks its rules.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use terminal::counted::counted;
use terminal::output;
use terminal::problem::Problem;
use topology::{Mistake, Severity, Topology, TopologyError};

use crate::arguments::TopologyCheck;
use crate::topology_file::topology_above;

/// Checks the topology file and prints its mistakes, one line each with file, line and column.
///
/// The exit code is 1 if there is an error; with `strict`, a warning is enough.
///
/// # Errors
/// There is no such file, or it cannot be read.
pub(crate) fn check(options: &TopologyCheck) -> Result<ExitCode, Problem> {
    let file = match &options.topology {
        Some(file) => file.clone(),
        None => topology_above()?,
    };
    let checked = topology::check(&file);
    if let Err(unreadable @ TopologyError::Unreadable { .. }) = &checked {
        return Err(Problem::new(unreadable.to_string()));
    }
    let mistakes = match &checked {
        Ok(checked) => &checked.warnings[..],
        Err(mistaken) => mistaken.mistakes(),
    };
    if options.json {
        output::json(&report(&file, mistakes))?;
    } else {
        match &checked {
            Ok(checked) if checked.warnings.is_empty() => {
                output::line(&format!(
                    "{}: {}; no mistakes",
                    file.display(),
                    summary(&checked.topology)
                ))?;
            }
            Ok(checked) => {
                output::line(&lines(&file, &checked.warnings))?;
                let (what, count) = (summary(&checked.topology), warnings(checked.warnings.len()));
                output::line(&format!("{}: {what}; no errors, {count}", file.display()))?;
            }
            Err(mistaken) => output::line(&mistaken.to_string())?,
        }
    }
    let passed = checked.is_ok() && (mistakes.is_empty() || !options.strict);
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns one line per mistake. Each line begins with the file.
pub(crate) fn lines(file: &Path, mistakes: &[Mistake]) -> String {
    let lines: Vec<String> =
        mistakes.iter().map(|mistake| format!("{}:{mistake}", file.display())).collect();
    lines.join("\n")
}

/// Returns the number of warnings in words.
pub(crate) fn warnings(count: usize) -> String {
    counted(count, "warning", "warnings")
}

fn report(file: &Path, mistakes: &[Mistake]) -> Value {
    let mistakes: Vec<Value> = mistakes
        .iter()
        .map(|Mistake { position, severity, message }| {
            let severity = match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            json!({ "line": position.line, "column": position.column, "severity": severity, "message": message })
        })
        .collect();
    json!({ "file": file.display().to_string(), "mistakes": mistakes })
}

/// Summarises the declared system in one line.
fn summary(topology: &Topology) -> String {
    let counts = [
        ("function", "functions", topology.functions.len()),
        ("source", "sources", topology.sources().count()),
        ("stream", "streams", topology.streams.len()),
        ("table", "tables", topology.tables.len()),
        ("queue", "queues", topology.queues.len()),
        ("topic", "topics", topology.topics.len()),
        ("subscription", "subscriptions", topology.subscriptions.len()),
        ("bucket", "buckets", topology.buckets.len()),
        ("bus", "buses", topology.buses.len()),
        ("rule", "rules", topology.rules.len()),
        ("API", "APIs", topology.apis.len()),
    ];
    // Few systems have these.
    let rare = [
        ("projection", "projections", topology.projections.len()),
        ("schedule", "schedules", topology.schedules.len()),
        ("schedule group", "schedule groups", topology.schedule_groups.len()),
        ("process", "processes", topology.processes.len()),
        ("breaker", "breakers", topology.breakers.len()),
    ];
    let shown = counts.into_iter().chain(rare.into_iter().filter(|(_, _, count)| *count > 0));
    shown.map(|(one, many, count)| counted(count, one, many)).collect::<Vec<_>>().join(", ")
}
