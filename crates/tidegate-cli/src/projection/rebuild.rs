//! `tidegate projection rebuild`: builds a generation, proves it and makes it live.

use std::process::ExitCode;
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;
use terminal::account::Intent;
use terminal::counted::counted;
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;
use tidegate::generation::Pointer;
use tidegate::rebuild::{Answer, Difference, Reference};
use topology::Topology;
use uuid::Uuid;

use super::fold::Fold;
use super::place::Place;
use super::progress::Progress;
use super::prove::{Prove, Proven};
use super::work::Worker;
use crate::arguments::ProjectionRebuild;
use crate::connection::System;
use crate::interrupted::Interrupted;
use crate::invoke::Invoked;

/// Longest name of a person in the owner of a rebuild.
const LONGEST_NAME: usize = 64;

/// How a rebuild ended.
#[derive(Debug, Default, Serialize)]
struct Report {
    projection: String,
    generation: u32,
    /// Whether it is live now.
    live: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<u32>,
    /// Whether an earlier run had begun.
    resumed: bool,
    streams: u64,
    events: u64,
    /// Rows that are equal.
    rows: u64,
    /// Rows and counters that differ.
    differing: u64,
    differences: Vec<Difference>,
    fold_seconds: f64,
    seconds: f64,
    /// For how long writers waited.
    pause_seconds: f64,
}

