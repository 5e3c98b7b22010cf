//! `tidegate projection ls`.

use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};
use terminal::account::Intent;
use terminal::output;
use terminal::problem::Problem;
use terminal::table::{self, cell};
use tidegate::generation::Pointer;

use super::place::Place;
use crate::arguments::ProjectionList;
use crate::connection::System;

/// Lists the projections of the topology.
///
/// # Errors
/// The system cannot be reached, or a pointer cannot be read.
pub(super) async fn list(options: &ProjectionList) -> Result<ExitCode, Problem> {
    let system = System::open(&options.place, Intent::Read).await?;
    let topology = system.topology()?;
    let mut found = Vec::new();
    for (name, declared) in &topology.projections {
        let place = Place::new(&system, name, declared)?;
        found.push((place.pointer().await?, place));
    }
    if options.json {
        let all = found.iter().map(|(pointer, place)| as_json(pointer, place));
        output::json(&all.collect::<Result<Vec<Value>, Problem>>()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        output::line("the topology declares no `projections`")?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = Timestamp::now();
    let mut shown =
        table::table(["projection", "live", "previous", "built", "declared", "rebuild"]);
    for (pointer, place) in &found {
        let number = |number: Option<u32>| number.map_or("-".to_owned(), |one| one.to_string());
        let cells = [
            place.name.to_owned(),
            number(pointer.live),
            number(pointer.previous),
            listed(&pointer.built),
            listed(place.generations.numbers()),
            state(pointer, now),
        ];
        shown.add_row(cells.map(cell));
    }
    output::line(&shown.to_string())?;
    if found.iter().any(|(pointer, _)| pointer.live.is_none()) {
        output::line(
            "\n`tidegate projection rebuild NAME` builds one that has no live generation.",
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(pointer: &Pointer, place: &Place<'_>) -> Result<Value, Problem> {
    let pointer = serde_json::to_value(pointer)
        .map_err(|error| Problem::new(format!("the pointer cannot be shown: {error}")))?;
    Ok(json!({
        "projection": place.name,
        "function": place.declared.function,
        "declared": place.generations.numbers(),
        "pointer": pointer,
    }))
}

fn listed(numbers: &[u32]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    if numbers.is_empty() { "-".to_owned() } else { numbers.join(", ") }
}

/// Says how far a rebuild is, and whether writers wait.
fn state(pointer: &Pointer, now: Timestamp) -> String {
    let Some(rebuild) = &pointer.rebuild else { return "-".to_owned() };
    let (all, left) = (rebuild.segments.len(), rebuild.left().len());
    let how = match pointer.running(now) {
        Some(running) => format!("by {}", running.owner),
        None => "interrupted; run the command again".to_owned(),
    };
    let fence = match pointer.closed(now) {
        Some(fence) => format!(", writers wait until {}", fence.until.strftime("%H:%M:%SZ")),
        None => String::new(),
    };
    format!("{}: {} of {all} segments, {how}{fence}", rebuild.generation, all - left)
}
