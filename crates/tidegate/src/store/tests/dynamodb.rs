//! Tests of the store against a fake DynamoDB that gives prepared answers.

use futures::future::join_all;
use serde_json::{Value, json};

use super::stream;
use crate::aws::fake::{Answer, FakeDynamoDb};
use crate::envelope::{DataRef, DataSchema};
use crate::failure::{Class, Failure};
use crate::ids::{Cause, StreamId, Version};
use crate::store::item::image_of;
use crate::store::*;

/// Returns a store, and the fake that gives its requests these answers in order.
async fn store(answers: Vec<Answer>) -> (DynamoDbEventStore, FakeDynamoDb) {
    let fake = FakeDynamoDb::answering(answers).await;
    (DynamoDbEventStore::new(fake.dynamodb.clone(), "event-store"), fake)
}

fn commit(bytes: usize) -> Commit {
    let (time, schema) = (jiff::Timestamp::UNIX_EPOCH, DataSchema::new("Added", 1));
    let data = format!("\"{}\"", "x".repeat(bytes));
    let event = RecordedEvent::new("e", Version::new(1), schema, time, data);
    let record = RecordedCommit::new(stream(), "test", Cause::new("test", "c"), time, vec![event]);
    Commit::new(record, "attempt")
}

/// Returns the commit's items in DynamoDB's JSON, the head first.
fn items(commit: &RecordedCommit) -> Vec<Value> {
    image_of(commit).unwrap().iter().map(|item| serde_json::to_value(item).unwrap()).collect()
}

fn page(items: &[Value]) -> Answer {
    Answer::page(items)
}

fn refused(code: &str, body: Value) -> Answer {
    Answer::refused(code, body)
}

#[tokio::test]
async fn chunks_that_are_not_visible_yet_are_read_again() {
    let large = commit(900_000);
    let items = items(&large.record);
    let (head, chunks) = items.split_first().unwrap();
    let head = page(std::slice::from_ref(head));
    // The first read finds no chunks, the second some, the third all.
    let answers =
        vec![head.clone(), page(&[]), head.clone(), page(&chunks[1..]), head.clone(), page(chunks)];
    let (store, calls) = store(answers).await;
    assert_eq!(store.read(&stream(), Version::NONE).await, Ok(vec![large.record]));
    assert_eq!(calls.operations().len(), 6);
}

#[tokio::test]
async fn a_commit_whose_chunks_do_not_come_is_transient_after_a_bounded_number_of_looks() {
    let items = items(&commit(900_000).record);
    let head = page(&items[..1]);
    let answers = (0..20).flat_map(|_| [head.clone(), page(&items[1..2])]).collect();
    let (store, calls) = store(answers).await;
    let failure = store.read(&stream(), Version::NONE).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Transient, "incomplete_commit"));
    assert!(failure.reason().contains("1 of its 3 chunks"), "{failure}");
    assert_eq!(calls.operations().len(), 14);
}

#[tokio::test]
async fn a_commit_that_is_not_visible_between_two_others_is_read_again() {
    let at = |version: u64| {
        let mut commit = commit(1);
        commit.record.events[0].version = Version::new(version);
        commit.record
    };
    let all: Vec<Value> = (1..4).map(|version| items(&at(version)).remove(0)).collect();
    let (store, _) = store(vec![page(&[all[0].clone(), all[2].clone()]), page(&all)]).await;
    assert_eq!(store.read(&stream(), Version::NONE).await, Ok(vec![at(1), at(2), at(3)]));
}

