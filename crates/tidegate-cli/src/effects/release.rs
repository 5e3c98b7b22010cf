//! `tidegate effects release`.

use std::process::ExitCode;

use serde_json::value::RawValue;
use terminal::account::Intent;
use terminal::output;
use terminal::problem::Problem;
use tidegate::failure::Class;
use tidegate::idempotency::{HeldEffect, IdempotencyStore, Repeat, Status};

use super::decided::{Decided, Resolution};
use super::event::{ANOTHER_EVENT, checked, event_of, forget};
use super::place::{Place, source_of};
use super::records::{NOT_HELD, Records};
use crate::arguments::EffectsRelease;
use crate::declared::{Declared, Function};
use crate::invoke::{Invoked, Purpose, Shape, invoke};

/// Attempts to run a released effect.
const ATTEMPTS: u32 = 3;

/// What is said of an effect that is released and whose event was not kept.
const WITHOUT_EVENT: &str = "\
released; it has no event. The next delivery or request runs it, if there is one: a request's client \
asks again, and a delivery that was not acknowledged comes again or is a dead letter (tidegate dlq). \
An older version of the toolkit acknowledged deliveries without keeping their event (after a \
rollback): look for the event in the source and among the dead letters";

/// Releases the chosen effects, one after the other.
///
/// # Errors
/// The system cannot be reached, or its table cannot be read.
pub(super) async fn release(options: &EffectsRelease) -> Result<ExitCode, Problem> {
    let records = Records::open(&options.at, Intent::Change).await?;
    let topology = records.system.topology()?;
    let declared = records.declared(&topology, options.invoking.qualifier()).await;
    let declared = declared.map_err(|problem| records.system.explain(problem))?;
    let keys = if options.all { all(&records).await? } else { options.keys.clone() };
    let mut results = Vec::new();
    for key in keys {
        let released = match records.store.waiting(&key).await {
            Ok(Some(effect)) => release_one(&records, &declared, &effect).await?,
            Ok(None) => Decided::new(&key, Resolution::Unknown, NOT_HELD.to_owned()),
            Err(failure) if failure.class() == Class::Permanent => {
                Decided::new(&key, Resolution::Unreadable, failure.reason().to_owned())
            }
            Err(failure) => {
                return Err(records.system.explain_table(&records.table, failure.reason()).await);
            }
        };
        if !options.at.json {
            // A closed output must not stop the work halfway.
            let _ = output::line(&released.lines());
        }
        results.push(released);
    }
    if options.at.json {
        output::json(&results)?;
    } else if results.is_empty() {
        output::line("no effect is held")?;
    }
    let good = results.iter().all(|released| released.resolution.is_good());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the keys of all held effects and of all records that cannot be read.
async fn all(records: &Records) -> Result<Vec<String>, Problem> {
    let (mut keys, mut from) = (Vec::new(), None);
    loop {
        let page = records.page(from.as_deref()).await?;
        keys.extend(page.effects.into_iter().map(|effect| effect.key));
        keys.extend(page.unreadable.into_iter().map(|record| record.key));
        from = page.next;
        if from.is_none() {
            keys.sort();
            return Ok(keys);
        }
    }
}

/// What runs a released effect, and where its event goes if that fails.
struct Run<'a> {
    function: Function<'a>,
    event: Box<RawValue>,
    place: Place,
}

/// Releases one effect, and runs it if its event was kept.
async fn release_one(
    records: &Records,
    declared: &Declared<'_>,
    effect: &HeldEffect,
) -> Result<Decided, Problem> {
    let run = match &effect.repeat {
        Some(repeat) => match prepare(records, declared, &effect.key, repeat).await {
            Ok(run) => Some(run),
            Err(refused) => return Ok(refused),
        },
        None => None,
    };
    if !records.store.release_held(&effect.key).await.map_err(|failure| records.said(&failure))? {
        let message = "it is no longer held".to_owned();
        return Ok(Decided::new(&effect.key, Resolution::Unknown, message));
    }
    let Some(run) = &run else {
        let message = WITHOUT_EVENT.to_owned();
        return Ok(Decided::new(&effect.key, Resolution::Released, message));
    };
    let occasion = effect.repeat.as_ref().and_then(|repeat| repeat.occasion.as_deref());
    match attempt(records, declared.qualifier, run, occasion).await {
        Ok(()) => succeeded(records, effect, &run.function.name).await,
        Err(why) => Ok(failed(&effect.key, run, occasion, &why).await),
    }
}

