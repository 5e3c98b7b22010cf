//! Tests of the rules of a queue mapping, each named after its rule.

mod delivery;
mod filters;
mod groups;
mod hidden;

use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

use super::{Action, Input, Queue, QueueSettings};
use crate::driver::Machine;
use crate::invocation::{Answer, InvocationResult};
use lambda_shapes::batching::PAYLOAD_LIMIT;
use lambda_shapes::moment::Moment;
use lambda_shapes::queue::Message;

const START: Moment = Moment::from_millis(1_700_000_000_000);

struct Bench {
    queue: Queue,
    now: Moment,
}

fn settings() -> QueueSettings {
    QueueSettings {
        batch_size: 10,
        batching_window: Duration::ZERO,
        maximum_concurrency: 2,
        report_batch_item_failures: true,
        visibility: Duration::from_secs(60),
        timeout: Duration::from_secs(10),
        filter: None,
        time_scale: 1.0,
    }
}

impl Bench {
    fn new(settings: QueueSettings) -> Self {
        let mut bench = Self { queue: Queue::new(settings), now: START };
        assert!(matches!(bench.step(Input::Start)[..], [Action::Receive { .. }]));
        bench
    }

    fn step(&mut self, input: Input) -> Vec<Action> {
        self.queue.handle(input, self.now).unwrap()
    }

    /// Receives messages, written as `id` or `id@group`.
    fn receive(&mut self, messages: &[&str]) -> Vec<Action> {
        let messages = messages.iter().map(|text| {
            let (id, group) =
                text.split_once('@').map_or((*text, None), |(id, group)| (id, Some(group)));
            Message {
                id: id.to_owned(),
                receipt: format!("receipt-{id}"),
                group: group.map(str::to_owned),
                sent: self.now,
                json: Bytes::from(format!("{id:?}")),
            }
        });
        self.step(Input::Received(messages.collect()))
    }

    fn answer(&mut self, batch: u64, result: InvocationResult) -> Vec<Action> {
        self.step(Input::Answered { batch, answer: Answer { request_id: String::new(), result } })
    }

    fn wait(&mut self, millis: u64) -> Vec<Action> {
        self.now = self.now.after(Duration::from_millis(millis));
        self.step(Input::TimerDue)
    }
}

fn success(response: &'static str) -> InvocationResult {
    InvocationResult::Success(Bytes::from_static(response.as_bytes()))
}

fn invoked(actions: &[Action]) -> Vec<&str> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Invoke { payload, .. } => std::str::from_utf8(payload).ok(),
            _ => None,
        })
        .collect()
}

fn deleted(actions: &[Action]) -> Vec<&str> {
    actions
        .iter()
        .find_map(|action| match action {
            Action::Delete { receipts, .. } => Some(receipts.iter().map(String::as_str).collect()),
            _ => None,
        })
        .unwrap_or_default()
}

