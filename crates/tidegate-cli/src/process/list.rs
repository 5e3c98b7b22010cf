//! `tidegate process ls`.

use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;
use terminal::account::Intent;
use terminal::output;
use terminal::problem::Problem;
use terminal::table::{self, cell};
use tidegate::process::ProcessRow;

use super::places::{Place, Places};
use super::stuck;
use crate::arguments::ProcessList;
use crate::connection::System;

/// A listed instance.
#[derive(Debug, Serialize)]
struct Listed {
    instance: String,
    process: String,
    version: u64,
    state: String,
    since: Timestamp,
    started_at: Timestamp,
    rules: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stuck: Option<Stuck>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deadlines: Vec<Deadline>,
}

#[derive(Debug, Serialize)]
struct Stuck {
    code: String,
    reason: String,
    since: Timestamp,
    /// Number of inputs behind the stuck one.
    held: u32,
}

#[derive(Debug, Serialize)]
struct Deadline {
    id: String,
    due: Timestamp,
}

impl From<ProcessRow> for Listed {
    fn from(row: ProcessRow) -> Self {
        let stuck = row.stuck_at.map(|since| Stuck {
            code: row.stuck_code.unwrap_or_default(),
            reason: row.stuck_reason.unwrap_or_default(),
            since,
            held: row.held,
        });
        let deadlines = row.deadlines.into_iter().map(|one| Deadline { id: one.id, due: one.due });
        Self {
            instance: row.instance.to_string(),
            process: row.process,
            version: row.version.number(),
            state: row.state,
            since: row.since,
            started_at: row.started_at,
            rules: row.rules,
            ended_at: row.ended_at,
            stuck,
            deadlines: deadlines.collect(),
        }
    }
}

impl Listed {
    fn cells(&self) -> [String; 6] {
        let state = if self.ended_at.is_some() { "ended: " } else { "" };
        let due = self.deadlines.first();
        let stuck = self.stuck.as_ref().map_or_else(String::new, |stuck| {
            let held =
                if stuck.held > 0 { format!(" ({} held)", stuck.held) } else { String::new() };
            format!("{}: {}{held}", stuck.code, stuck.reason)
        });
        [
            self.instance.clone(),
            format!("{state}{}", self.state),
            self.rules.to_string(),
            shown(self.stuck.as_ref().map_or(self.since, |stuck| stuck.since)),
            due.map_or_else(|| "-".to_owned(), |due| shown(due.due)),
            stuck,
        ]
    }
}

/// Formats a time for people.
pub(super) fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Lists instances.
///
/// # Errors
/// The system cannot be reached, or its view cannot be read.
pub(super) async fn list(options: &ProcessList) -> Result<ExitCode, Problem> {
    let places = Places::of(System::open(&options.at.place, Intent::Read).await?)?;
    let named = places.named(options.process.as_deref())?;
    let fits = |row: &ProcessRow| {
        options.state.as_ref().is_none_or(|state| *state == row.state)
            && options.rules.is_none_or(|rules| rules == row.rules)
    };
    let (mut rows, more) = if options.stuck {
        let mut rows = stuck::stuck(&places, &named, options.limit.saturating_add(1)).await?;
        rows.retain(fits);
        let more = rows.len() > options.limit;
        rows.truncate(options.limit);
        (rows, more)
    } else {
        whole(&places, &named, options.limit, fits).await?
    };
    if !options.stuck {
        rows.sort_by(|a, b| b.decided_at.cmp(&a.decided_at).then(a.instance.cmp(&b.instance)));
    }
    let listed: Vec<Listed> = rows.into_iter().map(Listed::from).collect();
    if options.at.json {
        output::json(&listed)?;
    } else {
        printed(&listed, options)?;
    }
    if more {
        let shown = listed.len();
        output::note(&format!("{shown} are listed, and there are more: --limit N lists N"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the whole view, page by page, up to the limit. Returns whether there is more.
async fn whole(
    places: &Places,
    named: &[&Place],
    limit: usize,
    fits: impl Fn(&ProcessRow) -> bool,
) -> Result<(Vec<ProcessRow>, bool), Problem> {
    let mut rows = Vec::new();
    for place in named {
        let mut from = None;
        loop {
            let (page, next) = stuck::all(places, place, from.as_ref()).await?;
            rows.extend(page.into_iter().filter(&fits));
            if rows.len() > limit {
                rows.truncate(limit);
                return Ok((rows, true));
            }
            from = next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok((rows, false))
}

fn printed(listed: &[Listed], options: &ProcessList) -> Result<(), Problem> {
    if listed.is_empty() {
        let stuck = if options.stuck { "is stuck" } else { "is in the view" };
        let chosen = options.state.is_some() || options.rules.is_some();
        let fits = if chosen { " and fits" } else { "" };
        return output::line(&format!("no instance {stuck}{fits}"));
    }
    let mut shown = table::table(["instance", "state", "rules", "since", "due", "stuck"]);
    for one in listed {
        shown.add_row(one.cells().map(cell));
    }
    output::line(&shown.to_string())?;
    if listed.iter().any(|one| one.stuck.is_some()) {
        output::line(
            "\n`tidegate process show ID` has the history. `resume ID` has the stuck input decided \
             again, `skip ID` drops it, `force ID` sets a state.",
        )?;
    }
    Ok(())
}
