use serde_json::json;

use super::*;
use crate::invocation::InvocationResult;
use crate::pattern::filter::{Filter, Filtered};

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

    /// Messages written as `id` or `id@group`.
    fn receive(&mut self, messages: &[&str]) -> Vec<Action> {
        let messages = messages.iter().map(|text| {
            let (id, group) = text.split_once('@').map_or((*text, None), |(id, group)| (id, Some(group)));
            Message {
                id: id.to_owned(),
                receipt: format!("receipt-{id}"),
                group: group.map(str::to_owned),
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
    let mut bench =
        Bench::new(QueueSettings { batching_window: Duration::from_secs(2), batch_size: 3, ..settings() });
    let actions = bench.receive(&["a"]);
    assert_eq!(
        actions,
        [Action::Receive { limit: 2 }, Action::WaitUntil(START.after(Duration::from_secs(2)))]
    );
    bench.receive(&["b"]);
    assert_eq!(invoked(&bench.wait(2000)), [r#"{"Records":["a","b"]}"#]);
    // Full before the window ends.
    assert_eq!(invoked(&bench.receive(&["c", "d", "e"])), [r#"{"Records":["c","d","e"]}"#]);
}

#[test]
fn a_message_group_has_one_batch_at_a_time() {
    let mut bench = Bench::new(QueueSettings { maximum_concurrency: 3, ..settings() });
    bench.receive(&["a1@A"]);
    assert_eq!(invoked(&bench.receive(&["a2@A", "b1@B"])), [r#"{"Records":["b1"]}"#]);
    bench.answer(0, success(""));
    assert_eq!(invoked(&bench.step(Input::Deleted { batch: 0 })), [r#"{"Records":["a2"]}"#]);
}

#[test]
fn what_is_held_of_a_failed_group_does_not_overtake_it() {
    let mut bench = Bench::new(QueueSettings { maximum_concurrency: 3, ..settings() });
    bench.receive(&["a1@A"]);
    bench.receive(&["a2@A"]);
    let actions = bench.answer(0, InvocationResult::FunctionError(Bytes::new()));
    assert_eq!(invoked(&actions), [""; 0]);
    assert!(bench.queue.is_idle());
}

#[test]
fn a_throttled_batch_goes_again_while_its_messages_are_hidden() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a"]);
    bench.answer(0, InvocationResult::Throttled);
    assert_eq!(invoked(&bench.wait(100)), [r#"{"Records":["a"]}"#]);
    bench.now = bench.now.after(Duration::from_secs(50));
    bench.answer(0, InvocationResult::Throttled);
    assert!(bench.queue.is_idle());
    assert_eq!(bench.queue.counts().throttled, 2);
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

/// Receives messages with ids from 0 on and these bodies.
fn receive_bodies(bench: &mut Bench, bodies: &[&str]) -> Vec<Action> {
    let messages = bodies.iter().enumerate().map(|(id, body)| Message {
        id: id.to_string(),
        receipt: format!("receipt-{id}"),
        group: None,
        json: Bytes::from(json!({"messageId": id, "body": body}).to_string()),
    });
    bench.step(Input::Received(messages.collect()))
}

/// Lets messages pass whose `n` is 1, one batch at a time.
fn filtered() -> QueueSettings {
    let filter = Filter::parse(Filtered::Sqs, [r#"{"body": {"n": [1]}}"#]).unwrap();
    QueueSettings { filter: Some(Arc::new(filter)), maximum_concurrency: 1, ..settings() }
}

#[test]
fn a_message_that_passes_no_filter_is_deleted_and_never_delivered() {
    let mut bench = Bench::new(filtered());
    let actions = receive_bodies(&mut bench, &[r#"{"n": 1}"#, r#"{"n": 2}"#, "text"]);
    assert_eq!(deleted(&actions), ["receipt-1", "receipt-2"]);
    assert_eq!(invoked(&actions).len(), 1);
    assert!(
        invoked(&actions)[0].contains(r#""messageId":0"#)
            && !invoked(&actions)[0].contains(r#""messageId":1"#)
    );
    assert_eq!(bench.queue.counts().filtered, 2);
    assert_eq!(deleted(&bench.answer(1, success("null"))), ["receipt-0"]);
    assert_eq!(bench.queue.counts().delivered, 1);
}

#[test]
fn deleting_what_passes_no_filter_takes_no_place_from_deliveries() {
    let mut bench = Bench::new(filtered());
    let actions = receive_bodies(&mut bench, &["text"]);
    assert!(matches!(actions[..], [Action::Delete { batch: 0, .. }, Action::Receive { .. }]), "{actions:?}");
    assert!(!bench.queue.is_idle(), "the message is still there");
    assert_eq!(invoked(&receive_bodies(&mut bench, &[r#"{"n": 1}"#])).len(), 1);
    bench.step(Input::Deleted { batch: 0 });
    bench.answer(1, success("null"));
    bench.step(Input::Deleted { batch: 1 });
    assert!(bench.queue.is_idle());
}

#[test]
fn a_stop_waits_until_what_passes_no_filter_is_deleted() {
    let mut bench = Bench::new(filtered());
    receive_bodies(&mut bench, &["text"]);
    assert_eq!(bench.step(Input::Stop), []);
    assert_eq!(bench.step(Input::Deleted { batch: 0 }), [Action::Stopped]);
}
