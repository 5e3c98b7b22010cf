use std::process::ExitCode;

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::QueueAttributeName;
use serde::Serialize;
use terminal::output;
use terminal::problem::Problem;
use tidegate::failure::Class;
use tidegate::idempotency::{HeldEffect, IdempotencyStore, Repeat, RepeatEvent, Status};
use tidegate_local::asynchronous::record::{Condition, Ended, record};
use tidegate_local::mapping::moment::Moment;
use tidegate_local::message;
use tidegate_local::topology::{DestinationKind, Topology};

use super::{NOT_HELD, Records};
use crate::cli::EffectsRelease;
use crate::dlq::mailbox::url_of;
use crate::dlq::queues::physical;
use crate::invoke::{Purpose, Shape, invoke};

/// How often a released effect is tried.
const ATTEMPTS: u32 = 3;

/// What became of one effect.
#[derive(Debug, Serialize)]
pub(super) struct Decided {
    pub(super) key: String,
    pub(super) outcome: Outcome,
    pub(super) message: String,
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
    /// No effect of this key is held.
    Unknown,
    /// Its record or its event cannot be read; it is not released.
    Unreadable,
}

impl Outcome {
    fn is_good(self) -> bool {
        matches!(self, Outcome::Completed | Outcome::Ran | Outcome::Released)
    }
}

