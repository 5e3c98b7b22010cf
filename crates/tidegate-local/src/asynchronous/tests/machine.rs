//! Tests of the rules of asynchronous invocation, each named after its rule.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::asynchronous::AsynchronousSettings;
use crate::asynchronous::machine::Invocations;
use crate::asynchronous::step::{Action, Input, QueuedInvocation};
use crate::driver::Machine;
use crate::invocation::{Answer, InvocationResult};
use crate::own_queue::EventMachine;
use lambda_shapes::moment::Moment;

const START: Moment = Moment::from_millis(1_700_000_000_000);

struct Bench {
    events: Invocations,
    now: Moment,
}

fn settings() -> AsynchronousSettings {
    AsynchronousSettings {
        has_destination: true,
        hidden: Duration::from_secs(100_000),
        ..AsynchronousSettings::new(None, "arn:f", 2, 1.0)
    }
}

impl Bench {
    fn new(settings: AsynchronousSettings) -> Self {
        Self { events: Invocations::new(settings), now: START }
    }

    fn step(&mut self, input: Input) -> Vec<Action> {
        self.events.handle(input, self.now).unwrap()
    }

    fn accept(&mut self, event: u64) -> Vec<Action> {
        let request_id = format!("request-{event}");
        let payload = Bytes::from_static(b"{\"n\":1}");
        let content = QueuedInvocation { request_id, qualifier: None, accepted: self.now, payload };
        self.step(Input::Accepted { event, content })
    }

    fn answer(&mut self, event: u64, result: InvocationResult) -> Vec<Action> {
        self.step(Input::Answered { event, answer: Answer { request_id: "r".to_owned(), result } })
    }

    fn wait(&mut self, seconds: u64) -> Vec<Action> {
        self.now = self.now.after(Duration::from_secs(seconds));
        self.step(Input::TimerDue)
    }
}

fn error() -> InvocationResult {
    InvocationResult::FunctionError(Bytes::from_static(b"{\"errorType\":\"Boom\"}"))
}

