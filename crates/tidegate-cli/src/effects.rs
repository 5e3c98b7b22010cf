//! `tidegate effects`: held effects, saying that they took place, and letting them run again.

use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::QueueAttributeName;
use serde::Serialize;
use terminal::counted::counted;
use terminal::name_prefix::PhysicalName;
use terminal::output;
use terminal::problem::Problem;
use terminal::table;
use tidegate::failure::Failure;
use tidegate::idempotency::{
    DynamoDbIdempotency, HeldEffect, IdempotencyStore, Kept, PARTITION_KEY, Status, TTL_ATTRIBUTE,
};
use tidegate_local::asynchronous::record::{Condition, Ended, record};
use tidegate_local::mapping::moment::Moment;
use tidegate_local::message;
use tidegate_local::topology::{DestinationKind, KeyType, Topology};
use uuid::Uuid;

use crate::cli::{EffectsCommand, EffectsComplete, EffectsList, EffectsPlace, EffectsRelease};
use crate::connection::System;
use crate::dlq::mailbox::url_of;
use crate::dlq::queues::physical;
use crate::invoke::{Purpose, Shape, invoke};

const NOT_HELD: &str = "no effect of this key is held";
const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;
/// How often a released effect is tried.
const ATTEMPTS: u32 = 3;

/// Lists, completes or releases held effects.
///
/// # Errors
/// The system cannot be reached, or there is no such effect.
pub(crate) async fn run(command: &EffectsCommand) -> Result<ExitCode, Problem> {
    match command {
        EffectsCommand::Ls(options) => list(options).await,
        EffectsCommand::Complete(options) => complete(options).await,
        EffectsCommand::Release(options) => release(options).await,
    }
}

/// The records of held effects in a system.
struct Records {
    system: System,
    table: PhysicalName,
    store: DynamoDbIdempotency,
}

impl Records {
    async fn open(options: &EffectsPlace) -> Result<Self, Problem> {
        let system = System::open(&options.place).await?;
        let table = match &options.table {
            Some(table) => PhysicalName::given(table),
            None => table_of(&system.topology()?).map(|table| system.prefix().physical(&table)).ok_or_else(|| {
                Problem::new(format!("the topology has no table of idempotency records (partition key `{PARTITION_KEY}`, time to live `{TTL_ATTRIBUTE}`); name it with --table NAME"))
            })?,
        };
        let store = DynamoDbIdempotency::new(system.dynamodb(), table.as_str());
        Ok(Records { system, table, store })
    }

    async fn held(&self) -> Result<Vec<HeldEffect>, Problem> {
        match self.store.held().await {
            Ok(held) => Ok(held),
            Err(failure) => Err(self.system.explain_table(&self.table, failure.reason()).await),
        }
    }

    /// How long the topology says that records are kept, in days.
    fn retention(&self) -> Result<u32, Problem> {
        let topology = self.system.topology()?;
        let declared = self.system.prefix().declared(self.table.as_str());
        topology.tables.get(declared).and_then(|table| table.record_retention_days).ok_or_else(|| {
            Problem::new(format!(
                "the topology does not say how long records of table {} are kept; say it with --days N",
                self.table
            ))
        })
    }

    fn said(&self, failure: &Failure) -> Problem {
        self.system.explain(Problem::new(format!("table {}: {}", self.table, failure.reason())))
    }
}

fn table_of(topology: &Topology) -> Option<String> {
    let found = topology.tables.iter().find(|(_, table)| {
        (table.partition_key.name.as_str(), table.partition_key.kind) == (PARTITION_KEY, KeyType::S)
            && table.sort_key.is_none()
            && table.ttl_attribute.as_deref() == Some(TTL_ATTRIBUTE)
    });
    found.map(|(name, _)| name.clone())
}

