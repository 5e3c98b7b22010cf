//! Tests of records that a filter passes or rejects.

use super::*;

/// Records of a Kinesis stream with these data.
fn stored(records: &[(u32, &str)]) -> Vec<Record> {
    let json = |data: &str| json!({"kinesis": {"data": STANDARD.encode(data)}}).to_string();
    let record = |(sequence, data): &(u32, &str)| Record {
        json: json(data).into(),
        ..record(*sequence, "k", START)
    };
    records.iter().map(record).collect()
}

/// Settings with a filter for records whose `n` is 1.
fn filtered() -> StreamSettings {
    let filter = Filter::parse(Filtered::Kinesis, [r#"{"data": {"n": [1]}}"#]).unwrap();
    StreamSettings { filter: Some(Arc::new(filter)), ..settings() }
}

fn payloads(actions: &[Action]) -> Vec<usize> {
    let records = |payload: &Bytes| {
        serde_json::from_slice::<Value>(payload).unwrap()["Records"].as_array().unwrap().len()
    };
    let invoked = actions.iter().filter_map(|action| match action {
        Action::Invoke { payload, .. } => Some(records(payload)),
        _ => None,
    });
    invoked.collect()
}

#[test]
fn a_record_that_passes_no_filter_is_passed_over_and_the_position_moves_on() {
    let mut bench = Bench::new(filtered());
    let records = stored(&[(1, r#"{"n": 2}"#), (2, r#"{"n": 1}"#), (3, r#"{"n": 2}"#)]);
    let actions = bench.step(Input::Read { records, closed: false, behind: false });
    assert_eq!(payloads(&actions), [1]);
    assert!(actions.contains(&Action::Checkpoint(SequenceNumber::new("1"))), "{actions:?}");
    bench.answer(0, success("null"));
    assert_eq!(bench.checkpoint(), Some("3"));
    assert_eq!((bench.shard.counts().filtered, bench.shard.counts().delivered), (2, 1));
}

#[test]
fn records_of_which_none_passes_the_filter_invoke_nothing() {
    let mut bench = Bench::new(filtered());
    let records = stored(&[(1, r#"{"n": 2}"#), (2, "{}")]);
    let actions = bench.step(Input::Read { records, closed: false, behind: false });
    let capacity = bench.capacity();
    assert_eq!(
        actions,
        [Action::Checkpoint(SequenceNumber::new("2")), Action::Poll { limit: capacity }]
    );
    assert!(bench.shard.is_idle());
}

#[test]
fn a_record_that_is_no_json_is_filtered_out_without_a_dead_letter() {
    let mut bench = Bench::new(filtered());
    let actions =
        bench.step(Input::Read { records: stored(&[(1, "text")]), closed: true, behind: false });
    assert_eq!(actions, [Action::Checkpoint(SequenceNumber::new("1")), Action::Closed]);
    assert_eq!((bench.shard.counts().filtered, bench.shard.counts().discarded), (1, 0));
}

#[test]
fn a_batch_is_filled_with_records_that_pass_the_filter() {
    let mut bench = Bench::new(StreamSettings {
        batch_size: 2,
        batching_window: Duration::from_secs(9),
        ..filtered()
    });
    let records = stored(&[(1, r#"{"n": 1}"#), (2, r#"{"n": 2}"#)]);
    assert_eq!(
        payloads(&bench.step(Input::Read { records, closed: false, behind: false })),
        [0; 0]
    );
    let records = stored(&[(3, r#"{"n": 1}"#)]);
    assert_eq!(payloads(&bench.step(Input::Read { records, closed: false, behind: false })), [2]);
}

#[test]
fn a_table_streams_changes_are_filtered_by_what_they_are() {
    let filter =
        r#"{"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": ["order"]}}}}"#;
    let filter = Some(Arc::new(Filter::parse(Filtered::DynamoDb, [filter]).unwrap()));
    let mut bench = Bench::new(StreamSettings { kind: StreamKind::DynamoDb, filter, ..settings() });
    let change = |n: u32, name: &str, kind: &str| {
        Record {
        json: Bytes::from(
            json!({"eventName": name, "dynamodb": {"SequenceNumber": n.to_string(), "NewImage": {"kind": {"S": kind}}}})
                .to_string(),
        ),
        ..record(n, "k", START)
    }
    };
    let records = vec![
        change(1, "INSERT", "order"),
        change(2, "MODIFY", "order"),
        change(3, "INSERT", "note"),
    ];
    let actions = bench.step(Input::Read { records, closed: false, behind: false });
    let event: Value = serde_json::from_slice(payload(&actions)).unwrap();
    assert_eq!(event["Records"].as_array().unwrap().len(), 1);
    assert_eq!(event["Records"][0]["dynamodb"]["SequenceNumber"], "1");
    bench.answer(0, success(""));
    assert_eq!((bench.checkpoint(), bench.shard.counts().filtered), (Some("3"), 2));
}
