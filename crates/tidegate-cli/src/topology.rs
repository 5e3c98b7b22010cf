//! `tidegate topology`: what the topology file says, and whether it keeps the rules.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use terminal::output;
use terminal::problem::Problem;
use tidegate_local::topology::{self, Mistake, Topology, TopologyError};

use crate::cli::TopologyCheck;
use crate::connection::topology_above;

/// Checks the topology file. Its mistakes are the result: one line each, beginning with file, line and column, and exit code 1.
///
/// # Errors
/// There is no such file, or it cannot be read.
pub(crate) fn check(options: &TopologyCheck) -> Result<ExitCode, Problem> {
    let file = match &options.topology {
        Some(file) => file.clone(),
        None => topology_above()?,
    };
    let checked = topology::load(&file);
    if let Err(unreadable @ TopologyError::Unreadable { .. }) = &checked {
        return Err(Problem::new(unreadable.to_string()));
    }
    let mistakes = checked.as_ref().err().map_or(&[][..], TopologyError::mistakes);
    if options.json {
        output::json(&report(&file, mistakes))?;
    } else {
        match &checked {
            Ok(topology) => output::line(&format!("{}: {}; no mistakes", file.display(), summary(topology)))?,
            Err(mistaken) => output::line(&mistaken.to_string())?,
        }
    }
    Ok(if mistakes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(file: &Path, mistakes: &[Mistake]) -> Value {
    let mistakes: Vec<Value> = mistakes
        .iter()
        .map(|Mistake { position, message }| {
            json!({ "line": position.line, "column": position.column, "message": message })
        })
        .collect();
    json!({ "file": file.display().to_string(), "mistakes": mistakes })
}

/// What is declared, in one line.
fn summary(topology: &Topology) -> String {
    let counts = [
        ("function", "s", topology.functions.len()),
        ("source", "s", topology.sources().count()),
        ("stream", "s", topology.streams.len()),
        ("table", "s", topology.tables.len()),
        ("queue", "s", topology.queues.len()),
        ("bucket", "s", topology.buckets.len()),
        ("bus", "es", topology.buses.len()),
        ("rule", "s", topology.rules.len()),
    ];
    let said =
        counts.map(|(word, plural, count)| format!("{count} {word}{}", if count == 1 { "" } else { plural }));
    said.join(", ")
}
