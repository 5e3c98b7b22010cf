//! `tidegate breaker`: lists circuit breakers, and opens or closes one.

mod place;

use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use terminal::account::Intent;
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;
use terminal::table::{self, cell};
use tidegate::breaker::{BreakerState, BreakerStore, Changed, Operator, Phase};

use self::place::{Declared, declared, one};
use crate::arguments::{BreakerCommand, BreakerList, BreakerOne, BreakerOpen};
use crate::connection::System;

/// Lists breakers, or opens or closes one.
///
/// # Errors
/// The system cannot be reached, or declares no such breaker.
pub(crate) async fn run(command: &BreakerCommand) -> Result<ExitCode, Problem> {
    match command {
        BreakerCommand::Ls(options) => list(options).await,
        BreakerCommand::Open(options) => open(options).await,
        BreakerCommand::Close(options) => close(options).await,
    }
}

/// A breaker, as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    breaker: String,
    function: String,
    phase: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// End of the cool-down, or of the lease of the probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    failures: u64,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Shown {
    fn new(declared: &Declared, state: &BreakerState) -> Self {
        let until = match state.phase {
            Phase::Closed => None,
            Phase::Open { until } => Some(until),
            Phase::HalfOpen { lease_until } => Some(lease_until),
        };
        let operator = state.operator.as_ref();
        Self {
            breaker: declared.name.clone(),
            function: declared.function.to_string(),
            phase: state.phase.as_str(),
            since: state.since,
            until,
            failures: state.counts.failures,
            reason: state.reason.clone(),
            operator: operator.map(|operator| operator.name.clone()),
            note: operator.map(|operator| operator.note.clone()),
        }
    }

    fn why(&self) -> String {
        match (&self.operator, &self.note) {
            (Some(operator), Some(note)) => format!("{}: {operator}: {note}", self.reason),
            _ => self.reason.clone(),
        }
    }
}

async fn list(options: &BreakerList) -> Result<ExitCode, Problem> {
    let system = System::open(&options.place, Intent::Read).await?;
    let mut all = Vec::new();
    for declared in declared(&system)? {
        all.push(Shown::new(&declared, &look(&system, &declared).await?));
    }
    if options.json {
        output::json(&all)?;
    } else if all.is_empty() {
        output::line("the topology declares no breaker")?;
    } else {
        let mut shown = table::table(["breaker", "function", "phase", "since", "until", "why"]);
        for one in &all {
            let time = |time: Option<Timestamp>| {
                time.map_or_else(|| "-".to_owned(), |time| time.strftime("%F %TZ").to_string())
            };
            let cells = [
                one.breaker.clone(),
                one.function.clone(),
                one.phase.to_owned(),
                time(one.since),
                time(one.until),
                one.why(),
            ];
            shown.add_row(cells.map(cell));
        }
        output::line(&shown.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn open(options: &BreakerOpen) -> Result<ExitCode, Problem> {
    let (system, declared) = found(&options.one).await?;
    let seconds = options.seconds.unwrap_or(declared.longest_outage_seconds);
    if seconds > declared.longest_outage_seconds {
        output::note(&format!(
            "{} is declared for outages of {} seconds; messages that wait longer become dead letters",
            escaped(&declared.name),
            declared.longest_outage_seconds
        ));
    }
    let until = now()
        .checked_add(Duration::from_secs(seconds.into()))
        .map_err(|error| Problem::new(error.to_string()))?;
    change(&system, &declared, &options.one, Phase::Open { until }, "an operator opened it").await
}

async fn close(options: &BreakerOne) -> Result<ExitCode, Problem> {
    let (system, declared) = found(options).await?;
    change(&system, &declared, options, Phase::Closed, "an operator closed it").await
}

async fn found(options: &BreakerOne) -> Result<(System, Declared), Problem> {
    if options.note.trim().is_empty() || options.operator.trim().is_empty() {
        return Err(Problem::new("--note and --operator must say why, and who".to_owned()));
    }
    let system = System::open(&options.place, Intent::Change).await?;
    let declared = one(&system, &options.name)?;
    Ok((system, declared))
}

async fn look(system: &System, declared: &Declared) -> Result<BreakerState, Problem> {
    match declared.store.look(&declared.name).await {
        Ok(state) => Ok(state),
        Err(failure) => Err(system.explain_table(&declared.table, failure.reason()).await),
    }
}

/// Changes the phase, if nothing else does at the same time.
async fn change(
    system: &System,
    declared: &Declared,
    options: &BreakerOne,
    to: Phase,
    reason: &str,
) -> Result<ExitCode, Problem> {
    let state = look(system, declared).await?;
    let name = escaped(&declared.name);
    if to == Phase::Closed && state.phase == Phase::Closed {
        return Err(Problem::new(format!("{name} is closed already; nothing was changed")));
    }
    let operator = Operator { name: options.operator.clone(), note: options.note.clone() };
    let token = uuid::Uuid::new_v4().to_string();
    let change = state.change(to, now(), token, reason).by(operator);
    match declared.store.change(&declared.name, &change).await {
        Ok(Changed::Yes(state)) => {
            let phase = state.phase.as_str();
            output::line(&format!("{name} is {phase}; its environments know within seconds"))?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(Changed::No(state)) => Err(Problem::new(format!(
            "{name} changed at the same time and is {} now; run the command again if it should not be",
            state.phase.as_str()
        ))),
        Err(failure) => Err(system.explain_table(&declared.table, failure.reason()).await),
    }
}

/// Returns the time in whole milliseconds, as rows hold it.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}
