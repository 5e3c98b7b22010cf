//! Keeps a letter in the queue or, if the queue refuses it, in the bucket.

use std::fmt;

use futures::future::BoxFuture;
use tracing::error;

use super::{DeadLetter, Payload, json_text_for_messages};
use crate::failure::Failure;

/// A queue of letters with a bucket beside it.
pub(super) trait Post: Sync {
    /// Sends a message to the queue.
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), Refusal>>;

    /// Puts a JSON object into the bucket.
    fn store<'a>(&'a self, key: &'a str, json: String) -> BoxFuture<'a, Result<(), Failure>>;

    /// Returns the bucket's name.
    fn bucket(&self) -> &str;
}

/// Why a queue did not accept a message.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The queue refuses every message like this one, because of its size or its content.
    ForGood(String),
    /// The queue may accept the message later.
    ForNow(Failure),
}

/// Keeps a letter in the first of these forms that the queue accepts:
///
/// 1. whole, if it has at most `limit` bytes,
/// 2. with its record in the bucket as `<function>/<id>.json`, which the letter names,
/// 3. as 2, and without its reason.
///
/// If the queue refuses all of them for good, the whole letter goes to the bucket, as
/// `<function>/<id>.letter.json`. That counts as kept, because a record that is not acknowledged
/// stops its shard. No queue shows such a letter, so an ERROR line names it.
pub(super) async fn keep(
    post: &impl Post,
    letter: &DeadLetter,
    limit: usize,
) -> Result<(), Failure> {
    let (id, bucket) = (letter.id.as_str(), post.bucket());
    let whole = text(letter)?;
    let Some(refused) = offer(post, &whole, limit).await? else { return Ok(()) };
    if let Refused::ForGood(reason) = &refused {
        error!(
            letter = id,
            bucket, reason, "the queue refused the dead letter; its record goes to the bucket"
        );
    }
    let name = format!("{}/{id}", letter.function);
    let pointer = with_object(post, letter, format!("{name}.json")).await?;
    let Some(_) = offer(post, &text(&pointer)?, limit).await? else { return Ok(()) };
    let bare = DeadLetter {
        reason: "omitted: the queue refused the letter with its reason".to_owned(),
        ..pointer
    };
    let Some(refused) = offer(post, &text(&bare)?, limit).await? else { return Ok(()) };
    let key = format!("{name}.letter.json");
    post.store(&key, whole).await?;
    let reason = refused.to_string();
    error!(
        letter = id,
        bucket,
        key,
        reason,
        "the queue refused the dead letter in every form; it is only in the bucket"
    );
    Ok(())
}

/// Why a message is not in the queue.
enum Refused {
    TooLarge(usize),
    ForGood(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => write!(f, "it is above {limit} bytes"),
            Self::ForGood(reason) => f.write_str(reason),
        }
    }
}

/// Sends a message, unless it is too large. Returns `None` if the queue accepted it.
async fn offer(post: &impl Post, body: &str, limit: usize) -> Result<Option<Refused>, Failure> {
    if body.len() > limit {
        return Ok(Some(Refused::TooLarge(limit)));
    }
    match post.send(body.to_owned()).await {
        Ok(()) => Ok(None),
        Err(Refusal::ForGood(reason)) => Ok(Some(Refused::ForGood(reason))),
        Err(Refusal::ForNow(failure)) => Err(failure),
    }
}

fn text(letter: &DeadLetter) -> Result<String, Failure> {
    let json = serde_json::to_string(letter)?;
    Ok(json_text_for_messages(&json).into_owned())
}

/// Returns the letter with its record in the bucket.
async fn with_object(
    post: &impl Post,
    letter: &DeadLetter,
    key: String,
) -> Result<DeadLetter, Failure> {
    let Payload::Record(record) = &letter.payload else { return Ok(letter.clone()) };
    post.store(&key, record.get().to_owned()).await?;
    Ok(DeadLetter {
        payload: Payload::Object { bucket: post.bucket().to_owned(), key },
        ..letter.clone()
    })
}
