//! Finds the queue that a call of SQS has written to, and when its messages can be received.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::target::Written;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct One {
    queue_url: String,
    #[serde(alias = "VisibilityTimeout")]
    delay_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    queue_url: String,
    entries: Vec<Wait>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wait {
    #[serde(alias = "VisibilityTimeout")]
    delay_seconds: Option<u64>,
}

/// Reads a call in JSON; `None` if it cannot be read.
pub(super) fn in_json(operation: &str, body: &[u8]) -> Option<Vec<Written>> {
    let (url, waits) = if operation.ends_with("Batch") {
        let batch: Batch = serde_json::from_slice(body).ok()?;
        (batch.queue_url, batch.entries)
    } else {
        let one: One = serde_json::from_slice(body).ok()?;
        (one.queue_url, vec![Wait { delay_seconds: one.delay_seconds }])
    };
    to(&url, waits.iter().map(|wait| wait.delay_seconds.unwrap_or(0)))
}

/// Reads a call of the older protocol, which names the queue in a parameter or as its path.
pub(super) fn in_form(operation: &str, path: &str, body: &[u8]) -> Option<Vec<Written>> {
    let (mut url, mut entries, mut waits) = (path.to_owned(), BTreeSet::new(), BTreeSet::new());
    for (name, value) in form_urlencoded::parse(body) {
        if name == "QueueUrl" {
            url = value.into_owned();
            continue;
        }
        // `SendMessageBatchRequestEntry.2.DelaySeconds` belongs to the second entry.
        let (entry, field) = name.rsplit_once('.').unwrap_or(("", &name));
        if matches!(field, "DelaySeconds" | "VisibilityTimeout") {
            waits.insert((entry.to_owned(), value.parse().ok()?));
        }
        if entry.contains("Entry.") {
            entries.insert(entry.to_owned());
        }
    }
    if !operation.ends_with("Batch") {
        entries.insert(String::new());
    }
    let wait = |entry: &String| {
        let of_it = waits.iter().find(|(of, _)| of == entry);
        of_it.map_or(0, |(_, seconds)| *seconds)
    };
    to(&url, entries.iter().map(wait))
}

fn to(url: &str, waits: impl Iterator<Item = u64>) -> Option<Vec<Written>> {
    let name = url.rsplit('/').next().filter(|name| !name.is_empty())?;
    Some(waits.map(|seconds| Written::Queue(name.to_owned(), seconds)).collect())
}