#[tokio::test]
async fn a_commit_that_is_not_visible_before_the_first_one_is_read_again() {
    let (mut first, mut next) = (commit(1).record, commit(1).record);
    first.events.push(RecordedEvent { version: Version::new(2), ..first.events[0].clone() });
    first.decisions[0].event_count = 2;
    next.events[0].version = Version::new(3);
    let [one, two] = [&first, &next].map(|record| items(record).remove(0));
    let all = [one.clone(), two.clone()];
    let both = vec![first.clone(), next.clone()];
    let answers = vec![page(std::slice::from_ref(&two)), page(&all)];
    let (reads, _) = store(answers).await;
    assert_eq!(reads.read(&stream(), Version::NONE).await, Ok(both.clone()));
    // A read from the middle of the commit, which first looks below.
    let above = page(std::slice::from_ref(&two));
    let answers = vec![page(&[]), above.clone(), page(std::slice::from_ref(&one)), above];
    let (reads, calls) = store(answers).await;
    assert_eq!(reads.read(&stream(), Version::new(1)).await, Ok(both));
    assert_eq!(calls.operations().len(), 4);
    // If the missing commit never appears, the failure is transient.
    let (reads, _) = store(vec![page(std::slice::from_ref(&two))]).await;
    let failure = reads.read(&stream(), Version::NONE).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Transient, "incomplete_stream"));
}

#[tokio::test]
async fn a_commit_of_a_newer_format_is_transient_where_it_is_read_and_where_it_is_in_the_way() {
    let newer =
        json!({ "stream": { "S": "counter#1" }, "version": { "N": "1" }, "format": { "N": "3" } });
    let in_the_way = refused("ConditionalCheckFailedException", json!({ "Item": newer.clone() }));
    let (reads, _) = store(vec![page(&[newer])]).await;
    let (writes, _) = store(vec![in_the_way]).await;
    let read = reads.read(&stream(), Version::NONE).await.map(drop);
    let written = writes.commit(&commit(1)).await.map(drop);
    for answer in [read, written] {
        let failure = answer.unwrap_err();
        assert_eq!((failure.class(), failure.code()), (Class::Transient, Failure::NEWER));
        let place = "counter#1: the commit at version 1 has format 3";
        assert!(failure.reason().contains(place), "{failure}");
    }
}

#[tokio::test]
async fn an_event_is_read_whatever_format_the_commits_behind_it_have() {
    let mut record = commit(1).record;
    record.events[0].version = Version::new(2);
    let newer =
        json!({ "stream": { "S": "counter#1" }, "version": { "N": "3" }, "format": { "N": "3" } });
    let at = |version| DataRef { stream: stream(), version: Version::new(version) };
    // Reads backwards from the event, so the newer one is not read at all.
    let (reads, calls) = store(vec![page(&items(&record)), page(&[newer])]).await;
    assert_eq!(resolve(&reads, &at(2)).await, Ok(record.events[0].clone()));
    assert_eq!(calls.operations().len(), 1);
    assert_eq!(resolve(&reads, &at(3)).await.unwrap_err().code(), Failure::NEWER);
}

#[tokio::test]
async fn a_split_commit_is_read_at_any_of_its_versions() {
    let large = commit(900_000).record;
    let all = items(&large);
    let (head, chunks) = all.split_first().unwrap();
    let (reads, _) = store(vec![page(std::slice::from_ref(head)), page(chunks)]).await;
    assert_eq!(reads.read_at(&stream(), Version::new(1)).await, Ok(Some(large)));
}

#[tokio::test]
async fn an_event_that_cannot_be_seen_yet_is_looked_for_behind_and_read_again() {
    let at = |version: u64| {
        let mut record = commit(1).record;
        record.events[0].version = Version::new(version);
        record
    };
    let [one, two, three] = [1, 2, 3].map(|version| page(&[items(&at(version)).remove(0)]));
    // The event at version 2: the read finds the one below and, after it, one above.
    let (reads, calls) = store(vec![one.clone(), one, three, two]).await;
    assert_eq!(reads.read_at(&stream(), Version::new(2)).await, Ok(Some(at(2))));
    assert_eq!(calls.operations().len(), 4);
    let (reads, _) = store(vec![page(&[])]).await;
    assert_eq!(reads.read_at(&stream(), Version::new(2)).await, Ok(None));
}