pub(super) async fn release(options: &EffectsRelease) -> Result<ExitCode, Problem> {
    let records = Records::open(&options.at).await?;
    let keys = if options.all { all(&records).await? } else { options.keys.clone() };
    let mut results = Vec::new();
    for key in keys {
        let released = match records.store.waiting(&key).await {
            Ok(Some(effect)) => release_one(&records, &effect).await?,
            Ok(None) => Decided { key, outcome: Outcome::Unknown, message: NOT_HELD.to_owned() },
            Err(failure) if failure.class() == Class::Permanent => {
                Decided { key, outcome: Outcome::Unreadable, message: failure.reason().to_owned() }
            }
            Err(failure) => {
                return Err(records.system.explain_table(&records.table, failure.reason()).await);
            }
        };
        if !options.at.json {
            // Nobody may be reading any more; that is no reason to stop halfway.
            let _ = output::line(&format!("{}: {}", released.key, released.message));
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

async fn release_one(records: &Records, effect: &HeldEffect) -> Result<Decided, Problem> {
    let told = |outcome, message: String| Decided { key: effect.key.clone(), outcome, message };
    let event = match &effect.repeat {
        Some(repeat) => match event_of(records, repeat).await {
            Ok(event) => Some((repeat.function.as_str(), event)),
            Err(problem) => return Ok(told(Outcome::Unreadable, format!("not released: {problem}"))),
        },
        None => None,
    };
    if !records.store.release_held(&effect.key).await.map_err(|failure| records.said(&failure))? {
        return Ok(told(Outcome::Unknown, "it is no longer held".to_owned()));
    }
    let Some((function, event)) = &event else {
        let message = "released; it has no event, since nothing acknowledged its delivery: the next delivery or request runs it (scripts/replay-dlq --yes, if it is a dead letter)";
        return Ok(told(Outcome::Released, message.to_owned()));
    };
    let (client, event) = (records.system.lambda(), event.as_slice());
    let occasion = effect.repeat.as_ref().and_then(|repeat| repeat.occasion.as_deref());
    let mut result = Err(String::new());
    for _ in 0..ATTEMPTS {
        // As a first run: an event that fails for good becomes a dead letter of the function's own.
        result = invoke(&client, function, event, Shape::Event, Purpose::Run { occasion }).await;
        if result.is_ok() {
            break;
        }
    }
    let Err(why) = result else {
        let again = records.store.waiting(&effect.key).await.map_err(|failure| records.said(&failure))?;
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
    Ok(match keep(records, function, event, occasion, &why).await {
        Ok(queue) => told(
            Outcome::DeadLettered,
            format!(
                "released, but {why}; its event is in queue {queue}: replay it with scripts/replay-dlq --queue {queue} --yes"
            ),
        ),
        Err(problem) => told(
            Outcome::Failed,
            format!("released, but {why}; keep its event ({problem}): {}", String::from_utf8_lossy(event)),
        ),
    })
}

/// The event that runs an effect again. One in a bucket may have expired there.
async fn event_of(records: &Records, repeat: &Repeat) -> Result<Vec<u8>, Problem> {
    let (bucket, key) = match &repeat.event {
        RepeatEvent::Inline(event) => return Ok(event.get().as_bytes().to_vec()),
        RepeatEvent::Object { bucket, key } => (bucket, key),
        _ => return Err(Problem::new("this version does not know where its event is")),
    };
    let gone = |error: String| Problem::new(format!("its event s3://{bucket}/{key} cannot be read: {error}"));
    let got = records.system.s3().get_object().bucket(bucket).key(key).send().await;
    let got = got.map_err(|error| gone(DisplayErrorContext(error).to_string()))?;
    let body = got.body.collect().await.map_err(|error| gone(error.to_string()))?;
    Ok(body.to_vec())
}

/// Puts an event that could not be run into the function's on-failure queue, in the shape of a failed asynchronous invocation.
///
/// `function` is physical: it is what the function knew as its own name.
async fn keep(
    records: &Records,
    function: &str,
    event: &[u8],
    occasion: Option<&str>,
    why: &str,
) -> Result<String, Problem> {
    let topology = records.system.topology()?;
    let prefix = records.system.prefix();
    let queue = failures(&topology, prefix.declared(function))?;
    let sqs = records.system.sqs();
    let physical = physical(&topology, prefix, queue);
    let url = url_of(&sqs, &physical).await.map_err(|problem| records.system.explain(problem))?;
    let refused = |error: String| records.system.explain(Problem::new(format!("queue {physical}: {error}")));
    let asked = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
    let answer = asked.send().await.map_err(|error| refused(DisplayErrorContext(error).to_string()))?;
    let arn = answer.attributes.as_ref().and_then(|attributes| attributes.get(&QueueAttributeName::QueueArn));
    let arn = arn.ok_or_else(|| refused("SQS gave no ARN for it".to_owned()))?;
    let function_arn = beside(arn, function).ok_or_else(|| refused(format!("`{arn}` is no ARN")))?;
    let error = serde_json::json!({ "errorType": "released_effect_failed", "errorMessage": why }).to_string();
    let ended = Ended {
        // A replay takes it for the occasion.
        request_id: occasion.unwrap_or_default(),
        function_arn: &function_arn,
        qualifier: None,
        condition: Condition::RetriesExhausted,
        count: ATTEMPTS,
        payload: event,
        answer: Some(error.as_bytes()),
    };
    let body = record(&ended, Moment::from_millis(jiff::Timestamp::now().as_millisecond()))
        .map_err(|error| Problem::new(error.to_string()))?;
    let sent = message::send(&sqs, &url, &body, []).await;
    sent.map_err(|error| refused(DisplayErrorContext(error).to_string()))?;
    Ok(queue.to_owned())
}

/// The queue that a function's asynchronous invocations give up to.
fn failures<'a>(topology: &'a Topology, function: &str) -> Result<&'a str, Problem> {
    let declared = topology.functions.get(function);
    match declared.and_then(|declared| declared.on_failure()?.kind()) {
        Some(DestinationKind::Queue(queue)) => Ok(queue),
        Some(other) => Err(Problem::new(format!(
            "asynchronous invocations of {function} give up to {other}, and this command keeps events in queues only"
        ))),
        None => Err(Problem::new(format!("asynchronous invocations of {function} have no on_failure queue"))),
    }
}

/// The ARN of a function in the partition, region and account of a queue.
fn beside(queue_arn: &str, function: &str) -> Option<String> {
    let mut parts = queue_arn.split(':');
    let (arn, partition, _sqs) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account) = (parts.next()?, parts.next()?);
    (arn == "arn").then(|| format!("arn:{partition}:lambda:{region}:{account}:function:{function}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_kept_in_the_on_failure_queue_and_any_other_destination_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("topology.hcl");
        let declared = |destination: &str| format!("{{ asynchronous = {{ {destination} }} }}");
        let functions = [
            ("a", declared("on_failure = { queue = \"dead\" }")),
            ("b", declared("on_failure = { bucket = \"letters\" }")),
            ("c", declared("")),
        ];
        let functions: String = functions.iter().map(|(name, text)| format!("  {name} = {text}\n")).collect();
        let text = format!(
            "queues = {{ dead = {{}} }}\nbuckets = {{ letters = {{}} }}\nfunctions = {{\n{functions}}}\n"
        );
        std::fs::write(&file, text).unwrap();
        let topology = tidegate_local::topology::load(&file).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(failures(&topology, "a").unwrap(), "dead");
        let said = |function: &str| failures(&topology, function).unwrap_err().to_string();
        assert_eq!(
            said("b"),
            "asynchronous invocations of b give up to bucket letters, and this command keeps events in queues only"
        );
        assert_eq!(said("c"), "asynchronous invocations of c have no on_failure queue");
    }

    #[test]
    fn a_function_is_named_in_the_account_and_region_of_its_queue() {
        let arn = "arn:aws-cn:sqs:cn-north-1:123456789012:shop-dev-async-failures";
        let expected = "arn:aws-cn:lambda:cn-north-1:123456789012:function:shop-dev-notification";
        assert_eq!(beside(arn, "shop-dev-notification").as_deref(), Some(expected));
        assert_eq!(beside("async-failures", "f"), None);
    }
}
