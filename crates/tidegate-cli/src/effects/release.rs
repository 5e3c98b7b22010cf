use std::process::ExitCode;

use aws_sdk_s3::error::DisplayErrorContext;
use serde::Serialize;
use serde_json::value::RawValue;
use terminal::account::Intent;
use terminal::escape::{escaped, escaped_json_line};
use terminal::output;
use terminal::problem::Problem;
use tidegate::failure::Class;
use tidegate::idempotency::{HeldEffect, IdempotencyStore, Repeat, RepeatEvent, Status};

use super::place::{Place, source_of};
use super::{ANOTHER_EVENT, NOT_HELD, Records};
use crate::cli::EffectsRelease;
use crate::declared::{Declared, Function};
use crate::invoke::{Invoked, Purpose, Shape, invoke};

/// How often a released effect is tried.
const ATTEMPTS: u32 = 3;

/// What became of one effect.
#[derive(Debug, Serialize)]
pub(super) struct Decided {
    pub(super) key: String,
    pub(super) outcome: Outcome,
    pub(super) message: String,
    /// The event, if nothing else has it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<Box<RawValue>>,
}

impl Decided {
    /// What became of this effect; its event is elsewhere.
    pub(super) fn new(key: &str, outcome: Outcome, message: String) -> Self {
        Decided { key: key.to_owned(), outcome, message, event: None }
    }

    /// As lines for people. An event is a line of its own, of JSON that can be copied.
    pub(super) fn lines(&self) -> String {
        let said = escaped(&format!("{}: {}", self.key, self.message)).into_owned();
        match &self.event {
            Some(event) => format!("{said}\n{}", escaped_json_line(event.get())),
            None => said,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// It is recorded that it took place.
    Completed,
    /// The function ran again and succeeded.
    Ran,
    /// It is released and has not run; the next delivery runs it.
    Released,
    /// The function ran again, and the effect is held again.
    HeldAgain,
    /// The function failed; its event is a dead letter now.
    DeadLettered,
    /// The function failed, and its event could not be kept.
    Failed,
    /// Nothing would keep its event, should the function fail; it is not released.
    NoPlace,
    /// No effect of this key is held.
    Unknown,
    /// Its record names what the topology does not declare; it is not released.
    Refused,
    /// Its record or its event cannot be read; it is not released.
    Unreadable,
}

impl Outcome {
    fn is_good(self) -> bool {
        matches!(self, Outcome::Completed | Outcome::Ran | Outcome::Released)
    }
}

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
            Ok(None) => Decided::new(&key, Outcome::Unknown, NOT_HELD.to_owned()),
            Err(failure) if failure.class() == Class::Permanent => {
                Decided::new(&key, Outcome::Unreadable, failure.reason().to_owned())
            }
            Err(failure) => {
                return Err(records.system.explain_table(&records.table, failure.reason()).await);
            }
        };
        if !options.at.json {
            // Nobody may be reading any more; that is no reason to stop halfway.
            let _ = output::line(&released.lines());
        }
        results.push(released);
    }
    if options.at.json {
        output::json(&results)?;
    } else if results.is_empty() {
        output::line("no effect is held")?;
    }
    let good = results.iter().all(|released| released.outcome.is_good());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The keys of all effects that wait, and of all records that cannot be read.
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