async fn list(options: &EffectsList) -> Result<ExitCode, Problem> {
    let held = Records::open(&options.at).await?.held().await?;
    if options.at.json {
        output::json(&held)?;
    } else if held.is_empty() {
        output::line("no effect is held")?;
    } else {
        let mut shown = table::table(["key", "function", "since", "reason"]);
        for effect in &held {
            shown.add_row([
                effect.key.clone(),
                effect
                    .repeat
                    .as_ref()
                    .map_or("(no event kept)", |repeat| repeat.function.as_str())
                    .to_owned(),
                effect.lease_until.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                reason(effect),
            ]);
        }
        output::line(&shown.to_string())?;
        output::line(
            "\n`tidegate effects complete KEY` says that an effect took place, `tidegate effects release KEY` lets it run again.",
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn reason(effect: &HeldEffect) -> String {
    match (effect.status, &effect.reason) {
        (Status::Released, _) => "released, and not run since".to_owned(),
        (_, Some(reason)) => reason.clone(),
        (_, None) => "its run ended without an answer".to_owned(),
    }
}

async fn complete(options: &EffectsComplete) -> Result<ExitCode, Problem> {
    let records = Records::open(&options.at).await?;
    let days = options.days.map_or_else(|| records.retention(), Ok)?;
    let expires_at = jiff::Timestamp::now()
        .saturating_add(Duration::from_secs(u64::from(days) * SECONDS_OF_A_DAY))
        .map_err(|error| Problem::new(error.to_string()))?;
    // A token of this request, by which an answer that was lost is told from another operator's decision.
    let operator = format!("operator-{}", Uuid::new_v4());
    let result = options.result.clone().map_or(Kept::Unknown, Kept::Result);
    let completed = match records.store.complete_held(&options.key, &operator, &result, expires_at).await {
        Ok(completed) => completed,
        Err(failure) => return Err(records.system.explain_table(&records.table, failure.reason()).await),
    };
    let (outcome, message) = if completed {
        (Outcome::Completed, format!("recorded that it took place, for {}", counted(days, "day", "days")))
    } else {
        (Outcome::Unknown, NOT_HELD.to_owned())
    };
    let decided = Decided { key: options.key.clone(), outcome, message };
    if options.at.json {
        output::json(&decided)?;
    } else {
        output::line(&format!("{}: {}", decided.key, decided.message))?;
    }
    Ok(if completed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What became of one effect.
#[derive(Debug, Serialize)]
struct Decided {
    key: String,
    outcome: Outcome,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
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
}

impl Outcome {
    fn is_good(self) -> bool {
        matches!(self, Outcome::Completed | Outcome::Ran | Outcome::Released)
    }
}

async fn release(options: &EffectsRelease) -> Result<ExitCode, Problem> {
    let records = Records::open(&options.at).await?;
    let held = records.held().await?;
    let keys: Vec<String> = if options.all {
        held.iter().map(|effect| effect.key.clone()).collect()
    } else {
        options.keys.clone()
    };
    let mut results = Vec::new();
    for key in keys {
        let effect = held.iter().find(|effect| effect.key == key);
        let released = match effect {
            Some(effect) => release_one(&records, effect).await?,
            None => Decided { key, outcome: Outcome::Unknown, message: NOT_HELD.to_owned() },
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

async fn release_one(records: &Records, effect: &HeldEffect) -> Result<Decided, Problem> {
    let told = |outcome, message: String| Decided { key: effect.key.clone(), outcome, message };
    if !records.store.release_held(&effect.key).await.map_err(|failure| records.said(&failure))? {
        return Ok(told(Outcome::Unknown, "it is no longer held".to_owned()));
    }
    let Some(repeat) = &effect.repeat else {
        let message = "released; its event was too large to keep: the next delivery runs it (scripts/replay-dlq --yes, if it is a dead letter)";
        return Ok(told(Outcome::Released, message.to_owned()));
    };
    let client = records.system.lambda();
    let event = repeat.event.get().as_bytes();
    let mut result = Err(String::new());
    for _ in 0..ATTEMPTS {
        // As a first run: an event that fails for good becomes a dead letter of the function's own.
        result = invoke(&client, &repeat.function, event, Shape::Event, Purpose::Run).await;
        if result.is_ok() {
            break;
        }
    }
    let Err(why) = result else {
        let again = records.held().await?.into_iter().find(|held| held.key == effect.key);
        let function = &repeat.function;
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
    Ok(match keep(records, &repeat.function, event, &why).await {
        Ok(queue) => told(
            Outcome::DeadLettered,
            format!(
                "released, but {why}; its event is in queue {queue}: replay it with scripts/replay-dlq --queue {queue} --yes"
            ),
        ),
        Err(problem) => told(
            Outcome::Failed,
            format!("released, but {why}; keep its event ({problem}): {}", repeat.event.get()),
        ),
    })
}

/// Puts an event that could not be run into the function's on-failure queue, in the shape of a failed asynchronous invocation.
///
/// `function` is physical: it is what the function knew as its own name.
async fn keep(records: &Records, function: &str, event: &[u8], why: &str) -> Result<String, Problem> {
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
        request_id: "",
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
