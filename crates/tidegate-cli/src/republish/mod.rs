//! `tidegate events republish`: publishes events of the event store again.

mod found;
mod function;
mod pages;
mod selection;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lambda_shapes::batching::{PAYLOAD_LIMIT, event};
use lambda_shapes::stream_kind::StreamKind;
use serde::Serialize;
use terminal::account::Intent;
use terminal::counted::counted;
use terminal::escape::escaped;
use terminal::name_prefix::PhysicalName;
use terminal::output;
use terminal::problem::Problem;
use tidegate::store::DynamoDbEventStore;
use topology::pattern::filter::Filter;

use self::found::Found;
use self::function::publishing;
use self::pages::Pages;
use self::selection::Selection;
use crate::arguments::{CommitKey, EventsRepublish};
use crate::commit_stream::CommitStream;
use crate::connection::System;
use crate::event_store::declared_store;
use crate::interrupted::Interrupted;
use crate::invoke::{Invoked, Purpose, Shape, invoke};
use crate::mapping_batch::{batches, filter};

/// Attempts to hand over a batch, with growing pauses between them.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Time between two notes of progress.
const NOTES: Duration = Duration::from_secs(5);
/// Most items that cannot be read and are named.
const NAMED: u64 = 10;

/// What was published again, or would be.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Whether nothing was published.
    dry_run: bool,
    /// Commits that were read.
    read: u64,
    /// Commits that were handed over, or would be.
    commits: u64,
    /// Events of these commits that leave, by type.
    events: BTreeMap<String, u64>,
    /// Items that this version cannot read; nothing was published of them.
    unreadable: u64,
    /// Commits that the filter of the function's source drops.
    filtered: u64,
    /// Where to go on, if the work was ended before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

/// A commit that is handed over.
struct Chosen {
    record: Bytes,
    at: CommitKey,
    /// Types of its events that leave.
    kinds: Vec<String>,
}

/// Publishes events of the store again, or counts them.
///
/// # Errors
/// The system cannot be reached, the options contradict each other, or it is not clear which
/// function publishes.
pub(crate) async fn republish(options: &EventsRepublish) -> Result<ExitCode, Problem> {
    let intent = if options.dry_run { Intent::Read } else { Intent::Change };
    let selection = Selection::new(options)?;
    let system = System::open(&options.place, intent).await?;
    let topology = system.topology()?;
    let declared = declared_store(&topology)?;
    let publisher = publishing(&topology, &declared, options.function.as_deref())?;
    let filter = filter(StreamKind::DynamoDb, publisher.mapping).map_err(Problem::new)?;
    let size = usize::try_from(publisher.mapping.batch_size).unwrap_or(usize::MAX);
    let table = system.prefix().physical(&declared);
    let stream = CommitStream::of(&system, &table).await?;
    let mut run = Run {
        store: DynamoDbEventStore::new(system.dynamodb(), table.as_str()),
        function: system.prefix().physical(publisher.name),
        table: &table,
        options,
        selection: &selection,
        system: &system,
        stream,
        filter,
        size,
        began: Instant::now(),
        noted: Instant::now(),
        sequence: 0,
        done: options.after.clone(),
        report: Report { dry_run: options.dry_run, ..Report::default() },
    };
    let interrupted = Interrupted::listen();
    let ended = run.all(&interrupted).await;
    let is_whole = matches!(ended, Ok(true)) && run.report.unreadable == 0;
    if !matches!(ended, Ok(true)) {
        run.report.after = run.done.as_ref().map(ToString::to_string);
    }
    print(&run.report, options.json)?;
    if let Some(after) = &run.report.after {
        output::note(&format!("to go on, add: --after '{}'", escaped(after)));
    }
    ended?;
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Run<'a> {
    system: &'a System,
    options: &'a EventsRepublish,
    selection: &'a Selection,
    store: DynamoDbEventStore,
    table: &'a PhysicalName,
    function: PhysicalName,
    stream: CommitStream,
    /// Filter of the function's source.
    filter: Option<Filter>,
    /// Records of a batch.
    size: usize,
    began: Instant,
    noted: Instant,
    sequence: u64,
    /// The last commit that is dealt with.
    done: Option<CommitKey>,
    report: Report,
}