fn is_invoked(actions: &[Action], event: u64) -> bool {
    actions.iter().any(|action| matches!(action, Action::Invoke { event: of, .. } if *of == event))
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

#[test]
fn an_event_that_succeeded_is_finished() {
    let mut bench = Bench::new(settings());
    assert!(is_invoked(&bench.accept(1), 1));
    assert!(
        bench
            .answer(1, InvocationResult::Success(Bytes::new()))
            .contains(&Action::Finish { event: 1 })
    );
    assert!(bench.events.is_idle());
}

#[test]
fn a_success_with_a_destination_is_finished_once_its_record_is_there() {
    let mut bench =
        Bench::new(AsynchronousSettings { has_success_destination: true, ..settings() });
    bench.accept(1);
    bench.answer(1, error());
    assert!(is_invoked(&bench.wait(60), 1));
    let actions = bench.answer(1, InvocationResult::Success(Bytes::from_static(b"{\"done\":1}")));
    let [Action::SendSuccess { event: 1, body }, Action::WaitUntil(_)] = actions.as_slice() else {
        panic!("{actions:?}")
    };
    let record: Value = serde_json::from_str(body).unwrap();
    let context = &record["requestContext"];
    assert_eq!(
        (&context["condition"], &context["approximateInvokeCount"]),
        (&json!("Success"), &json!(2))
    );
    assert_eq!(record["requestPayload"], json!({"n": 1}));
    assert_eq!(record["responsePayload"], json!({"done": 1}));
    assert_eq!((bench.events.counts().delivered, bench.events.counts().failed), (1, 0));
    assert!(!bench.events.is_idle(), "a crash now must not lose the record");
    assert!(bench.step(Input::HandedOver { event: 1 }).contains(&Action::Finish { event: 1 }));
    assert!(bench.events.is_idle());
}

#[test]
fn function_errors_are_retried_after_one_and_two_minutes_and_then_handed_over() {
    let mut bench = Bench::new(settings());
    bench.accept(1);
    bench.answer(1, error());
    assert!(!is_invoked(&bench.wait(59), 1));
    assert!(is_invoked(&bench.wait(1), 1));
    bench.answer(1, error());
    assert!(!is_invoked(&bench.wait(119), 1));
    assert!(is_invoked(&bench.wait(1), 1));
    let actions = bench.answer(1, error());
    let body = handed_over(&actions);
    assert_eq!(body["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(body["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(body["requestPayload"]["n"], 1);
    assert!(!actions.contains(&Action::Finish { event: 1 }), "finished before it had arrived");
    assert!(bench.step(Input::HandedOver { event: 1 }).contains(&Action::Finish { event: 1 }));
}

#[test]
fn the_time_scale_divides_the_waits() {
    let mut bench = Bench::new(AsynchronousSettings { time_scale: 60.0, ..settings() });
    bench.accept(1);
    bench.answer(1, error());
    assert!(is_invoked(&bench.wait(1), 1));
}

#[test]
fn throttles_do_not_consume_attempts_and_end_with_the_events_age() {
    let mut bench = Bench::new(settings());
    bench.accept(1);
    let mut throttles = 0;
    let body = loop {
        bench.answer(1, InvocationResult::Throttled);
        throttles += 1;
        let actions = bench.wait(300);
        if !is_invoked(&actions, 1) {
            break handed_over(&actions);
        }
    };
    assert_eq!(throttles, 73, "six hours in steps of five minutes, and one more");
    assert_eq!(body["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(body["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(body["requestContext"]["requestId"], "request-1");
    assert_eq!(body.get("responseContext"), None);
}

#[test]
fn throttles_are_tried_again_after_one_second_doubled_up_to_five_minutes() {
    let mut bench = Bench::new(settings());
    bench.accept(1);
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
        let actions = bench.answer(1, InvocationResult::Throttled);
        let due = bench.now.after(Duration::from_secs(wait));
        assert!(actions.contains(&Action::WaitUntil(due)), "{wait}: {actions:?}");
        assert!(is_invoked(&bench.wait(wait), 1), "{wait}");
    }
}

#[test]
fn an_event_grows_too_old_while_it_waits_for_a_retry_and_says_how_its_last_run_failed() {
    let mut bench = Bench::new(AsynchronousSettings {
        maximum_event_age: Duration::from_secs(60),
        maximum_retry_attempts: 2,
        ..settings()
    });
    bench.accept(1);
    bench.wait(30);
    bench.answer(1, error());
    assert_eq!(bench.wait(30), [Action::WaitUntil(bench.now.after(Duration::from_millis(1)))]);
    let body = handed_over(&bench.wait(1));
    assert_eq!(body["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(body["requestContext"]["approximateInvokeCount"], 1);
    assert_eq!(body["responsePayload"], json!({"errorType": "Boom"}));
}

#[test]
fn a_function_is_tried_once_more_than_its_retries() {
    for retries in 0..=2 {
        let mut bench =
            Bench::new(AsynchronousSettings { maximum_retry_attempts: retries, ..settings() });
        assert!(is_invoked(&bench.accept(1), 1));
        for _ in 0..retries {
            bench.answer(1, error());
            assert!(is_invoked(&bench.wait(120), 1), "{retries}");
        }
        let body = handed_over(&bench.answer(1, error()));
        assert_eq!(body["requestContext"]["approximateInvokeCount"], retries + 1);
        assert_eq!(bench.events.counts().retries, u64::from(retries));
    }
}

#[test]
fn a_function_with_no_concurrency_reserved_gives_every_event_up_without_an_attempt() {
    let mut bench = Bench::new(AsynchronousSettings { maximum_concurrency: 0, ..settings() });
    assert!(bench.events.room(bench.now) > 0);
    let actions = bench.accept(1);
    assert!(!is_invoked(&actions, 1));
    let body = handed_over(&actions);
    assert_eq!(body["requestContext"]["condition"], "ZeroReservedConcurrency");
    assert_eq!(body["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(body["requestPayload"], json!({"n": 1}));
    assert_eq!((body.get("responseContext"), body.get("responsePayload")), (None, None));
    assert_eq!((bench.events.counts().failed, bench.events.counts().throttled), (1, 0));
    assert!(bench.step(Input::HandedOver { event: 1 }).contains(&Action::Finish { event: 1 }));
}

#[test]
fn invocations_are_bounded_and_waiting_events_hold_nobody_up() {
    let mut bench = Bench::new(settings());
    bench.accept(1);
    bench.accept(2);
    assert!(!is_invoked(&bench.accept(3), 3));
    assert_eq!(bench.events.room(bench.now), 1);
    assert!(is_invoked(&bench.answer(1, error()), 3));
    assert_eq!(bench.events.room(bench.now), 2);
}

/// Lets this number of events fail, numbered from 1.
fn with_failed(settings: AsynchronousSettings, many: u64) -> (Bench, Vec<Action>) {
    let mut bench = Bench::new(settings);
    let mut rested = Vec::new();
    for event in 1..=many {
        bench.now = bench.now.after(Duration::from_millis(1));
        bench.accept(event);
        rested.extend(bench.answer(event, error()));
    }
    rested.retain(|action| matches!(action, Action::Rest { .. }));
    (bench, rested)
}

#[test]
fn thousands_of_events_in_retry_pauses_do_not_hold_a_fresh_one_up() {
    let (mut bench, rested) = with_failed(settings(), 3000);
    assert_eq!(bench.events.room(bench.now), 4);
    assert!(is_invoked(&bench.accept(3001), 3001));
    assert_eq!(bench.events.waiting(), 3000);
    // The events with the latest attempts go back to the queue.
    assert_eq!(rested.len(), 2000);
    let [first, ..] = rested.as_slice() else { panic!("{rested:?}") };
    assert_eq!(*first, Action::Rest { event: 1001, wait: Duration::from_secs(60) });
    assert!(!bench.events.is_idle());
}

#[test]
fn an_event_that_comes_back_from_its_queue_has_the_attempts_it_had() {
    let (mut bench, rested) = with_failed(settings(), 1001);
    assert_eq!(rested, [Action::Rest { event: 1001, wait: Duration::from_secs(60) }]);
    let accepted = bench.now;
    let back = |event| {
        let payload = Bytes::from_static(b"{\"n\":1}");
        let content = QueuedInvocation {
            request_id: "request-1001".to_owned(),
            qualifier: None,
            accepted,
            payload,
        };
        Input::Accepted { event, content }
    };
    // A queue may deliver the event early: it goes back until it is due.
    let actions = bench.step(back(2000));
    assert_eq!(actions.first(), Some(&Action::Rest { event: 2000, wait: Duration::from_secs(60) }));
    bench.wait(60);
    let mut actions = bench.step(back(2001));
    for event in 1.. {
        if is_invoked(&actions, 2001) {
            break;
        }
        actions = bench.answer(event, InvocationResult::Success(Bytes::new()));
    }
    bench.answer(2001, error());
    bench.wait(120);
    let record = handed_over(&bench.answer(2001, error()));
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["requestPayload"], json!({"n": 1}));
}

#[test]
fn an_event_that_somebody_deletes_from_the_queue_is_forgotten() {
    let (mut bench, _) =
        with_failed(AsynchronousSettings { hidden: Duration::from_secs(120), ..settings() }, 1001);
    let known = |bench: &Bench| bench.events.waiting() + bench.events.in_flight();
    // It may be very late, as on a machine that slept: the next receive may still bring it.
    bench.wait(60 + 3 * 120 - 1);
    let began = bench.now;
    bench.step(Input::Empty { began });
    bench.wait(1);
    assert_eq!(known(&bench), 1001, "the queue was empty before it counted as late");
    let began = bench.now;
    bench.step(Input::Empty { began });
    assert_eq!(known(&bench), 1000);
}

#[test]
fn a_hand_over_that_does_not_end_takes_no_place_of_other_events() {
    let mut bench = Bench::new(AsynchronousSettings { maximum_retry_attempts: 0, ..settings() });
    for event in 1..=4 {
        bench.accept(event);
        handed_over(&bench.answer(event, error()));
    }
    assert_eq!(bench.events.room(bench.now), 4);
    assert!(is_invoked(&bench.accept(5), 5));
}

#[test]
fn an_event_stays_hidden_as_long_as_it_lives() {
    let mut bench =
        Bench::new(AsynchronousSettings { hidden: Duration::from_secs(120), ..settings() });
    bench.accept(1);
    assert!(!bench.wait(59).contains(&Action::Hide { event: 1 }));
    assert!(bench.wait(1).contains(&Action::Hide { event: 1 }));
    assert!(bench.wait(60).contains(&Action::Hide { event: 1 }));
}

#[test]
fn without_a_destination_a_given_up_event_is_finished_and_counted() {
    let settings =
        AsynchronousSettings { has_destination: false, maximum_retry_attempts: 0, ..settings() };
    let mut bench = Bench::new(settings);
    bench.accept(1);
    assert!(bench.answer(1, error()).contains(&Action::Finish { event: 1 }));
    assert_eq!(bench.events.counts().failed, 1);
}

#[test]
fn a_stop_waits_for_what_is_in_flight_and_leaves_the_rest_in_the_queue() {
    let mut bench = Bench::new(settings());
    bench.accept(1);
    bench.accept(2);
    bench.answer(1, error());
    bench.accept(3);
    let actions = bench.step(Input::Stop);
    assert_eq!(actions.first(), Some(&Action::Release { event: 1 }), "at once");
    assert!(!actions.contains(&Action::Stopped));
    assert_eq!(bench.accept(4).first(), Some(&Action::Release { event: 4 }));
    assert_eq!(bench.answer(3, error()).first(), Some(&Action::Release { event: 3 }));
    let actions = bench.answer(2, InvocationResult::Success(Bytes::new()));
    assert_eq!(actions, [Action::Finish { event: 2 }, Action::Stopped]);
}

#[test]
fn an_input_that_the_state_does_not_allow_is_an_error_that_names_both() {
    let mut bench = Bench::new(settings());
    bench.accept(1);
    let refused = bench.events.handle(Input::HandedOver { event: 1 }, START).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "asynchronous invocation: event 1, in flight, does not allow the hand-over of event 1"
    );
}