async fn release_one(
    records: &Records,
    declared: &Declared<'_>,
    effect: &HeldEffect,
) -> Result<Decided, Problem> {
    let told = |outcome, message: String| Decided::new(&effect.key, outcome, message);
    let found = match &effect.repeat {
        Some(repeat) => {
            let function = match checked(declared, repeat) {
                Ok(function) => function,
                Err(why) => return Ok(told(Outcome::Refused, format!("refused, and not released: {why}"))),
            };
            let event = match event_of(records, declared, repeat).await {
                Ok(event) => event,
                Err(problem) => return Ok(told(Outcome::Unreadable, format!("not released: {problem}"))),
            };
            if !repeat.names(&effect.key, &event) {
                return Ok(told(Outcome::Refused, format!("refused, and not released: {ANOTHER_EVENT}")));
            }
            match Place::find(&records.system, declared, &function.name, &event).await {
                Ok(place) => Some((function, event, place)),
                Err(problem) => return Ok(told(Outcome::NoPlace, format!("not released: {problem}"))),
            }
        }
        None => None,
    };
    if !records.store.release_held(&effect.key).await.map_err(|failure| records.said(&failure))? {
        return Ok(told(Outcome::Unknown, "it is no longer held".to_owned()));
    }
    let Some((Function { name: function, .. }, event, place)) = &found else {
        let message = "released; it has no event. The next delivery or request runs it, if there is one: a request's client asks again, and a delivery that was not acknowledged comes again or is a dead letter (tidegate dlq). An older version of the toolkit acknowledged deliveries without keeping their event (after a rollback): look for the event in the source and among the dead letters";
        return Ok(told(Outcome::Released, message.to_owned()));
    };
    let client = records.system.lambda();
    let occasion = effect.repeat.as_ref().and_then(|repeat| repeat.occasion.as_deref());
    let shape = if source_of(event).is_asynchronous() { Shape::Event } else { Shape::Batch };
    let mut result = Err(String::new());
    for _ in 0..ATTEMPTS {
        // As a first run: an event that fails for good becomes a dead letter of the function's own.
        let invoked = Invoked { name: function, qualifier: declared.qualifier };
        result = invoke(&client, invoked, event.get().as_bytes(), shape, Purpose::Run { occasion }).await;
        if result.is_ok() {
            break;
        }
    }
    let Err(why) = result else {
        let again = records.store.waiting(&effect.key).await.map_err(|failure| records.said(&failure))?;
        if again.is_none() {
            records.forget(&effect.key, Some(effect)).await;
        }
        return Ok(match again {
            None => told(Outcome::Ran, format!("released; {function} ran and succeeded")),
            Some(HeldEffect { status: Status::Released, .. }) => told(
                Outcome::Released,
                format!("released; {function} succeeded without it: it is listed until it has run"),
            ),
            Some(held) => told(
                Outcome::HeldAgain,
                format!("{function} ran, and it is held again: {}", held.reason.unwrap_or_default()),
            ),
        });
    };
    // The record no longer keeps the event once a run was begun.
    let queue = &place.queue;
    Ok(match place.keep(event, occasion, ATTEMPTS, &why).await {
        Ok(()) => told(
            Outcome::DeadLettered,
            format!(
                "released, but {why}; its event is in queue {queue}: replay it with scripts/replay-dlq --queue {queue} --yes"
            ),
        ),
        Err(problem) => Decided {
            event: Some(event.clone()),
            ..told(
                Outcome::Failed,
                format!("released, but {why}; nothing has its event any more ({problem}), so keep it:"),
            )
        },
    })
}

/// The function that an effect's record names, if the topology declares it and the event's object is
/// one of its held effects.
pub(super) fn checked<'a>(declared: &Declared<'a>, repeat: &Repeat) -> Result<Function<'a>, String> {
    let function = declared.function(&repeat.function)?;
    if let RepeatEvent::Object { bucket, key } = &repeat.event {
        declared.held_event(&function, bucket, key)?;
    }
    Ok(function)
}

/// The event that runs an effect again. One in a bucket may have expired there.
pub(super) async fn event_of(
    records: &Records,
    declared: &Declared<'_>,
    repeat: &Repeat,
) -> Result<Box<RawValue>, Problem> {
    let (bucket, key) = match &repeat.event {
        RepeatEvent::Inline(event) => return Ok(event.clone()),
        RepeatEvent::Object { bucket, key } => (bucket, key),
        _ => return Err(Problem::new("this version does not know where its event is")),
    };
    let gone = |error: String| Problem::new(format!("its event s3://{bucket}/{key} cannot be read: {error}"));
    let asked = records.system.s3().get_object().bucket(bucket).key(key);
    let asked = asked.set_expected_bucket_owner(records.bucket_owner(declared));
    let got = asked.send().await.map_err(|error| gone(DisplayErrorContext(error).to_string()))?;
    let body = got.body.collect().await.map_err(|error| gone(error.to_string()))?;
    serde_json::from_slice(&body.into_bytes()).map_err(|error| gone(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_copy_of_an_event_is_a_line_of_json_that_can_be_copied() {
        let event = "{\r\n\t\"name\u{200e}\" : \"Acme\u{feff}\u{61c} \\\"\u{200f}\",\n \"n\": 1.50 }";
        let value: serde_json::Value = serde_json::from_str(event).unwrap();
        let decided = Decided {
            event: Some(RawValue::from_string(event.to_owned()).unwrap()),
            ..Decided::new("mail#\x1b[2J", Outcome::Failed, "down\nforged".to_owned())
        };
        let text = decided.lines();
        let [said, copied] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
        assert_eq!(said, r"mail#\u{1b}[2J: down\nforged");
        assert_eq!(serde_json::from_str::<serde_json::Value>(copied).unwrap(), value);
        assert!(copied.is_ascii() && copied.contains("1.50"), "{copied}");
    }
}
