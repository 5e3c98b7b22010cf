//! `tidegate effects`: lists held effects, records that they took place, or runs them again.

mod place;
mod release;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::error::DisplayErrorContext;
use serde::Serialize;
use terminal::account::Intent;
use terminal::escape::escaped;
use terminal::name_prefix::PhysicalName;
use terminal::output;
use terminal::problem::Problem;
use terminal::table::{self, cell};
use tidegate::failure::Failure;
use tidegate::idempotency::{
    DynamoDbIdempotency, HeldEffect, HeldPage, IdempotencyStore, Kept, PARTITION_KEY, Repeat, RepeatEvent,
    Status, TTL_ATTRIBUTE,
};
use topology::{KeyType, Topology};
use uuid::Uuid;

use self::release::{Decided, Outcome};
use crate::cli::{EffectsCommand, EffectsComplete, EffectsList, EffectsPlace};
use crate::connection::System;
use crate::declared::Declared;
use crate::dlq::queues::physical;
use crate::invoke::ALIAS;

const NOT_HELD: &str = "no effect of this key is held";
const ANOTHER_EVENT: &str = "the object that its record names is not the event of this effect";
const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

/// Lists, completes or releases held effects.
///
/// # Errors
/// The system cannot be reached, or there is no such effect.
pub(crate) async fn run(command: &EffectsCommand) -> Result<ExitCode, Problem> {
    match command {
        EffectsCommand::Ls(options) => list(options).await,
        EffectsCommand::Complete(options) => complete(options).await,
        EffectsCommand::Release(options) => release::release(options).await,
    }
}

/// The records of held effects in a system.
struct Records {
    system: System,
    table: PhysicalName,
    store: DynamoDbIdempotency,
}

impl Records {
    async fn open(options: &EffectsPlace, intent: Intent) -> Result<Self, Problem> {
        let system = System::open(&options.place, intent).await?;
        let table = match &options.table {
            Some(table) => PhysicalName::given(table),
            None => tables(&system.topology()?).next().map(|table| system.prefix().physical(table)).ok_or_else(|| {
                Problem::new(format!("the topology has no table of idempotency records (partition key `{PARTITION_KEY}`, time to live `{TTL_ATTRIBUTE}`); name it with --table NAME"))
            })?,
        };
        let store = DynamoDbIdempotency::new(system.dynamodb(), table.as_str());
        Ok(Records { system, table, store })
    }

    async fn page(&self, from: Option<&str>) -> Result<HeldPage, Problem> {
        match self.store.held(from).await {
            Ok(page) => Ok(page),
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

    /// Deletes the object that has the event of an effect, once its record says that it took place:
    /// nothing runs it again then. Any other effect keeps its object.
    async fn forget(&self, key: &str, effect: Option<&HeldEffect>) {
        let Some(repeat) = effect.and_then(|effect| effect.repeat.as_ref()) else { return };
        let RepeatEvent::Object { bucket, key: object } = &repeat.event else { return };
        let get = self.system.dynamodb().get_item().table_name(self.table.as_str()).consistent_read(true);
        let got = get.key(PARTITION_KEY, AttributeValue::S(key.to_owned())).send().await;
        let item = got.ok().and_then(|got| got.item);
        let status = item.as_ref().and_then(|item| item.get("status")?.as_s().ok());
        if status.is_some_and(|status| status == "completed")
            && let Err(why) = self.delete_event(key, repeat, bucket, object).await
        {
            let line = format!("{key}: s3://{bucket}/{object} could not be deleted; nothing needs it: {why}");
            output::note(&escaped(&line));
        }
    }

    /// Deletes the event of a held effect, if the object that its record names is that.
    async fn delete_event(
        &self,
        effect: &str,
        repeat: &Repeat,
        bucket: &str,
        object: &str,
    ) -> Result<(), Problem> {
        let topology = self.system.topology()?;
        let declared = self.declared(&topology, ALIAS).await?;
        release::checked(&declared, repeat).map_err(Problem::new)?;
        let event = release::event_of(self, &declared, repeat).await?;
        if !repeat.names(effect, &event) {
            return Err(Problem::new(ANOTHER_EVENT));
        }
        let asked = self.system.s3().delete_object().bucket(bucket).key(object);
        let asked = asked.set_expected_bucket_owner(self.bucket_owner(&declared));
        asked.send().await.map(drop).map_err(|error| Problem::new(DisplayErrorContext(error).to_string()))
    }

    /// What a record may make this command do.
    async fn declared<'a>(
        &'a self,
        topology: &'a Topology,
        qualifier: &'a str,
    ) -> Result<Declared<'a>, Problem> {
        let prefix = self.system.prefix();
        let queue = topology.dead_letter_queues().first().map(|queue| physical(topology, prefix, queue));
        let home = self.system.home(queue.as_ref()).await?;
        Ok(Declared { topology, prefix, home, buckets: self.system.bucket_names(), qualifier })
    }

    /// The account that must own a bucket, where there are several.
    fn bucket_owner(&self, declared: &Declared<'_>) -> Option<String> {
        self.system.is_account().then(|| declared.home.account.clone())
    }

