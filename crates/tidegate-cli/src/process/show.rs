//! `tidegate process show`.

use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;
use terminal::account::Intent;
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::ids::Version;
use tidegate::process::{Outline, StoredEvent};
use tidegate::store::RecordedCommit;

use super::history::{block, stored};
use super::list::shown;
use super::places::Places;
use super::unknown::unknown;
use crate::arguments::ProcessShow;
use crate::connection::System;

#[derive(Serialize)]
struct Shown<'a> {
    instance: &'a str,
    process: &'a str,
    version: Version,
    state: &'a str,
    ended: bool,
    /// Version of the rules of the newest decision.
    rules: Option<u32>,
    stuck: Option<Stuck<'a>>,
    /// Types of the inputs that wait behind the stuck one, in order.
    held: Vec<&'a str>,
    deadlines: Vec<Deadline<'a>>,
    /// History, as envelopes.
    events: Vec<Envelope>,
}

#[derive(Serialize)]
struct Stuck<'a> {
    code: &'a str,
    reason: &'a str,
    since: Timestamp,
    /// Type of the input.
    input: &'a str,
}

#[derive(Serialize)]
struct Deadline<'a> {
    id: &'a str,
    due: Timestamp,
    /// Whether it passed while the instance was stuck.
    passed: bool,
}

/// Shows an instance and its history, from the event store.
///
/// # Errors
/// The system cannot be reached, or the instance does not exist.
pub(super) async fn show(options: &ProcessShow) -> Result<ExitCode, Problem> {
    let places = Places::of(System::open(&options.at.place, Intent::Read).await?)?;
    let place = places.of_instance(&options.instance)?;
    let commits = places.read(place, &options.instance, Version::NONE).await?;
    if commits.is_empty() {
        return Err(unknown(&places, place, &options.instance).await);
    }
    let outline = match Outline::of(&commits) {
        Ok(outline) => outline,
        Err(failure) => return Err(places.system.explain(Problem::new(failure.reason()))),
    };
    let rules = rules(&commits);
    if options.at.json {
        let shown = Shown {
            instance: options.instance.as_str(),
            process: &place.process,
            events: envelopes(&commits).map_err(|failure| Problem::new(failure.reason()))?,
            ..Shown::of(&outline, rules)
        };
        output::json(&shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&head(options.instance.as_str(), &outline, rules))?;
    let events =
        commits.iter().flat_map(|commit| commit.events.iter().map(move |event| (commit, event)));
    let blocks: Vec<String> = events.map(|(commit, event)| block(commit, event)).collect();
    output::line(blocks.join("\n").trim_end())?;
    if outline.stuck.is_some() {
        output::line(&format!(
            "\n`tidegate process resume {0}` has the stuck input decided again, `skip {0}` drops it, \
             `force {0}` sets a state.",
            escaped(options.instance.as_str())
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl<'a> Shown<'a> {
    fn of(outline: &'a Outline, rules: Option<u32>) -> Self {
        let stuck = outline.stuck.as_ref().map(|stuck| Stuck {
            code: &stuck.reason.code,
            reason: &stuck.reason.text,
            since: stuck.at,
            input: &stuck.input.kind,
        });
        let deadlines = outline.deadlines.iter().map(|open| Deadline {
            id: &open.deadline.id,
            due: open.deadline.due,
            passed: open.passed,
        });
        Self {
            instance: "",
            process: "",
            version: outline.version,
            state: &outline.state,
            ended: outline.ended,
            rules,
            stuck,
            held: outline.held.iter().map(|input| input.kind.as_str()).collect(),
            deadlines: deadlines.collect(),
            events: Vec::new(),
        }
    }
}

fn envelopes(commits: &[RecordedCommit]) -> Result<Vec<Envelope>, Failure> {
    let events = commits
        .iter()
        .flat_map(|commit| commit.events.iter().map(move |event| commit.envelope(event)));
    events.collect()
}

/// Returns the version of the rules of the newest decision.
fn rules(commits: &[RecordedCommit]) -> Option<u32> {
    let events = commits.iter().flat_map(|commit| &commit.events).rev();
    events.filter_map(stored).find_map(|event| match event {
        StoredEvent::ProcessMoved(event) => Some(event.rules),
        StoredEvent::ProcessRefused(event) => Some(event.rules),
        StoredEvent::ProcessStuck(event) => Some(event.rules),
        StoredEvent::ProcessForced(event) => Some(event.rules),
        _ => None,
    })
}

fn head(instance: &str, outline: &Outline, rules: Option<u32>) -> String {
    let verb = if outline.ended { "ended in" } else { "is in" };
    let rules = rules.map_or_else(String::new, |rules| format!(", by rules {rules}"));
    let (instance, state, version) = (escaped(instance), escaped(&outline.state), outline.version);
    let mut lines = vec![format!("{instance} {verb} {state} at version {version}{rules}")];
    if let Some(stuck) = &outline.stuck {
        let (code, reason) = (escaped(&stuck.reason.code), escaped(&stuck.reason.text));
        let (input, since) = (escaped(&stuck.input.kind), shown(stuck.at));
        lines.push(format!("   stuck     {code}: {reason} (input {input}, since {since})"));
    }
    for input in &outline.held {
        lines.push(format!("   held      {} behind it", escaped(&input.kind)));
    }
    for open in &outline.deadlines {
        let passed = if open.passed { ", passed while stuck" } else { "" };
        let (id, due) = (escaped(&open.deadline.id), shown(open.deadline.due));
        lines.push(format!("   due       {id} at {due}{passed}"));
    }
    lines.push(String::new());
    lines.join("\n")
}
