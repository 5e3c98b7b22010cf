//! `tidegate parked`: lists aggregates whose next event a projection cannot apply, and releases
//! them.

mod event;
mod feed;
mod hint;
mod places;

use std::process::ExitCode;

use bytes::Bytes;
use serde::Serialize;
use terminal::account::Intent;
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;
use terminal::table::{self, cell};
use tidegate::failure::Failure;
use tidegate::ids::{StreamId, Version};
use tidegate::projection::{ENTRY_TAKEN, Guard, ReadModel};

use self::feed::Feed;
use self::hint::hint;
pub(crate) use self::places::tables;
use self::places::{Place, places};
use crate::arguments::{ParkedCommand, ParkedList, ParkedOne, ParkedPlace, ParkedRelease};
use crate::connection::System;
use crate::invoke::{Invoked, Purpose, Shape, invoke};

/// Aggregates that are read at a time.
const PAGE: usize = 100;
const NOT_PARKED: &str = "it is not parked";

/// Lists, shows or releases parked aggregates.
///
/// # Errors
/// The system cannot be reached, or declares no projection.
pub(crate) async fn run(command: &ParkedCommand) -> Result<ExitCode, Problem> {
    match command {
        ParkedCommand::Ls(options) => list(options).await,
        ParkedCommand::Show(options) => show(options).await,
        ParkedCommand::Release(options) => release(options).await,
    }
}

/// A parked aggregate.
#[derive(Debug, Serialize)]
struct Parked {
    stream: String,
    /// Function of the projection.
    function: String,
    /// Version of the event at which it is parked.
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<jiff::Timestamp>,
    /// Whether a newer version of the function, which knows the event, will release it.
    waits_for_newer_version: bool,
}

impl Parked {
    fn from_guard(place: &Place, stream: &StreamId, guard: &Guard) -> Option<Self> {
        Some(Self {
            stream: stream.to_string(),
            function: place.function.to_string(),
            version: guard.parked?.number(),
            code: guard.parked_code.clone(),
            reason: guard.parked_reason.clone(),
            since: guard.listed.and_then(|listed| jiff::Timestamp::from_millisecond(listed).ok()),
            waits_for_newer_version: guard.parked_code.as_deref() == Some(Failure::NEWER),
        })
    }

    fn since(&self) -> String {
        self.since.map_or_else(
            || "-".to_owned(),
            |since| since.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        )
    }

    fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or("-")
    }
}

async fn open(options: &ParkedPlace, intent: Intent) -> Result<(System, Vec<Place>), Problem> {
    let system = System::open(&options.place, intent).await?;
    let places = places(&system, options.function.as_deref())?;
    Ok((system, places))
}

async fn guard(system: &System, place: &Place, stream: &StreamId) -> Result<Guard, Problem> {
    match place.read_model.guards(std::slice::from_ref(stream)).await {
        Ok(mut guards) => match guards.remove(stream).transpose() {
            Ok(guard) => Ok(guard.unwrap_or_default()),
            Err(unreadable) => Err(Problem::new(unreadable.reason())),
        },
        Err(failure) => Err(system.explain_table(&place.rows, failure.reason()).await),
    }
}