#[tokio::test]
async fn what_cancels_a_transaction_decides_what_becomes_of_the_commit() {
    let large = commit(900_000);
    let mut theirs = items(&large.record).remove(0);
    theirs["attempt"] = json!({ "S": "theirs" });
    let none = json!({ "Code": "None" });
    let head = json!({ "Code": "ConditionalCheckFailed", "Item": theirs });
    let conflict = json!({ "Code": "TransactionConflict", "Message": "conflict" });
    let throttled = json!({ "Code": "ThrottlingError", "Message": "slow down" });
    let capacity = json!({ "Code": "ProvisionedThroughputExceeded", "Message": "slow down" });
    let size = json!({ "Code": "ValidationError", "Message": "Item size has exceeded the maximum allowed size" });
    let keys = json!({ "Code": "ValidationError", "Message": "Missing the key id in the item" });
    let failed = |class: Class, code: &str| Err((class, code.to_owned()));
    for (reasons, wanted) in [
        (vec![head.clone(), none.clone()], Ok(CommitOutcome::Duplicate)),
        (vec![head, throttled.clone()], Ok(CommitOutcome::Duplicate)),
        (vec![none.clone(), conflict.clone()], Ok(CommitOutcome::Conflict)),
        (vec![none.clone(), throttled], failed(Class::Transient, Failure::THROTTLED)),
        (vec![conflict, capacity], failed(Class::Transient, Failure::THROTTLED)),
        (vec![none.clone(), size], failed(Class::Permanent, "unstorable")),
        (vec![keys, none.clone()], failed(Class::Transient, "event_store")),
    ] {
        let body = json!({ "Message": "cancelled", "CancellationReasons": reasons });
        let (store, _) = store(vec![refused("TransactionCanceledException", body)]).await;
        let answer = store.commit(&large).await;
        let answer = answer.map_err(|failure| (failure.class(), failure.code().to_owned()));
        assert_eq!(answer, wanted, "{reasons:?}");
    }
}

#[tokio::test]
async fn only_what_is_wrong_with_the_item_itself_is_permanent() {
    for (message, class) in [
        ("Item size has exceeded the maximum allowed size", Class::Permanent),
        (
            "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes",
            Class::Permanent,
        ),
        ("Attempting to store more than 38 significant digits in a Number", Class::Permanent),
        (
            "One or more parameter values were invalid: Missing the key id in the item",
            Class::Transient,
        ),
        (
            "One or more parameter values were invalid: Type mismatch for key version expected: S actual: N",
            Class::Transient,
        ),
    ] {
        let (store, _) =
            store(vec![refused("ValidationException", json!({ "message": message }))]).await;
        assert_eq!(store.commit(&commit(1)).await.unwrap_err().class(), class, "{message}");
    }
}

/// Returns a commit of the stream with this number.
fn numbered(number: usize) -> Commit {
    let mut commit = commit(1);
    commit.record.stream = format!("counter#{number}").parse().unwrap();
    commit
}

/// Returns the item of a commit as a read returns it.
fn item(commit: &Commit, attempt: &str) -> Value {
    let mut item = items(&commit.record).remove(0);
    item["attempt"] = json!({ "S": attempt });
    item
}

async fn write_all(store: &DynamoDbEventStore, count: usize) -> Vec<Result<CommitOutcome, Class>> {
    let commits: Vec<Commit> = (0..count).map(numbered).collect();
    let written = join_all(commits.iter().map(|commit| store.commit(commit))).await;
    written.into_iter().map(|written| written.map_err(|failure| failure.class())).collect()
}

fn got(items: &[Value]) -> Answer {
    Answer::Body(200, json!({ "Responses": { "event-store": items } }))
}

#[tokio::test]
async fn commits_that_wait_at_the_same_moment_share_a_request_and_each_has_its_own_outcome() {
    let errors =
        [json!(null), json!("DuplicateItem"), json!("DuplicateItem"), json!("TransactionConflict")];
    let mut other = item(&numbered(2), "other");
    other["decisions"]["L"][0]["M"]["cause"]["M"]["id"] = json!({ "S": "other" });
    // The answer names the items in another order.
    let there = got(&[other, item(&numbered(1), "other")]);
    let (store, calls) = store(vec![Answer::statements(&errors), there]).await;
    let outcomes = write_all(&store, 4).await;
    use CommitOutcome::{Conflict, Duplicate, Stored};
    assert_eq!(outcomes, [Ok(Stored), Ok(Duplicate), Ok(Conflict), Ok(Conflict)]);
    assert_eq!(calls.operations(), ["batchexecutestatement", "batchgetitem"]);
    let read = &calls.bodies()[1]["RequestItems"]["event-store"];
    assert_eq!(read["ConsistentRead"], json!(true));
}