/// Builds a generation.
///
/// # Errors
/// The system cannot be reached, what is asked for is refused, or the function failed for good.
pub(super) async fn rebuild(options: &ProjectionRebuild) -> Result<ExitCode, Problem> {
    let system = System::open(&options.place, Intent::Change).await?;
    let topology = system.topology()?;
    let place = Place::find(&system, &topology, &options.name)?;
    let owner = owner();
    let before = place.pointer().await?;
    let generation = options.to.map_or_else(|| next(&place, &before), Ok)?;
    let begun = place.change(|pointer| {
        let now = Timestamp::now();
        let pointer = if options.again { pointer.forgotten(now)? } else { pointer.clone() };
        let (segments, declared) = (options.segments, &place.generations);
        pointer.begin(generation, &owner, segments, options.again, declared, now)
    });
    let pointer = begun.await?;
    let interrupted = Interrupted::listen();
    let function = system.prefix().physical(&place.declared.function);
    let worker = Worker {
        lambda: system.lambda(),
        function: Invoked { name: function.as_str(), qualifier: options.invoking.qualifier() },
        interrupted,
    };
    let run = Run { options, place: &place, worker: &worker, owner: &owner, generation };
    let ended = run.all(pointer, parallel(&topology, &place)).await;
    if !matches!(&ended, Ok(Some(report)) if report.live) {
        // Somebody else can go on at once, and writers too.
        let left = place.change(|pointer| Ok(pointer.left(&owner, Timestamp::now()))).await;
        if let Err(problem) = left {
            output::note(&format!("the rebuild could not be handed back: {problem}"));
        }
    }
    let Some(report) = ended? else {
        output::note("ended; `tidegate projection rebuild` goes on from here");
        return Ok(ExitCode::FAILURE);
    };
    run.print(&report)?;
    Ok(if report.live { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Run<'a> {
    options: &'a ProjectionRebuild,
    place: &'a Place<'a>,
    worker: &'a Worker<'a>,
    owner: &'a str,
    generation: u32,
}

impl Run<'_> {
    /// Folds and proves. Returns `None` if it was interrupted.
    async fn all(&self, pointer: Pointer, parallel: usize) -> Result<Option<Report>, Problem> {
        let Self { place, worker, owner, generation, .. } = *self;
        let began = Instant::now();
        let named = place.named(generation);
        let known = pointer.rebuild.as_ref();
        let (all, left) =
            known.map_or((0, 0), |rebuild| (rebuild.segments.len(), rebuild.left().len()));
        let before = known.map_or(0, |rebuild| rebuild.events());
        let resumed = known.is_some_and(|rebuild| {
            rebuild.segments.iter().any(|segment| segment.done || segment.from.is_some())
        });
        output::note(&match resumed {
            true => format!("{named}: goes on; {} of {all} segments are folded", all - left),
            false => format!("{named}: begins, in {}", counted(all, "segment", "segments")),
        });
        let live = pointer.live;
        let progress = Progress::new(named.clone(), self.items().await, before);
        let rate = self.options.rate;
        let fold = Fold { place, worker, owner, generation, parallel, rate };
        if !fold.run(pointer, progress).await? {
            return Ok(None);
        }
        let folded = began.elapsed();
        let done = place.pointer().await?.rebuild;
        let (streams, events) =
            done.map_or((0, 0), |rebuild| (rebuild.streams(), rebuild.events()));
        output::note(&format!("{named}: {streams} streams and {events} events are folded"));
        let reference = match live {
            Some(live) if !self.options.changed => Reference::Generation(live),
            _ => Reference::Store,
        };
        let segments = self.options.segments;
        let prove = Prove { place, worker, owner, generation, reference, segments, parallel };
        let ended = prove.run().await?;
        let report = Report {
            projection: place.name.to_owned(),
            generation,
            resumed,
            streams,
            events,
            previous: live,
            fold_seconds: folded.as_secs_f64(),
            seconds: began.elapsed().as_secs_f64(),
            ..Report::default()
        };
        Ok(match ended {
            Proven::Moved { rows, pause, pointer } => Some(Report {
                live: true,
                rows,
                pause_seconds: pause.as_secs_f64(),
                previous: pointer.previous,
                ..report
            }),
            Proven::Different { rows, named } => {
                // Both generations report a row, so rows are counted only if not all are named.
                let names = named.len() as u64;
                let differing = if named.len() < Answer::NAMED { names } else { rows.max(names) };
                Some(Report { differing, differences: named, ..report })
            }
            Proven::Interrupted => None,
        })
    }

    /// Returns how many items the event store has, as far as AWS has counted them; else 0.
    async fn items(&self) -> u64 {
        let system = self.place.system;
        let store = system.prefix().physical(&self.place.declared.store);
        let described = system.dynamodb().describe_table().table_name(store.as_str()).send().await;
        let table = described.ok().and_then(|described| described.table);
        let count = table.and_then(|table| table.item_count).unwrap_or_default();
        u64::try_from(count).unwrap_or_default()
    }

    fn print(&self, report: &Report) -> Result<(), Problem> {
        if self.options.json {
            return output::json(report);
        }
        let named = self.place.named(self.generation);
        if !report.live {
            for Difference { row, what, .. } in &report.differences {
                output::line(&escaped(&format!("{row}: {what}")))?;
            }
            let differing =
                counted(report.differing, "row or counter differs", "rows and counters differ");
            output::line(&format!("{differing} in {named}; nothing has moved"))?;
            if !self.options.changed && report.previous.is_some() {
                output::line("If the rules have changed, run the command again with --changed.")?;
            }
            return Ok(());
        }
        let with = match report.previous {
            Some(live) if !self.options.changed => format!("those of {}", self.place.named(live)),
            _ => "a second fold".to_owned(),
        };
        let rows = counted(report.rows, "row", "rows");
        output::line(&format!("{named} is live: {rows} and all counters are equal to {with}"))?;
        output::line(&format!(
            "folded {} streams and {} events in {:.1} s; writers waited for {:.1} s",
            report.streams, report.events, report.fold_seconds, report.pause_seconds
        ))?;
        if report.previous.is_some() {
            output::line(&format!("way back: tidegate projection back {}", report.projection))?;
        }
        Ok(())
    }
}

/// Returns the generation to build if none is named: that of an interrupted rebuild, or the first
/// declared one that is neither live nor built.
fn next(place: &Place<'_>, pointer: &Pointer) -> Result<u32, Problem> {
    if let Some(rebuild) = &pointer.rebuild
        && place.generations.has(rebuild.generation)
    {
        return Ok(rebuild.generation);
    }
    let numbers = place.generations.numbers();
    let is_open =
        |number: &&u32| pointer.live != Some(**number) && !pointer.built.contains(*number);
    numbers.iter().find(is_open).copied().ok_or_else(|| {
        let last = numbers.last().copied().unwrap_or_default();
        Problem::new(format!(
            "all generations of {name} are built; to build a new one, add {new} to \
             projections.{name}.generations and deploy, or name one with --to N --again",
            name = place.name,
            new = last + 1
        ))
    })
}

/// Returns how many pieces are worked on at a time: half of the function's environments, so that
/// deliveries find room.
fn parallel(topology: &Topology, place: &Place<'_>) -> usize {
    let function = topology.functions.get(&place.declared.function);
    let environments = function.map_or(1, topology::Function::concurrency);
    usize::try_from(environments / 2).unwrap_or(1).max(1)
}

/// Returns a text that is different for every run: who, and a number.
fn owner() -> String {
    let name = ["USER", "LOGNAME"].into_iter().find_map(|variable| std::env::var(variable).ok());
    let name = name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "somebody".to_owned());
    let name: String = name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    let id: String = Uuid::new_v4().simple().to_string().chars().take(8).collect();
    format!("{name} {id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_different_in_every_run() {
        let (one, two) = (owner(), owner());
        assert_ne!(one, two);
        assert!(one.rsplit_once(' ').is_some_and(|(_, id)| id.len() == 8), "{one}");
    }
}
