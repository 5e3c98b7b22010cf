//! Tests of the rules of a shard, each named after its rule.

mod batches;
mod failures;
mod filters;
mod giving_up;
mod properties;
mod reports;
mod restarts;
mod window_properties;
mod windows;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::Shard;
use super::machine::{BATCHES_PER_LANE, READ_AHEAD};
use super::step::{Action, Input};
use crate::driver::Machine;
use crate::invocation::{Answer, InvocationResult};
use crate::mapping::stream::settings::StreamSettings;
use lambda_shapes::moment::Moment;
use lambda_shapes::record::{OrderingKey, Record};
use lambda_shapes::sequence::SequenceNumber;
use lambda_shapes::stream_kind::StreamKind;
use topology::pattern::filter::{Filter, Filtered};

const START: Moment = Moment::from_millis(1_700_000_000_000);

fn settings() -> StreamSettings {
    StreamSettings {
        kind: StreamKind::Kinesis,
        source_arn: "arn:aws:kinesis:us-east-1:000000000000:stream/s".to_owned(),
        function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
        batch_size: 10,
        batching_window: Duration::ZERO,
        tumbling_window: Duration::ZERO,
        lanes: 1,
        report_batch_item_failures: true,
        bisect_on_error: false,
        maximum_retry_attempts: None,
        maximum_record_age: None,
        has_destination: true,
        filter: None,
        time_scale: 1.0,
    }
}

/// A shard with its clock; `now` moves only when a test moves it.
struct Bench {
    shard: Shard,
    now: Moment,
}

impl Bench {
    fn new(settings: StreamSettings) -> Self {
        let mut bench =
            Self { shard: Shard::new("shardId-000000000000", settings, None), now: START };
        assert_eq!(
            bench.step(Input::Start).first(),
            Some(&Action::Poll { limit: bench.capacity() })
        );
        bench
    }

    fn capacity(&self) -> usize {
        self.shard.settings.batch_size * self.shard.lanes.len() * BATCHES_PER_LANE + READ_AHEAD
    }

    fn step(&mut self, input: Input) -> Vec<Action> {
        self.shard.handle(input, self.now).unwrap()
    }

    fn read(&mut self, sequences: &[u32]) -> Vec<Action> {
        let records = sequences.iter().map(|n| record(*n, "k", self.now)).collect();
        self.step(Input::Read { records, closed: false, behind: false })
    }

    fn answer(&mut self, invocation: u64, result: InvocationResult) -> Vec<Action> {
        let answer = Answer { request_id: format!("request-{invocation}"), result };
        self.step(Input::Answered { lane: 0, invocation, answer })
    }

    fn wait(&mut self, millis: u64) -> Vec<Action> {
        self.now = self.now.after(Duration::from_millis(millis));
        self.step(Input::TimerDue)
    }

    fn checkpoint(&self) -> Option<&str> {
        self.shard.position().checkpoint().map(SequenceNumber::as_str)
    }
}

fn record(sequence: u32, key: &str, arrived: Moment) -> Record {
    Record {
        sequence: SequenceNumber::new(sequence.to_string()),
        key: OrderingKey::new(key.as_bytes()),
        arrived,
        json: Bytes::from(sequence.to_string()),
    }
}

fn success(response: &str) -> InvocationResult {
    InvocationResult::Success(Bytes::copy_from_slice(response.as_bytes()))
}

fn partial(sequence: u32) -> InvocationResult {
    success(&format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{sequence}"}}]}}"#))
}

fn error() -> InvocationResult {
    InvocationResult::FunctionError(Bytes::from_static(b"{\"errorType\":\"Boom\"}"))
}

/// Returns the sequence numbers of the batches that were begun.
fn invoked(actions: &[Action]) -> Vec<Vec<u32>> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Invoke { payload, .. } => {
                let event: Value = serde_json::from_slice(payload).unwrap();
                let records = event["Records"].as_array().unwrap();
                Some(records.iter().map(|n| u32::try_from(n.as_u64().unwrap()).unwrap()).collect())
            }
            _ => None,
        })
        .collect()
}

fn handed_over(actions: &[Action]) -> Value {
    actions
        .iter()
        .find_map(|action| match action {
            Action::HandOver { body, .. } => serde_json::from_str(body).ok(),
            _ => None,
        })
        .unwrap()
}

fn payload(actions: &[Action]) -> &Bytes {
    let payload = actions.iter().find_map(|action| match action {
        Action::Invoke { payload, .. } => Some(payload),
        _ => None,
    });
    payload.unwrap()
}