impl Run<'_> {
    /// Works through the store. Returns whether it came to the end.
    async fn all(&mut self, interrupted: &Interrupted) -> Result<bool, Problem> {
        let (client, stream) = (self.system.dynamodb(), self.selection.stream.as_ref());
        let mut pages = Pages::new(client, self.table, stream, self.options.after.as_ref());
        loop {
            let page = match pages.next().await {
                Ok(Some(page)) => page,
                Ok(None) => return Ok(true),
                Err(why) => return Err(self.system.explain_table(self.table, &why).await),
            };
            let mut waiting = Vec::new();
            let mut last = None;
            for item in page {
                self.sequence += 1;
                let id = format!("republished-{}", self.sequence);
                let record = self.stream.record(item, &id, self.sequence)?;
                match Found::new(&record, &self.store, self.selection).await {
                    Ok(Found::Part) => continue,
                    Ok(Found::Chosen { at, kinds }) => {
                        last = Some(at.clone());
                        self.choose(&mut waiting, Chosen { record, at, kinds });
                    }
                    Ok(Found::Unknown { at }) if !self.selection.looks_inside => {
                        last = Some(at.clone());
                        self.choose(&mut waiting, Chosen { record, at, kinds: Vec::new() });
                    }
                    Ok(Found::Unknown { at }) => {
                        self.unreadable(&format!("{at} has a newer format"));
                        last = Some(at);
                    }
                    Ok(Found::Other { at }) => last = Some(at),
                    Err(failure) => self.unreadable(failure.reason()),
                }
                self.report.read += 1;
            }
            if !self.hand_over(waiting, interrupted).await? {
                return Ok(false);
            }
            // Everything of the page is dealt with, also behind the last commit that was handed
            // over.
            self.done = last.or(self.done.take());
            self.progress();
        }
    }

    /// Adds a commit to those that wait, unless the function's source drops it.
    fn choose(&mut self, waiting: &mut Vec<Chosen>, chosen: Chosen) {
        match self.filter.as_ref().is_none_or(|filter| filter.passes(&chosen.record)) {
            true => waiting.push(chosen),
            false => self.report.filtered += 1,
        }
    }

    /// Hands commits over in batches. Returns whether all were.
    async fn hand_over(
        &mut self,
        waiting: Vec<Chosen>,
        interrupted: &Interrupted,
    ) -> Result<bool, Problem> {
        let records: Vec<Bytes> = waiting.iter().map(|chosen| chosen.record.clone()).collect();
        let mut waiting = waiting.into_iter();
        for batch in batches(&records, self.size, PAYLOAD_LIMIT) {
            if interrupted.is_set() {
                return Ok(false);
            }
            if !self.options.dry_run {
                self.invoke(batch).await?;
            }
            for chosen in waiting.by_ref().take(batch.len()) {
                self.report.commits += 1;
                for kind in chosen.kinds {
                    *self.report.events.entry(kind).or_default() += 1;
                }
                self.done = Some(chosen.at);
            }
            self.progress();
            if !self.options.dry_run {
                let due = Duration::from_secs_f64(self.handed_over() / self.options.rate);
                tokio::time::sleep(due.saturating_sub(self.began.elapsed())).await;
            }
        }
        Ok(!interrupted.is_set())
    }

    #[expect(clippy::cast_precision_loss, reason = "a command hands over less than 2^52 commits")]
    fn handed_over(&self) -> f64 {
        self.report.commits as f64
    }

    async fn invoke(&self, batch: &[Bytes]) -> Result<(), Problem> {
        let event = event(batch.iter());
        let function =
            Invoked { name: self.function.as_str(), qualifier: self.options.invoking.qualifier() };
        let purpose = Purpose::Republish { types: &self.options.types };
        let (mut attempt, mut pause) = (1, FIRST_PAUSE);
        loop {
            match invoke(&self.system.lambda(), function, &event, Shape::Batch, purpose).await {
                Ok(()) => return Ok(()),
                Err(why) if attempt >= ATTEMPTS => {
                    return Err(Problem::new(format!("{why}; gave up after {attempt} attempts")));
                }
                Err(why) => {
                    output::note(&format!("{}; trying again", escaped(&why)));
                    tokio::time::sleep(pause).await;
                    attempt += 1;
                    pause *= 2;
                }
            }
        }
    }

    /// Counts an item that cannot be read, and names the first of them.
    fn unreadable(&mut self, why: &str) {
        self.report.unreadable += 1;
        if self.report.unreadable <= NAMED {
            output::note(&format!("left out: {}", escaped(why)));
        }
    }

    fn progress(&mut self) {
        if self.noted.elapsed() < NOTES {
            return;
        }
        self.noted = Instant::now();
        let at = self.done.as_ref().map_or_else(String::new, |at| format!(", at {at}"));
        let Report { read, commits, .. } = &self.report;
        output::note(&escaped(&format!("{read} commits read, {commits} of them chosen{at}")));
    }
}

fn print(report: &Report, json: bool) -> Result<(), Problem> {
    if json {
        return output::json(report);
    }
    let Report { dry_run, read, commits, events, unreadable, filtered, .. } = report;
    for (kind, count) in events {
        output::line(&format!("{count:>9}  {}", escaped(kind)))?;
    }
    let sum = events.values().sum::<u64>();
    let (events, commits) =
        (counted(sum, "event", "events"), counted(commits, "commit", "commits"));
    let what = if *dry_run { "would be published again" } else { "published again" };
    output::line(&format!("{events} in {commits} {what}; {read} read"))?;
    if *filtered > 0 {
        output::line(&format!("{filtered} left out by the filter of the function's source"))?;
    }
    if *unreadable > 0 {
        output::line(&format!(
            "{unreadable} could not be read and were left out; `tidegate events show` says more"
        ))?;
    }
    Ok(())
}