#[test]
fn a_batch_that_succeeded_is_deleted() {
    let mut bench = Bench::new(settings());
    assert_eq!(invoked(&bench.receive(&["a", "b"])), [r#"{"Records":["a","b"]}"#]);
    assert_eq!(deleted(&bench.answer(0, success("null"))), ["receipt-a", "receipt-b"]);
    assert!(!bench.queue.is_idle());
    bench.step(Input::Deleted { batch: 0 });
    assert!(bench.queue.is_idle());
    assert_eq!(bench.queue.counts().delivered, 2);
}

#[test]
fn exactly_the_reported_messages_are_left_to_their_visibility_timeout() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a", "b", "c"]);
    let response = success(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#);
    assert_eq!(deleted(&bench.answer(0, response)), ["receipt-a", "receipt-c"]);
    assert_eq!(bench.queue.counts().delivered, 2);
}

#[test]
fn a_batch_that_failed_as_a_whole_is_deleted_in_no_part() {
    for result in [
        success(r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#),
        success(r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#),
        success(r#"{"batchItemFailures":[{"itemIdentifier":"unknown"}]}"#),
        success(r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"unknown"}]}"#),
        success(r#"{"batchItemFailures":[{"id":"a"}]}"#),
        success("{"),
        InvocationResult::FunctionError(Bytes::new()),
    ] {
        let mut bench = Bench::new(settings());
        bench.receive(&["a", "b"]);
        let actions = bench.answer(0, result.clone());
        assert_eq!(deleted(&actions), [""; 0], "{result:?}");
        assert!(bench.queue.is_idle(), "{result:?}");
    }
}

#[test]
fn a_batch_of_which_every_message_is_reported_comes_again_as_a_whole() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a", "b"]);
    let response =
        success(r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#);
    assert_eq!(deleted(&bench.answer(0, response)), [""; 0]);
    assert_eq!((bench.queue.counts().retries, bench.queue.counts().delivered), (1, 0));
}

#[test]
fn a_batch_that_succeeded_as_a_whole_is_deleted_in_every_form_that_says_so() {
    for response in [
        "",
        "null",
        "\"\"",
        "{}",
        "[]",
        r#"{"batchItemFailures":[]}"#,
        r#"{"batchItemFailures":null}"#,
    ] {
        let mut bench = Bench::new(settings());
        bench.receive(&["a", "b"]);
        let actions = bench.answer(0, success(response));
        assert_eq!(deleted(&actions), ["receipt-a", "receipt-b"], "{response:?}");
    }
}

#[test]
fn a_batch_has_up_to_ten_thousand_messages_that_were_received_ten_at_a_time() {
    let window = Duration::from_secs(300);
    let mut bench =
        Bench::new(QueueSettings { batch_size: 10_000, batching_window: window, ..settings() });
    let ten = ["m"; 10];
    for receive in 1..1000 {
        let actions = bench.receive(&ten);
        assert_eq!(invoked(&actions), [""; 0], "{receive}");
        assert!(actions.contains(&Action::Receive { limit: 10 }), "{receive}");
    }
    assert_eq!(bench.queue.lag(), 9990);
    let actions = bench.receive(&ten);
    assert_eq!(invoked(&actions)[0].matches("\"m\"").count(), 10_000);
}

#[test]
fn a_batch_is_closed_before_the_message_that_would_exceed_six_megabytes() {
    let mut bench = Bench::new(settings());
    let body = "x".repeat(1024 * 1024);
    let actions = bench.receive(&[body.as_str(); 7]);
    let sizes: Vec<usize> = invoked(&actions).iter().map(|payload| payload.len()).collect();
    assert!(sizes.iter().all(|size| *size <= PAYLOAD_LIMIT), "{sizes:?}");
    let messages: Vec<usize> = sizes.iter().map(|size| size / body.len()).collect();
    assert_eq!(messages, [5, 2]);
}

#[test]
fn a_list_is_ignored_and_the_batch_deleted_unless_partial_responses_are_enabled() {
    let mut bench = Bench::new(QueueSettings { report_batch_item_failures: false, ..settings() });
    bench.receive(&["a"]);
    let response = success(r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#);
    assert_eq!(deleted(&bench.answer(0, response)), ["receipt-a"]);
}

#[test]
fn batches_run_beside_each_other_up_to_the_maximum_concurrency() {
    let mut bench = Bench::new(settings());
    assert!(bench.receive(&["a"]).contains(&Action::Receive { limit: 10 }));
    let actions = bench.receive(&["b"]);
    assert_eq!(invoked(&actions).len(), 1);
    assert!(!actions.iter().any(|action| matches!(action, Action::Receive { .. })));
    bench.answer(0, success(""));
    let actions = bench.step(Input::Deleted { batch: 0 });
    assert_eq!(actions, [Action::Receive { limit: 10 }]);
}

#[test]
fn a_window_gathers_messages_over_several_receives() {
    let mut bench = Bench::new(QueueSettings {
        batching_window: Duration::from_secs(2),
        batch_size: 3,
        ..settings()
    });
    let actions = bench.receive(&["a"]);
    assert_eq!(
        actions,
        [Action::Receive { limit: 2 }, Action::WaitUntil(START.after(Duration::from_secs(2)))]
    );
    bench.receive(&["b"]);
    assert_eq!(invoked(&bench.wait(2000)), [r#"{"Records":["a","b"]}"#]);
    // The batch is full before its window ends.
    assert_eq!(invoked(&bench.receive(&["c", "d", "e"])), [r#"{"Records":["c","d","e"]}"#]);
}

#[test]
fn a_window_begins_when_the_invocation_before_it_ends() {
    let window = Duration::from_secs(2);
    let mut bench =
        Bench::new(QueueSettings { batching_window: window, maximum_concurrency: 1, ..settings() });
    bench.receive(&["a"]);
    bench.wait(2000);
    bench.wait(5000);
    bench.answer(0, success(""));
    let ended = bench.now;
    bench.step(Input::Deleted { batch: 0 });
    bench.wait(500);
    let actions = bench.receive(&["b"]);
    assert!(actions.contains(&Action::WaitUntil(ended.after(window))), "{actions:?}");
    assert_eq!(invoked(&bench.wait(1500)), [r#"{"Records":["b"]}"#]);
}

#[test]
fn the_end_of_another_invocation_does_not_move_the_window_of_a_batch_that_is_gathered() {
    let window = Duration::from_secs(2);
    let mut bench = Bench::new(QueueSettings { batching_window: window, ..settings() });
    bench.receive(&["a"]);
    bench.wait(2000);
    let gathered = bench.now;
    bench.receive(&["b"]);
    bench.wait(1000);
    let actions = bench.answer(0, success(""));
    assert!(actions.contains(&Action::WaitUntil(gathered.after(window))), "{actions:?}");
    assert_eq!(invoked(&bench.wait(1000)), [r#"{"Records":["b"]}"#]);
}

#[test]
fn a_stop_waits_for_batches_in_flight_and_their_deletion() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a"]);
    assert_eq!(bench.step(Input::Stop), []);
    bench.answer(0, success(""));
    assert_eq!(bench.step(Input::Deleted { batch: 0 }), [Action::Stopped]);
}

#[test]
fn a_stop_gives_back_what_no_invocation_has() {
    let released = |receipts: &[&str]| Action::Release {
        receipts: receipts.iter().map(|receipt| (*receipt).to_owned()).collect(),
    };
    let mut bench = Bench::new(QueueSettings { maximum_concurrency: 1, ..settings() });
    bench.receive(&["a"]);
    bench.answer(0, InvocationResult::Throttled);
    assert_eq!(bench.step(Input::Stop), [released(&["receipt-a"]), Action::Stopped]);
    // This receive was in flight at the stop.
    assert_eq!(bench.receive(&["b"]), [released(&["receipt-b"])]);

    let window = Duration::from_secs(10);
    let mut bench = Bench::new(QueueSettings { batching_window: window, ..settings() });
    bench.receive(&["a", "b"]);
    assert_eq!(bench.step(Input::Stop), [released(&["receipt-a", "receipt-b"]), Action::Stopped]);
}

#[test]
fn a_batch_waits_in_line_only_while_its_function_can_end_before_its_messages_are_visible() {
    let mut bench = Bench::new(QueueSettings {
        visibility: Duration::from_secs(60),
        timeout: Duration::from_secs(10),
        ..settings()
    });
    let patience = |actions: &[Action]| {
        actions.iter().find_map(|action| match action {
            Action::Invoke { patience, .. } => Some(*patience),
            _ => None,
        })
    };
    assert_eq!(patience(&bench.receive(&["a"])), Some(Duration::from_secs(49)));
    bench.answer(0, InvocationResult::Throttled);
    assert_eq!(patience(&bench.wait(1000)), Some(Duration::from_secs(48)));
}

#[test]
fn an_input_that_the_state_does_not_allow_is_an_error_that_names_both() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a"]);
    let early = bench.queue.handle(Input::Deleted { batch: 0 }, START).unwrap_err();
    assert_eq!(
        early.to_string(),
        "queue mapping: batch 0, in flight, does not allow the deletion of batch 0"
    );
    let unknown = bench.queue.handle(Input::Deleted { batch: 9 }, START).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "queue mapping: batch 9, which does not exist, does not allow the deletion of batch 9"
    );
}
