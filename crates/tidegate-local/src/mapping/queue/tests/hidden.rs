//! Visibility: for how long a received message is the mapping's.

use super::*;

#[test]
fn a_throttled_batch_goes_again_while_its_messages_are_hidden() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a"]);
    bench.answer(0, InvocationResult::Throttled);
    assert_eq!(invoked(&bench.wait(100)), [r#"{"Records":["a"]}"#]);
    bench.now = bench.now.after(Duration::from_secs(50));
    bench.answer(0, InvocationResult::Throttled);
    assert!(bench.queue.is_idle());
    assert_eq!((bench.queue.counts().throttled, bench.queue.counts().retries), (2, 0));
}

#[test]
fn a_throttle_is_no_failed_delivery_and_leaves_nothing_to_delete() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a", "b"]);
    assert_eq!(deleted(&bench.answer(0, InvocationResult::Throttled)), [""; 0]);
    let counts = bench.queue.counts();
    assert_eq!((counts.throttled, counts.retries, counts.delivered), (1, 0, 0));
}

#[test]
fn a_held_message_that_became_visible_again_is_left_to_its_next_receive() {
    let mut bench = Bench::new(QueueSettings { batch_size: 1, maximum_concurrency: 1, ..settings() });
    bench.receive(&["a", "b"]);
    bench.now = bench.now.after(Duration::from_secs(61));
    bench.answer(0, success("null"));
    let actions = bench.step(Input::Deleted { batch: 0 });
    assert_eq!(invoked(&actions), [""; 0]);
    assert_eq!(bench.queue.lag(), 0);
    assert_eq!(invoked(&bench.receive(&["b"])), [r#"{"Records":["b"]}"#]);
}

#[test]
fn a_held_message_is_delivered_as_long_as_it_is_hidden() {
    let mut bench = Bench::new(QueueSettings { batch_size: 1, maximum_concurrency: 1, ..settings() });
    bench.receive(&["a", "b"]);
    bench.now = bench.now.after(Duration::from_secs(60));
    bench.answer(0, success("null"));
    assert_eq!(invoked(&bench.step(Input::Deleted { batch: 0 })), [r#"{"Records":["b"]}"#]);
}

#[test]
fn a_message_that_comes_again_while_its_first_delivery_goes_on_is_delivered_beside_it() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a"]);
    bench.now = bench.now.after(Duration::from_secs(61));
    assert_eq!(invoked(&bench.receive(&["a"])), [r#"{"Records":["a"]}"#]);
    assert_eq!(bench.queue.in_flight(), 2);
}

#[test]
fn a_message_that_failed_ages_while_it_is_hidden_and_until_it_is_done() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a"]);
    let sent = Some(START);
    assert_eq!(bench.queue.oldest(bench.now), sent);
    bench.now = bench.now.after(Duration::from_secs(5));
    bench.answer(0, InvocationResult::FunctionError(Bytes::from_static(b"{}")));
    assert_eq!((bench.queue.lag(), bench.queue.oldest(bench.now)), (0, sent));
    // Its visibility counts from the receive.
    let later = |seconds| START.after(Duration::from_secs(seconds));
    assert_eq!((bench.queue.oldest(later(60)), bench.queue.oldest(later(61))), (sent, None));
    bench.now = later(60);
    let again = Message {
        id: "a".to_owned(),
        receipt: "r".to_owned(),
        group: None,
        sent: START,
        json: Bytes::from_static(b"1"),
    };
    bench.step(Input::Received(vec![again]));
    bench.answer(1, success("null"));
    bench.step(Input::Deleted { batch: 1 });
    assert_eq!(bench.queue.oldest(bench.now), None);
}