    fn said(&self, failure: &Failure) -> Problem {
        self.system.explain(Problem::new(format!("table {}: {}", self.table, failure.reason())))
    }
}

/// The tables of idempotency records that a topology declares.
pub(crate) fn tables(topology: &Topology) -> impl Iterator<Item = &str> {
    let found = topology.tables.iter().filter(|(_, table)| {
        (table.partition_key.name.as_str(), table.partition_key.kind) == (PARTITION_KEY, KeyType::S)
            && table.sort_key.is_none()
            && table.ttl_attribute.as_deref() == Some(TTL_ATTRIBUTE)
    });
    found.map(|(name, _)| name.as_str())
}

/// What is listed of a record.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Listed {
    Held(HeldEffect),
    /// A record that cannot be read may be an effect that waits.
    Unreadable {
        key: String,
        status: &'static str,
        reason: String,
    },
}

impl Listed {
    fn row(&self) -> [String; 4] {
        match self {
            Listed::Held(effect) => [
                effect.key.clone(),
                effect
                    .repeat
                    .as_ref()
                    .map_or("(no event kept)", |repeat| repeat.function.as_str())
                    .to_owned(),
                effect.lease_until.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                reason(effect),
            ],
            Listed::Unreadable { key, reason, .. } => {
                [key.clone(), "?".to_owned(), "?".to_owned(), format!("unreadable: {reason}")]
            }
        }
    }
}

/// Reads the whole table, page by page, because held effects have no index. Prints each page as it
/// arrives.
async fn list(options: &EffectsList) -> Result<ExitCode, Problem> {
    let records = Records::open(&options.at, Intent::Read).await?;
    let (mut from, mut read, mut shown) = (None, 0, 0);
    let mut all = Vec::new();
    loop {
        let page = records.page(from.as_deref()).await?;
        read += page.records;
        let unreadable = page.unreadable.into_iter().map(|record| Listed::Unreadable {
            key: record.key,
            status: "unreadable",
            reason: record.reason,
        });
        let mut listed: Vec<_> = page.effects.into_iter().map(Listed::Held).chain(unreadable).collect();
        listed.sort_by_cached_key(Listed::row);
        let more = page.next.is_some() || shown + listed.len() > options.limit;
        listed.truncate(options.limit - shown);
        shown += listed.len();
        if options.at.json {
            all.extend(listed);
        } else if !listed.is_empty() {
            let mut rows = table::table(["key", "function", "since", "reason"]);
            listed.iter().for_each(|listed| {
                rows.add_row(listed.row().map(cell));
            });
            output::line(&rows.to_string())?;
        }
        if more && shown == options.limit {
            output::note(&format!("{shown} are listed, and there may be more: --limit N lists N"));
            break;
        }
        from = page.next;
        if from.is_none() {
            break;
        }
        if io::stderr().is_terminal() {
            output::note(&format!("{read} records read, {shown} effects wait"));
        }
    }
    if options.at.json {
        output::json(&all)?;
    } else if shown == 0 {
        output::line("no effect is held")?;
    } else {
        output::line(
            "\n`tidegate effects complete KEY` says that an effect took place, `tidegate effects release KEY` lets it run again.",
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn reason(effect: &HeldEffect) -> String {
    let reason = match (effect.status, &effect.reason) {
        (Status::Released, _) => "released, and not run since",
        (_, Some(reason)) => reason,
        (_, None) => "its run ended without an answer",
    };
    match effect.repeat.as_ref().map(|repeat| &repeat.event) {
        Some(RepeatEvent::Object { bucket, key }) => format!("{reason} (its event: s3://{bucket}/{key})"),
        _ => reason.to_owned(),
    }
}

async fn complete(options: &EffectsComplete) -> Result<ExitCode, Problem> {
    let records = Records::open(&options.at, Intent::Change).await?;
    let days = options.days.map_or_else(|| records.retention(), Ok)?;
    let expires_at = jiff::Timestamp::now()
        .saturating_add(Duration::from_secs(u64::from(days) * SECONDS_OF_A_DAY))
        .map_err(|error| Problem::new(error.to_string()))?;
    // The token of this request tells a lost answer from another operator's decision.
    let operator = format!("operator-{}", Uuid::new_v4());
    let result = options.result.clone().map_or(Kept::Unknown, Kept::Result);
    // A record that cannot be read names no object.
    let waiting = records.store.waiting(&options.key).await.ok().flatten();
    let completed = match records.store.complete_held(&options.key, &operator, &result, expires_at).await {
        Ok(completed) => completed,
        Err(failure) => return Err(records.system.explain_table(&records.table, failure.reason()).await),
    };
    if completed {
        records.forget(&options.key, waiting.as_ref()).await;
    }
    let (outcome, message) = if completed {
        (Outcome::Completed, format!("recorded that it took place, for {days} days"))
    } else {
        (Outcome::Unknown, NOT_HELD.to_owned())
    };
    let decided = Decided::new(&options.key, outcome, message);
    if options.at.json {
        output::json(&decided)?;
    } else {
        output::line(&decided.lines())?;
    }
    Ok(if completed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
