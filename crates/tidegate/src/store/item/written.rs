//! Reads and writes the item of a commit in each of its formats.

use super::commit_item::CommitItem;
use super::first_format::FirstFormat;
use crate::failure::{Failure, chain};
#[cfg(any(test, feature = "test-kit"))]
use crate::store::commit::RecordedCommit;
use crate::store::format::CommitFormat;

/// Reads the item of a commit in this format.
pub(in crate::store) fn parse<I: Into<serde_dynamo::Item>>(
    item: I,
    format: CommitFormat,
) -> Result<CommitItem, serde_dynamo::Error> {
    let item: serde_dynamo::Item = item.into();
    match format {
        CommitFormat::One => serde_dynamo::from_item::<_, FirstFormat>(item).map(CommitItem::from),
        CommitFormat::Two => serde_dynamo::from_item(item),
    }
}

/// Writes the item of a commit in this format.
///
/// # Errors
/// `unencodable` (permanent): it has several decisions, and the format has room for one.
pub(in crate::store) fn to_item(
    commit: &CommitItem,
    format: CommitFormat,
) -> Result<serde_dynamo::Item, Failure> {
    let unencodable = |error: serde_dynamo::Error| {
        Failure::permanent("unencodable", format!("{}: {}", commit.stream, chain(&error)))
    };
    if format > CommitFormat::One {
        let mut item: serde_dynamo::Item = serde_dynamo::to_item(commit).map_err(unencodable)?;
        let number = serde_dynamo::AttributeValue::N(format.number().to_string());
        item.insert("format".to_owned(), number);
        return Ok(item);
    }
    let first = FirstFormat::from_item(commit).ok_or_else(|| {
        let (stream, count) = (&commit.stream, commit.decisions.len());
        Failure::permanent(
            "unencodable",
            format!("{stream}: a commit in format 1 holds one decision, not {count}"),
        )
    })?;
    serde_dynamo::to_item(first).map_err(unencodable)
}

/// Returns the items of a commit as the table's stream shows them, chunks last.
#[cfg(any(test, feature = "test-kit"))]
pub(crate) fn image_of(commit: &RecordedCommit) -> Result<Vec<serde_dynamo::Item>, Failure> {
    let attempt = commit.decisions.first().map_or("", |decision| decision.cause.id.as_str());
    let (head, chunks) = CommitItem::items(commit, attempt)?;
    let mut items = vec![to_item(&head, CommitFormat::NEWEST)?];
    for chunk in chunks {
        let chunk = serde_dynamo::to_item(chunk);
        items.push(chunk.map_err(|error| Failure::permanent("unencodable", error.to_string()))?);
    }
    Ok(items)
}
