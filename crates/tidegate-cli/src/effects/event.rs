//! The event that runs a held effect again: compared with the topology, read, and deleted once
//! nothing needs it.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::error::DisplayErrorContext;
use serde_json::value::RawValue;
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;
use tidegate::idempotency::{HeldEffect, PARTITION_KEY, Repeat, RepeatEvent};

use super::records::Records;
use crate::declared::{Declared, Function};
use crate::invoke::ALIAS;

/// What is said of an object that has another event.
pub(super) const ANOTHER_EVENT: &str =
    "the object that its record names is not the event of this effect";

/// The function that an effect's record names, if the topology declares it and the event's object
/// is one of its held effects.
///
/// # Errors
/// What is not declared.
pub(super) fn checked<'a>(
    declared: &Declared<'a>,
    repeat: &Repeat,
) -> Result<Function<'a>, String> {
    let function = declared.function(&repeat.function)?;
    if let RepeatEvent::Object { bucket, key } = &repeat.event {
        declared.held_event(&function, bucket, key)?;
    }
    Ok(function)
}

/// The event that runs an effect again. One in a bucket may have expired there.
///
/// # Errors
/// It is gone, or cannot be read.
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
    let gone = |error: String| {
        Problem::new(format!("its event s3://{bucket}/{key} cannot be read: {error}"))
    };
    let asked = records.system.s3().get_object().bucket(bucket).key(key);
    let asked = asked.set_expected_bucket_owner(records.bucket_owner(declared));
    let got = asked.send().await.map_err(|error| gone(DisplayErrorContext(error).to_string()))?;
    let body = got.body.collect().await.map_err(|error| gone(error.to_string()))?;
    serde_json::from_slice(&body.into_bytes()).map_err(|error| gone(error.to_string()))
}

/// Deletes the stored event of an effect whose record is completed, because nothing runs it
/// again.
///
/// The event of any other effect is kept.
pub(super) async fn forget(records: &Records, key: &str, effect: Option<&HeldEffect>) {
    let Some(repeat) = effect.and_then(|effect| effect.repeat.as_ref()) else { return };
    let RepeatEvent::Object { bucket, key: object } = &repeat.event else { return };
    let get = records
        .system
        .dynamodb()
        .get_item()
        .table_name(records.table.as_str())
        .consistent_read(true);
    let got = get.key(PARTITION_KEY, AttributeValue::S(key.to_owned())).send().await;
    let item = got.ok().and_then(|got| got.item);
    let status = item.as_ref().and_then(|item| item.get("status")?.as_s().ok());
    if status.is_some_and(|status| status == "completed")
        && let Err(why) = delete(records, key, repeat, bucket, object).await
    {
        let line =
            format!("{key}: s3://{bucket}/{object} could not be deleted; nothing needs it: {why}");
        output::note(&escaped(&line));
    }
}

/// Deletes the event of a held effect, after a check that the object belongs to the effect.
async fn delete(
    records: &Records,
    effect: &str,
    repeat: &Repeat,
    bucket: &str,
    object: &str,
) -> Result<(), Problem> {
    let topology = records.system.topology()?;
    let declared = records.declared(&topology, ALIAS).await?;
    checked(&declared, repeat).map_err(Problem::new)?;
    let event = event_of(records, &declared, repeat).await?;
    if !repeat.names(effect, &event) {
        return Err(Problem::new(ANOTHER_EVENT));
    }
    let asked = records.system.s3().delete_object().bucket(bucket).key(object);
    let asked = asked.set_expected_bucket_owner(records.bucket_owner(&declared));
    asked
        .send()
        .await
        .map(drop)
        .map_err(|error| Problem::new(DisplayErrorContext(error).to_string()))
}
