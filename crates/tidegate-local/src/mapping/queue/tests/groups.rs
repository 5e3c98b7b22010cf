//! Tests of FIFO queues: what is kept in order, and what is not held up.

use super::*;

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
fn a_batch_has_messages_of_several_groups_each_in_its_order() {
    let mut bench = Bench::new(settings());
    let actions = bench.receive(&["a1@A", "b1@B", "a2@A", "b2@B"]);
    assert_eq!(invoked(&actions), [r#"{"Records":["a1","b1","a2","b2"]}"#]);
}

#[test]
fn a_failure_holds_up_its_own_group_alone() {
    let mut bench =
        Bench::new(QueueSettings { batch_size: 2, maximum_concurrency: 1, ..settings() });
    bench.receive(&["a1@A", "b1@B", "a2@A", "b2@B"]);
    let response = success(r#"{"batchItemFailures":[{"itemIdentifier":"a1"}]}"#);
    assert_eq!(deleted(&bench.answer(0, response)), ["receipt-b1"]);
    assert_eq!(invoked(&bench.step(Input::Deleted { batch: 0 })), [r#"{"Records":["b2"]}"#]);
    assert_eq!(bench.queue.lag(), 1, "a2 comes again behind a1");
}

#[test]
fn what_is_behind_a_failure_in_its_group_and_is_not_reported_is_deleted() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a1@A", "a2@A", "a3@A"]);
    let response = success(r#"{"batchItemFailures":[{"itemIdentifier":"a2"}]}"#);
    assert_eq!(deleted(&bench.answer(0, response)), ["receipt-a1", "receipt-a3"]);
}

#[test]
fn a_group_waits_while_its_batch_waits_after_a_throttle() {
    let mut bench = Bench::new(QueueSettings { maximum_concurrency: 3, ..settings() });
    bench.receive(&["a1@A"]);
    bench.answer(0, InvocationResult::Throttled);
    assert_eq!(invoked(&bench.receive(&["a2@A"])), [""; 0]);
    assert_eq!(invoked(&bench.wait(100)), [r#"{"Records":["a1"]}"#]);
}

#[test]
fn messages_that_wait_for_their_group_keep_no_other_group_from_being_received() {
    let mut bench =
        Bench::new(QueueSettings { batch_size: 1, maximum_concurrency: 2, ..settings() });
    bench.receive(&["a1@A"]);
    // The message became visible again while the function works on it.
    assert!(bench.receive(&["a1@A"]).contains(&Action::Receive { limit: 1 }));
    assert_eq!(invoked(&bench.receive(&["b1@B"])), [r#"{"Records":["b1"]}"#]);
}