#[tokio::test]
async fn after_a_lost_answer_a_commit_finds_that_it_was_stored() {
    let taken = Answer::statements(&[json!("DuplicateItem"), json!("DuplicateItem")]);
    let ours = got(&[item(&numbered(0), "attempt"), item(&numbered(1), "attempt")]);
    let (store, calls) = store(vec![Answer::Lost, taken, ours]).await;
    assert_eq!(write_all(&store, 2).await, [Ok(CommitOutcome::Stored); 2]);
    assert_eq!(calls.operations().len(), 3);
}

#[tokio::test]
async fn what_a_batch_cannot_judge_is_written_alone() {
    // The first statement is throttled, and so is its first single write, which the SDK repeats.
    let first = Answer::statements(&[json!("ThrottlingError"), json!(null)]);
    let slow = refused("ThrottlingException", json!({}));
    let (store, calls) = store(vec![first, slow, Answer::Body(200, json!({}))]).await;
    assert_eq!(write_all(&store, 2).await, [Ok(CommitOutcome::Stored); 2]);
    assert_eq!(calls.operations(), ["batchexecutestatement", "putitem", "putitem"]);
    // A statement that is invalid fails as a single write does, by what is wrong with its item.
    let invalid = Answer::statements(&[json!("ValidationError"), json!(null)]);
    let size = json!({ "message": "Item size has exceeded the maximum allowed size" });
    let answers = vec![invalid, refused("ValidationException", size)];
    let (store, _) = self::store(answers).await;
    assert_eq!(write_all(&store, 2).await, [Err(Class::Permanent), Ok(CommitOutcome::Stored)]);
}

#[tokio::test]
async fn a_place_that_is_taken_and_cannot_be_read_is_transient() {
    let taken = Answer::statements(&[json!("DuplicateItem"), json!(null)]);
    let (store, calls) = store(vec![taken, Answer::Body(200, json!({}))]).await;
    assert_eq!(write_all(&store, 2).await, [Err(Class::Transient), Ok(CommitOutcome::Stored)]);
    assert_eq!(calls.operations(), ["batchexecutestatement", "getitem"]);
}

#[tokio::test]
async fn an_older_format_is_written_until_all_readers_know_the_newer_one() {
    let (newest, calls) = store(vec![Answer::Body(200, json!({}))]).await;
    let older = newest.clone().format(CommitFormat::One);
    assert!(newest.takes_several_decisions() && !older.takes_several_decisions());
    for store in [&newest, &older] {
        assert_eq!(store.commit(&commit(1)).await, Ok(CommitOutcome::Stored));
    }
    let [new, old] = [0, 1].map(|call: usize| calls.bodies()[call]["Item"].clone());
    assert_eq!((&new["format"], old.get("format")), (&json!({ "N": "2" }), None));
    assert_eq!((&new.get("cause"), &old["cause"]["M"]["id"]), (&None, &json!({ "S": "c" })));
    let read = |item: Value| async move {
        let (store, _) = store(vec![page(&[item])]).await;
        store.read(&stream(), Version::NONE).await.unwrap()
    };
    assert_eq!(read(new).await, read(old).await);
}

#[tokio::test]
async fn reads_of_many_streams_do_not_open_a_connection_each() {
    let (store, calls) = store(vec![Answer::Silence]).await;
    let streams: Vec<StreamId> = (0..40).map(|number| numbered(number).record.stream).collect();
    let reads = join_all(streams.iter().map(|stream| store.read(stream, Version::NONE)));
    let sixteen = async {
        while calls.operations().len() < 16 {
            tokio::task::yield_now().await;
        }
        // Every read that runs holds one of the turns, and no turn is left.
        assert!(futures::poll!(Box::pin(calls.dynamodb.turn())).is_pending());
        assert_eq!(calls.operations(), ["query"; 16]);
    };
    tokio::select! {
        _ = reads => panic!("nothing is answered"),
        () = sixteen => {}
    }
}
