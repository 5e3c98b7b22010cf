//! Tests how a commit is stored and read again.

use super::chunk::CHUNK_BYTES;
use super::*;
use crate::envelope::DataSchema;
use crate::failure::Class;
use crate::ids::{Cause, Version};
use crate::store::commit::{RecordedCommit, RecordedEvent};
use crate::store::format::CommitFormat;

fn commit(data: &[String]) -> RecordedCommit {
    let events = data.iter().enumerate().map(|(index, data)| {
        let (id, version) = (format!("e{index}"), Version::new(3).plus(index));
        let time = "2010-12-01T08:26:00Z".parse().unwrap();
        RecordedEvent::new(id, version, DataSchema::new("OrderPlaced", 1), time, data)
    });
    let (stream, cause) = ("order#1".parse().unwrap(), Cause::new("import", "c1"));
    let written_at = "2026-01-01T00:00:00.5Z".parse().unwrap();
    let mut commit =
        RecordedCommit::new(stream, "shop.orders", cause, written_at, events.collect());
    commit.decisions[0].arrived_at = Some("2026-01-01T00:00:00.123Z".parse().unwrap());
    commit
}

#[test]
fn a_commit_that_fits_is_one_item() {
    let commit = commit(&[r#"{"n":1.50}"#.to_owned(), "{}".to_owned()]);
    let (item, chunks) = CommitItem::items(&commit, "a").unwrap();
    assert!(chunks.is_empty());
    assert_eq!(item.into_commit(chunks).unwrap(), commit);
}

#[test]
fn a_commit_of_any_size_is_put_together_again_from_its_chunks() {
    // Three-byte characters: no cut may be inside a character.
    let large = format!("\"{}\"", "€".repeat(300_000));
    let commit = commit(&[large, "1".to_owned()]);
    let (head, chunks) = CommitItem::items(&commit, "a").unwrap();
    assert_eq!(chunks.len(), 3);
    assert!(chunks.iter().all(|chunk| chunk.part.len() <= CHUNK_BYTES));
    assert!(bytes_of(&to_item(&head, CommitFormat::Two).unwrap()) < 1000);
    assert_eq!(head.into_commit(chunks).unwrap(), commit);
}

#[test]
fn a_chunk_that_is_missing_may_still_come_and_one_that_contradicts_the_head_may_not() {
    let commit = commit(&[format!("\"{}\"", "x".repeat(900_000))]);
    let (head, whole) = CommitItem::items(&commit, "a").unwrap();
    let with = |change: fn(&mut Vec<ChunkItem>)| {
        let mut chunks = whole.clone();
        change(&mut chunks);
        let failure = head.clone().into_commit(chunks).unwrap_err();
        (failure.class(), failure.code().to_owned())
    };
    let incomplete = (Class::Transient, INCOMPLETE.to_owned());
    assert_eq!(with(Vec::clear), incomplete);
    assert_eq!(with(|chunks| drop(chunks.pop())), incomplete);
    assert_eq!(with(|chunks| drop(chunks.remove(1))), incomplete, "from the middle");
    let corrupt = (Class::Permanent, "corrupt_commit".to_owned());
    assert_eq!(with(|chunks| chunks.push(ChunkItem { version: 3, ..chunks[0].clone() })), corrupt);
    assert_eq!(with(|chunks| chunks[2].part.push('x')), corrupt, "all there, and not JSON");
}

#[test]
fn an_item_is_split_before_it_is_too_large_and_the_estimate_is_never_too_low() {
    // The data is most of the item. The rest of the 400 KB is for names and numbers.
    for (bytes, chunks) in [(406_000, 0), (409_000, 2)] {
        let large = commit(&[format!("\"{}\"", "x".repeat(bytes))]);
        assert_eq!(CommitItem::items(&large, "a").unwrap().1.len(), chunks, "{bytes} bytes");
    }
    let many = commit(&vec!["1".to_owned(); 1000]);
    let (item, _) = CommitItem::items(&many, "a").unwrap();
    let estimated = item.bytes();
    let real = bytes_of(&to_item(&item, CommitFormat::Two).unwrap());
    assert!(real < estimated && estimated < real * 2, "{real} bytes, estimated {estimated}");
}

fn bytes_of(item: &serde_dynamo::Item) -> usize {
    item.iter().map(|(name, value)| name.len() + stored_bytes(value)).sum()
}

/// Computes the size by DynamoDB's rules: three bytes for a list or map, one for each entry,
/// plus names and texts.
fn stored_bytes(value: &serde_dynamo::AttributeValue) -> usize {
    use serde_dynamo::AttributeValue as V;
    match value {
        V::S(text) => text.len(),
        V::N(digits) => digits.len() / 2 + 2,
        V::L(values) => 3 + values.iter().map(|value| 1 + stored_bytes(value)).sum::<usize>(),
        V::M(map) => {
            3 + map.iter().map(|(name, value)| 1 + name.len() + stored_bytes(value)).sum::<usize>()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_no_transaction_holds_is_refused_by_name_and_size() {
    let refused = |data: &[String]| CommitItem::items(&commit(data), "a").unwrap_err();
    for data in [vec!["x".repeat(4_500_000)], vec!["1".to_owned(); 5_000]] {
        let failure = refused(&data);
        assert_eq!((failure.class(), failure.code()), (Class::Permanent, "commit_too_large"));
    }
    // Each part alone is within its limit, but not both together.
    let mut both = vec!["1".to_owned(); 2_500];
    both.push("x".repeat(4_000_000));
    assert!(refused(&both).reason().contains("a transaction holds 4128768"));
    assert_eq!(CommitItem::items(&commit(&both[2_000..]), "a").unwrap().1.len(), 10);
}

#[test]
fn a_commit_that_could_not_be_read_again_is_not_written() {
    let whole = commit(&["1".to_owned(), "2".to_owned()]);
    let with = |change: fn(&mut RecordedCommit)| {
        let mut commit = whole.clone();
        change(&mut commit);
        CommitItem::items(&commit, "a").map(drop).map_err(|failure| failure.code().to_owned())
    };
    assert_eq!(with(|_| {}), Ok(()));
    let invalid = Err("invalid_commit".to_owned());
    assert_eq!(with(|commit| commit.events.clear()), invalid, "no event");
    assert_eq!(with(|commit| commit.events[1].version = Version::new(9)), invalid, "a gap");
    assert_eq!(with(|commit| commit.events.swap(0, 1)), invalid, "another order");
    assert_eq!(with(|commit| commit.events[0].version = Version::NONE), invalid, "no version");
}
