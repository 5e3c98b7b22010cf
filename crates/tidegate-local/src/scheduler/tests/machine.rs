//! Every rule of firing, without waiting.

use std::time::Duration;

use jiff::Timestamp;
use lambda_shapes::moment::Moment;
use serde_json::{Value, json};

use super::super::Key;
use super::super::machine::{AT_A_TIME, Scheduler};
use super::super::progress::Progress;
use super::super::refusal::Refusal;
use super::super::step::{Action, Input};
use super::{NOW, at, body, read};
use crate::driver::Machine;
use crate::exhausted::Exhausted;

/// A machine with a clock that only the test moves.
struct Bench {
    machine: Scheduler,
    now: Moment,
    timer: Option<Moment>,
    kept: Vec<Progress>,
}

/// What a step led to, without storing and timers.
#[derive(Debug, PartialEq)]
enum Did {
    Called(String, u64, Timestamp, u32),
    Parked(u64, String, u32, Option<Exhausted>),
    Deleted(String),
    Stopped,
}

impl Bench {
    fn new(time_scale: f64) -> Self {
        let now = Moment::from(at(NOW));
        Self { machine: Scheduler::new(time_scale), now, timer: None, kept: Vec::new() }
    }

    fn give(&mut self, input: Input) -> Vec<Did> {
        let actions = self.machine.handle(input, self.now).unwrap();
        self.timer = None;
        let mut did = Vec::new();
        for action in actions {
            match action {
                Action::Keep { progress, .. } => self.kept.push(progress),
                Action::Forget { .. } => self.kept.push(Progress::default()),
                Action::HandOver { key, firing, scheduled, attempt } => {
                    let owes = |kept: &Progress| kept.owed.iter().any(|o| o.scheduled == scheduled);
                    let stored = self.kept.iter().any(owes);
                    assert!(stored || attempt > 1, "{key} is called before it is stored");
                    did.push(Did::Called(key.name, firing, scheduled, attempt));
                }
                Action::Park { firing, given_up, .. } => did.push(Did::Parked(
                    firing,
                    given_up.refusal.code,
                    given_up.retry_attempts,
                    given_up.exhausted,
                )),
                Action::Delete { key, .. } => did.push(Did::Deleted(key.name)),
                Action::WaitUntil(moment) => self.timer = Some(moment),
                Action::Stopped => did.push(Did::Stopped),
            }
        }
        did
    }

    fn put(&mut self, name: &str, expression: &str, changes: Value) -> Vec<Did> {
        let definition = read(name, &body(expression, changes)).unwrap();
        self.put_spec(name, &definition, None)
    }

    fn put_spec(
        &mut self,
        name: &str,
        definition: &super::super::definition::Definition,
        progress: Option<Progress>,
    ) -> Vec<Did> {
        let spec = Box::new(definition.spec().unwrap());
        self.give(Input::Put { key: key(name), spec, progress })
    }

    /// Lets time pass to the timer that the machine asked for.
    fn timer(&mut self) -> Vec<Did> {
        self.now = self.timer.expect("the machine waits for nothing");
        self.give(Input::TimerDue)
    }

    fn sleep(&mut self, duration: Duration) -> Vec<Did> {
        self.now = self.now.after(duration);
        self.give(Input::TimerDue)
    }

    fn tried(&mut self, name: &str, firing: u64, result: Result<(), Refusal>) -> Vec<Did> {
        self.give(Input::Tried { key: key(name), firing, result, jitter: 1.0 })
    }

    fn waits(&self) -> Duration {
        self.timer.expect("it waits").since(self.now)
    }
}

fn key(name: &str) -> Key {
    Key::new("default", name)
}

fn refusal(is_transient: bool) -> Refusal {
    Refusal { code: "Throttled".to_owned(), message: "slow down".to_owned(), is_transient }
}