/// Finds everything that a run needs before anything is released.
///
/// # Errors
/// Why the effect is not released.
async fn prepare<'a>(
    records: &Records,
    declared: &Declared<'a>,
    key: &str,
    repeat: &Repeat,
) -> Result<Run<'a>, Decided> {
    let refused = |why: &str| {
        Decided::new(key, Resolution::Refused, format!("refused, and not released: {why}"))
    };
    let not_released = |resolution, problem: Problem| {
        Decided::new(key, resolution, format!("not released: {problem}"))
    };
    let function = checked(declared, repeat).map_err(|why| refused(&why))?;
    let event = event_of(records, declared, repeat).await;
    let event = event.map_err(|problem| not_released(Resolution::Unreadable, problem))?;
    if !repeat.names(key, &event) {
        return Err(refused(ANOTHER_EVENT));
    }
    let place = Place::find(&records.system, declared, &function.name, &event).await;
    let place = place.map_err(|problem| not_released(Resolution::NoPlace, problem))?;
    Ok(Run { function, event, place })
}

/// Invokes the function until it succeeds, a few times.
///
/// # Errors
/// Why the last attempt failed.
async fn attempt(
    records: &Records,
    qualifier: &str,
    run: &Run<'_>,
    occasion: Option<&str>,
) -> Result<(), String> {
    let client = records.system.lambda();
    let shape = if source_of(&run.event).is_asynchronous() { Shape::Event } else { Shape::Batch };
    let mut result = Err(String::new());
    for _ in 0..ATTEMPTS {
        // As in a first run: an event that fails permanently becomes a dead letter of the function.
        let invoked = Invoked { name: &run.function.name, qualifier };
        let event = run.event.get().as_bytes();
        result = invoke(&client, invoked, event, shape, Purpose::Run { occasion }).await;
        if result.is_ok() {
            break;
        }
    }
    result
}

/// What became of an effect whose function succeeded: its record says whether it ran.
async fn succeeded(
    records: &Records,
    effect: &HeldEffect,
    function: &str,
) -> Result<Decided, Problem> {
    let waiting = records.store.waiting(&effect.key).await;
    let (resolution, message) = match waiting.map_err(|failure| records.said(&failure))? {
        None => {
            forget(records, &effect.key, Some(effect)).await;
            (Resolution::Ran, format!("released; {function} ran and succeeded"))
        }
        Some(HeldEffect { status: Status::Released, .. }) => (
            Resolution::Released,
            format!("released; {function} succeeded without it: it is listed until it has run"),
        ),
        Some(held) => {
            let reason = held.reason.unwrap_or_default();
            (Resolution::HeldAgain, format!("{function} ran, and it is held again: {reason}"))
        }
    };
    Ok(Decided::new(&effect.key, resolution, message))
}

/// Keeps the event of an effect whose function failed: its record no longer has it once a run
/// began.
async fn failed(key: &str, run: &Run<'_>, occasion: Option<&str>, why: &str) -> Decided {
    let queue = &run.place.queue;
    match run.place.keep(&run.event, occasion, ATTEMPTS, why).await {
        Ok(()) => Decided::new(
            key,
            Resolution::DeadLettered,
            format!(
                "released, but {why}; its event is in queue {queue}: replay it with \
                 scripts/replay-dlq --queue {queue} --yes"
            ),
        ),
        Err(problem) => Decided {
            event: Some(run.event.clone()),
            ..Decided::new(
                key,
                Resolution::Failed,
                format!(
                    "released, but {why}; its event is no longer stored anywhere ({problem}), so \
                     keep it:"
                ),
            )
        },
    }
}
