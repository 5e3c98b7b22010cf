//! `tidegate projection`: lists the generations of projections, builds one anew, and goes back.

mod fold;
mod list;
mod place;
mod progress;
mod prove;
mod rebuild;
mod work;

use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::json;
use terminal::account::Intent;
use terminal::output;
use terminal::problem::Problem;

use self::place::Place;
use crate::arguments::{ProjectionBack, ProjectionCommand};
use crate::connection::System;

/// Lists, rebuilds or goes back.
///
/// # Errors
/// The system cannot be reached, or what is asked for is refused.
pub(crate) async fn run(command: &ProjectionCommand) -> Result<ExitCode, Problem> {
    match command {
        ProjectionCommand::Ls(options) => list::list(options).await,
        ProjectionCommand::Rebuild(options) => rebuild::rebuild(options).await,
        ProjectionCommand::Back(options) => back(options).await,
    }
}

async fn back(options: &ProjectionBack) -> Result<ExitCode, Problem> {
    let system = System::open(&options.place, Intent::Change).await?;
    let topology = system.topology()?;
    let place = Place::find(&system, &topology, &options.name)?;
    let before = place.pointer().await?.live;
    // A second attempt after a lost answer must not go forth again.
    let moved = place.change(|pointer| match pointer.live == before {
        true => pointer.back(&place.generations, Timestamp::now()),
        false => Ok(pointer.clone()),
    });
    let pointer = moved.await?;
    let (live, previous) = (pointer.live.unwrap_or_default(), pointer.previous);
    if options.json {
        let name = place.name;
        output::json(&json!({ "projection": name, "live": live, "previous": previous }))?;
    } else {
        let left = previous.map_or_else(String::new, |number| {
            format!("; {} is kept up to date, and is the way back", place.named(number))
        });
        output::line(&format!("{} is live{left}", place.named(live)))?;
    }
    Ok(ExitCode::SUCCESS)
}