async fn list(options: &ParkedList) -> Result<ExitCode, Problem> {
    let (system, places) = open(&options.at, Intent::Read).await?;
    let mut parked = Vec::new();
    for place in &places {
        let mut after: Option<StreamId> = None;
        loop {
            let page = match place.read_model.parked(after.as_ref(), PAGE).await {
                Ok(page) => page,
                Err(failure) => {
                    return Err(system.explain_table(&place.counters, failure.reason()).await);
                }
            };
            let guards = match place.read_model.guards(&page).await {
                Ok(guards) => guards,
                Err(failure) => {
                    return Err(system.explain_table(&place.rows, failure.reason()).await);
                }
            };
            // An aggregate that was just released may still be on the list.
            for stream in &page {
                match guards.get(stream) {
                    Some(Ok(guard)) => parked.extend(Parked::from_guard(place, stream, guard)),
                    Some(Err(unreadable)) => output::note(&escaped(unreadable.reason())),
                    None => {}
                }
            }
            let more = page.len() == PAGE;
            after = page.into_iter().last();
            if !more {
                break;
            }
        }
    }
    if options.at.json {
        output::json(&parked)?;
    } else if parked.is_empty() {
        output::line("no aggregate is parked")?;
    } else {
        let mut shown = table::table(["stream", "function", "version", "since", "reason"]);
        for one in &parked {
            let reason = one.reason();
            let reason = one
                .code
                .as_ref()
                .map_or_else(|| reason.to_owned(), |code| format!("{code}: {reason}"));
            let cells = [
                one.stream.clone(),
                one.function.clone(),
                one.version.to_string(),
                one.since(),
                reason,
            ];
            shown.add_row(cells.map(cell));
        }
        output::line(&shown.to_string())?;
        output::line("\n`tidegate parked release STREAM` lets the projection try one again.")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(options: &ParkedOne) -> Result<ExitCode, Problem> {
    let (system, places) = open(&options.at, Intent::Read).await?;
    let mut found = Vec::new();
    for place in &places {
        let guard = guard(&system, place, &options.stream).await?;
        let Some(parked) = Parked::from_guard(place, &options.stream, &guard) else { continue };
        let commit =
            event::commit_at(&system, place, &options.stream, Version::new(parked.version)).await?;
        found.push(Shown {
            event: commit.and_then(|item| event::shown(&item, parked.version)),
            parked,
        });
    }
    if found.is_empty() {
        return Err(Problem::new(format!("{}: {NOT_PARKED}", options.stream)));
    }
    if options.at.json {
        output::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    for Shown { parked, event } in &found {
        let stream = escaped(&parked.stream);
        output::line(&format!("{stream} is parked at version {}", parked.version))?;
        for (name, value) in [
            ("function", parked.function.as_str()),
            ("since", &parked.since()),
            ("code", parked.code.as_deref().unwrap_or("-")),
            ("reason", parked.reason()),
            (
                "event",
                &event
                    .as_ref()
                    .map_or_else(|| "(it cannot be read)".to_owned(), ToString::to_string),
            ),
        ] {
            output::line(&format!("   {name:<9} {}", escaped(value)))?;
        }
        output::line(match parked.code.as_deref() {
            Some(Failure::NEWER) => {
                "   A version of the function that knows the event releases it by itself."
            }
            Some(ENTRY_TAKEN) => {
                "   It is released by itself when the other aggregate deletes the entry."
            }
            _ => {
                "   Repair the projection, then replay its dead letter or run \
                 `tidegate parked release`."
            }
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    parked: Parked,
    /// Readable attributes of the event, in any format.
    event: Option<event::Shown>,
}

/// Result of releasing an aggregate in one read model.
#[derive(Debug, Serialize)]
struct Released {
    stream: String,
    function: String,
    released: bool,
    message: String,
}

async fn release(options: &ParkedRelease) -> Result<ExitCode, Problem> {
    let qualifier = options.invoking.qualifier();
    let options = &options.one;
    let (system, places) = open(&options.at, Intent::Change).await?;
    let mut results = Vec::new();
    for place in &places {
        let before = guard(&system, place, &options.stream).await?;
        let Some(at) = before.parked else { continue };
        let (released, message) =
            match release_at(&system, place, qualifier, &options.stream, at).await {
                Ok(()) => after(&system, place, &options.stream, at, None).await?,
                Err(why) => after(&system, place, &options.stream, at, Some(why)).await?,
            };
        let function = place.function.to_string();
        results.push(Released { stream: options.stream.to_string(), function, released, message });
    }
    if results.is_empty() {
        return Err(Problem::new(format!("{}: {NOT_PARKED}", options.stream)));
    }
    if options.at.json {
        output::json(&results)?;
    } else {
        for Released { stream, message, .. } in &results {
            output::line(&escaped(&format!("{stream}: {message}")))?;
        }
    }
    let all = results.iter().all(|result| result.released);
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn release_at(
    system: &System,
    place: &Place,
    qualifier: &str,
    stream: &StreamId,
    at: Version,
) -> Result<(), String> {
    let (event, shape) =
        invocation(system, place, stream, at).await.map_err(|problem| problem.to_string())?;
    let function = Invoked { name: place.function.as_str(), qualifier };
    invoke(&system.lambda(), function, &event, shape, Purpose::Replay { occasion: None }).await
}

/// Returns the event of an invocation that has the projection try the event at this version.
async fn invocation(
    system: &System,
    place: &Place,
    stream: &StreamId,
    at: Version,
) -> Result<(Bytes, Shape), Problem> {
    if place.feed == Feed::Table {
        return Ok((event::stream_event(system, place, stream, at).await?, Shape::Batch));
    }
    let commit = event::commit_at(system, place, stream, at).await?;
    let shown = commit.and_then(|item| event::shown(&item, at.number()));
    let shown = shown.ok_or_else(|| {
        Problem::new(format!("table {} has no event {stream} at version {at}", place.event_store))
    })?;
    hint(place.feed, &shown, stream, at)
}

/// Reads the guard again.
///
/// The aggregate is released if it is no longer parked, whatever the function answered.
async fn after(
    system: &System,
    place: &Place,
    stream: &StreamId,
    at: Version,
    failed: Option<String>,
) -> Result<(bool, String), Problem> {
    let now = guard(system, place, stream).await?;
    let function = &place.function;
    let answer =
        failed.map_or_else(|| format!("{function} ran"), |why| format!("{function}: {why}"));
    let reason = now.parked_reason.as_deref().unwrap_or("-");
    Ok(match now.parked {
        None => {
            (true, format!("released; {} is its version in the read model", now.position.version))
        }
        Some(still) if still == at => {
            (false, format!("{answer}, and it is still parked at version {at}: {reason}"))
        }
        Some(next) => {
            (false, format!("{answer}, and it is parked at version {next} now: {reason}"))
        }
    })
}