fn called(name: &str, firing: u64, scheduled: &str, attempt: u32) -> Did {
    Did::Called(name.to_owned(), firing, at(scheduled), attempt)
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_one_time_schedule_fires_once_at_its_time_and_stays() {
    let mut bench = Bench::new(1.0);
    assert_eq!(bench.put("once", "at(2026-11-30T10:15:00)", json!({})), []);
    assert_eq!(bench.waits(), Duration::from_secs(15 * 60));
    assert_eq!(bench.timer(), [called("once", 1, "2026-11-30T10:15:00Z", 1)]);
    assert_eq!(bench.kept.last().unwrap().owed.len(), 1, "it is stored first");
    assert_eq!(bench.tried("once", 1, Ok(())), []);
    let kept = bench.kept.last().unwrap();
    assert_eq!((kept.owed.len(), kept.last), (0, Some(at("2026-11-30T10:15:00Z"))));
    assert_eq!((bench.timer, bench.machine.schedules(), bench.machine.waiting()), (None, 1, 0));
}

#[test]
fn a_schedule_that_is_deleted_after_its_completion_is_deleted_when_the_target_has_it() {
    let mut bench = Bench::new(1.0);
    bench.put("once", "at(2026-11-30T10:15:00)", json!({ "ActionAfterCompletion": "DELETE" }));
    bench.timer();
    assert_eq!(bench.tried("once", 1, Ok(())), [Did::Deleted("once".to_owned())]);
    assert_eq!(bench.kept.last(), Some(&Progress::default()), "nothing is left of it");
    assert_eq!(bench.machine.groups()["default"].handed_over, 1);
    // Of a recurring one, at its end.
    let end = at("2026-11-30T10:02:00Z").as_second();
    let changes = json!({ "ActionAfterCompletion": "DELETE", "EndDate": end });
    let mut bench = Bench::new(1.0);
    assert_eq!(bench.put("r", "rate(1 minute)", changes), [called("r", 1, NOW, 1)]);
    assert_eq!(bench.tried("r", 1, Ok(())), []);
    assert_eq!(bench.timer(), [called("r", 2, "2026-11-30T10:01:00Z", 1)]);
    assert_eq!(bench.tried("r", 2, Ok(())), [Did::Deleted("r".to_owned())]);
}

#[test]
fn a_time_in_the_past_fires_at_once_and_a_disabled_schedule_never() {
    let mut bench = Bench::new(1.0);
    let past = "at(2022-12-31T23:59:59)";
    assert_eq!(bench.put("past", past, json!({})), [called("past", 1, "2022-12-31T23:59:59Z", 1)]);
    bench.tried("past", 1, Ok(()));
    assert_eq!(bench.put("off", "rate(1 minute)", json!({ "State": "DISABLED" })), []);
    assert_eq!(bench.timer, None);
}

#[test]
fn a_rate_fires_at_once_and_then_at_its_pace_whatever_a_try_takes() {
    let mut bench = Bench::new(1.0);
    assert_eq!(bench.put("r", "rate(5 minutes)", json!({})), [called("r", 1, NOW, 1)]);
    assert_eq!(bench.waits(), Duration::from_secs(300));
    // The first try goes on.
    assert_eq!(bench.timer(), [called("r", 2, "2026-11-30T10:05:00Z", 1)]);
    assert_eq!((bench.machine.waiting(), bench.waits()), (2, Duration::from_secs(300)));
    bench.tried("r", 1, Ok(()));
    bench.tried("r", 2, Ok(()));
    assert_eq!(bench.machine.waiting(), 0);
}

#[test]
fn the_time_scale_divides_the_wait_and_not_the_time() {
    let mut bench = Bench::new(60.0);
    bench.put("once", "at(2026-11-30T10:15:00)", json!({}));
    assert_eq!(bench.waits(), 15 * SECOND);
    assert_eq!(bench.timer(), [called("once", 1, "2026-11-30T10:15:00Z", 1)]);
    let mut bench = Bench::new(60.0);
    bench.put("hourly", "cron(30 * * * ? *)", json!({}));
    assert_eq!(bench.waits(), 30 * SECOND);
    assert_eq!(bench.timer(), [called("hourly", 1, "2026-11-30T10:30:00Z", 1)]);
    assert_eq!(bench.waits(), 60 * SECOND);
}

#[test]
fn a_failed_try_is_repeated_with_growing_waits_until_the_attempts_are_used_up() {
    let mut bench = Bench::new(1.0);
    let target = json!({
        "Arn": "arn:aws:sqs:us-east-1:000000000000:work",
        "RoleArn": "arn:aws:iam::000000000000:role/scheduler",
        "RetryPolicy": { "MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600 },
    });
    bench.put("once", "at(2026-11-30T09:00:00)", json!({ "Target": target }));
    for (attempt, wait) in [(2, 1), (3, 2)] {
        assert_eq!(bench.tried("once", 1, Err(refusal(true))), []);
        assert_eq!(bench.waits(), wait * SECOND);
        assert_eq!(bench.timer(), [called("once", 1, "2026-11-30T09:00:00Z", attempt)]);
    }
    assert_eq!(bench.kept.last().unwrap().owed[0].failed, 2, "the attempts are stored");
    let exhausted = Some(Exhausted::MaximumRetryAttempts);
    let given_up = [Did::Parked(1, "Throttled".to_owned(), 2, exhausted)];
    assert_eq!(bench.tried("once", 1, Err(refusal(true))), given_up);
    assert_eq!(bench.machine.waiting(), 1, "the dead letter is on its way");
    bench.give(Input::Parked { key: key("once"), firing: 1 });
    assert_eq!(bench.machine.waiting(), 0);
    let counts = &bench.machine.groups()["default"];
    assert_eq!((counts.fired, counts.retries, counts.failed, counts.handed_over), (1, 2, 1, 0));
}

#[test]
fn what_no_repetition_mends_is_given_up_at_once() {
    let mut bench = Bench::new(1.0);
    bench.put("once", "at(2026-11-30T09:00:00)", json!({}));
    let given_up = [Did::Parked(1, "Throttled".to_owned(), 0, None)];
    assert_eq!(bench.tried("once", 1, Err(refusal(false))), given_up);
}

#[test]
fn a_firing_is_given_up_at_its_age_and_was_tried_once() {
    let mut bench = Bench::new(1.0);
    let target = json!({
        "Arn": "arn:aws:sqs:us-east-1:000000000000:work",
        "RoleArn": "arn:aws:iam::000000000000:role/scheduler",
        "RetryPolicy": { "MaximumEventAgeInSeconds": 60 },
    });
    // However late the first try ends, it is repeated only within the age.
    bench.put("once", "at(2026-11-30T09:00:00)", json!({ "Target": target }));
    bench.now = bench.now.after(59 * SECOND);
    bench.tried("once", 1, Err(refusal(true)));
    assert_eq!(bench.waits(), SECOND);
    assert_eq!(bench.timer(), [called("once", 1, "2026-11-30T09:00:00Z", 2)]);
    bench.tried("once", 1, Err(refusal(true)));
    assert!(bench.waits() <= Duration::from_millis(1), "the end of the age comes first");
    let exhausted = Some(Exhausted::MaximumEventAgeInSeconds);
    assert_eq!(bench.timer(), [Did::Parked(1, "Throttled".to_owned(), 1, exhausted)]);
}

#[test]
fn a_deleted_schedule_fires_no_more_and_its_tries_end_in_peace() {
    let mut bench = Bench::new(1.0);
    bench.put("r", "rate(5 minutes)", json!({}));
    assert_eq!(bench.give(Input::Removed { key: key("r") }), []);
    assert_eq!((bench.timer, bench.machine.waiting()), (None, 0));
    assert_eq!(bench.tried("r", 1, Err(refusal(true))), []);
    // Another schedule of the same name does not inherit its tries.
    assert_eq!(bench.put("r", "rate(5 minutes)", json!({})), [called("r", 2, NOW, 1)]);
    assert_eq!(bench.tried("r", 1, Ok(())), []);
    assert_eq!(bench.machine.waiting(), 1);
}

#[test]
fn a_change_moves_the_time_and_a_time_that_has_fired_does_not_fire_again() {
    let mut bench = Bench::new(1.0);
    let mut definition = read("once", &body("at(2026-11-30T10:15:00)", json!({}))).unwrap();
    bench.put_spec("once", &definition, None);
    definition.expression = "at(2026-11-30T10:05:00)".to_owned();
    bench.put_spec("once", &definition, None);
    assert_eq!(bench.timer(), [called("once", 1, "2026-11-30T10:05:00Z", 1)]);
    bench.tried("once", 1, Ok(()));
    definition.description = Some("the same time".to_owned());
    assert_eq!(bench.put_spec("once", &definition, None), []);
    assert_eq!(bench.timer, None);
}

#[test]
fn what_an_earlier_engine_owes_is_tried_again_and_what_it_missed_is_not_made_up_for() {
    let mut bench = Bench::new(1.0);
    let definition = read("r", &body("rate(5 minutes)", json!({}))).unwrap();
    bench.put_spec("r", &definition, None);
    bench.tried("r", 1, Err(refusal(true)));
    let progress = bench.kept.last().cloned().unwrap();
    // Twelve minutes later, another engine.
    let mut next = Bench::new(1.0);
    next.now = next.now.after(12 * 60 * SECOND);
    assert_eq!(next.put_spec("r", &definition, Some(progress)), [called("r", 1, NOW, 2)]);
    assert_eq!(next.waits(), 3 * 60 * SECOND);
    // A deadline is never missed.
    let once = read("once", &body("at(2026-11-30T10:05:00)", json!({}))).unwrap();
    let fired = next.put_spec("once", &once, Some(Progress::default()));
    assert_eq!(fired, [called("once", 2, "2026-11-30T10:05:00Z", 1)]);
}

#[test]
fn a_machine_that_slept_makes_up_for_ten_times_at_most() {
    let mut bench = Bench::new(1.0);
    bench.put("r", "rate(1 minute)", json!({}));
    bench.tried("r", 1, Ok(()));
    let fired = bench.sleep(Duration::from_secs(8 * 3600 + 30));
    assert_eq!(fired.len(), 10);
    assert_eq!(bench.waits(), 30 * SECOND, "the next time is the next minute");
}

#[test]
fn many_that_come_at_once_are_called_a_few_at_a_time_and_all() {
    let mut bench = Bench::new(1.0);
    let mut begun = Vec::new();
    for n in 0..100 {
        begun.extend(bench.put(&format!("s{n}"), "at(2026-11-30T09:00:00)", json!({})));
    }
    assert_eq!((begun.len(), bench.timer), (AT_A_TIME, None));
    let mut called = 0;
    while let Some(Did::Called(name, firing, _, _)) = begun.pop() {
        called += 1;
        begun.extend(bench.tried(&name, firing, Ok(())));
    }
    assert_eq!((called, bench.machine.waiting()), (100, 0));
}

#[test]
fn a_stop_begins_nothing_and_waits_for_what_is_in_flight() {
    let mut bench = Bench::new(1.0);
    bench.put("r", "rate(5 minutes)", json!({}));
    assert_eq!(bench.give(Input::Stop), []);
    assert_eq!(bench.sleep(Duration::from_secs(600)), [], "nothing begins");
    assert_eq!(bench.tried("r", 1, Err(refusal(true))), [Did::Stopped]);
    assert_eq!(bench.kept.last().unwrap().owed.len(), 1, "the next engine tries it again");
}

#[test]
fn a_request_fires_once_more_and_moves_nothing() {
    let mut bench = Bench::new(1.0);
    bench.put("daily", "cron(0 3 * * ? *)", json!({ "State": "DISABLED" }));
    assert_eq!(bench.give(Input::Fire { key: key("daily") }), [called("daily", 1, NOW, 1)]);
    assert_eq!(bench.kept.last().unwrap().last, None);
    assert_eq!(bench.give(Input::Fire { key: key("unknown") }), []);
}
