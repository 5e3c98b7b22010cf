//! Tests of the rules of a bus, each named after its rule.

use std::time::Duration;

use crate::bus::life::State;
use crate::bus::machine::{AT_A_TIME, Router};
use crate::bus::settings::BusSettings;
use crate::bus::step::{Action, Input};
use crate::bus::{GivenUp, Refusal, Retries, RuleStatus};
use crate::driver::Machine;
use crate::exhausted::Exhausted;
use crate::own_queue::EventMachine;
use crate::own_queue::resting::SHORTEST_REST;
use lambda_shapes::moment::Moment;

const START: Moment = Moment::from_millis(1_700_000_000_000);

struct Bench {
    events: Router,
    now: Moment,
}

fn retries(maximum_attempts: u32, seconds: u64) -> Retries {
    Retries { maximum_attempts, maximum_age: Duration::from_secs(seconds) }
}

/// Settings of two rules.
fn settings() -> BusSettings {
    BusSettings {
        retries: vec![retries(2, 3600), retries(0, 3600)],
        hidden: Duration::from_secs(1_000_000),
        time_scale: 1.0,
    }
}

impl Bench {
    fn new(settings: BusSettings) -> Self {
        Self { events: Router::new(settings), now: START }
    }

    fn step(&mut self, input: Input) -> Vec<Action> {
        self.events.handle(input, self.now).unwrap()
    }

    fn accept(&mut self, event: u64, rules: &[usize]) -> Vec<Action> {
        self.step(Input::Accepted {
            event,
            id: event.to_string(),
            accepted: self.now,
            rules: rules.to_vec(),
        })
    }

    /// Without jitter, so that each wait is half of its full length.
    fn tried(&mut self, event: u64, rule: usize, result: Result<(), Refusal>) -> Vec<Action> {
        self.step(Input::Tried { event, rule, result, jitter: 0.0 })
    }

    fn wait(&mut self, millis: u64) -> Vec<Action> {
        self.now = self.now.after(Duration::from_millis(millis));
        self.step(Input::TimerDue)
    }
}

fn busy() -> Refusal {
    Refusal { code: "THROTTLING", message: "slow down".to_owned(), is_transient: true }
}

fn missing() -> Refusal {
    Refusal { code: "NO_RESOURCE", message: "no such queue".to_owned(), is_transient: false }
}

fn handed(actions: &[Action]) -> Vec<(u64, usize)> {
    let handed = actions.iter().filter_map(|action| match action {
        Action::HandOver { event, rule } => Some((*event, *rule)),
        _ => None,
    });
    handed.collect()
}

fn parked(actions: &[Action]) -> Option<&GivenUp> {
    actions.iter().find_map(|action| match action {
        Action::Park { given_up, .. } => Some(given_up),
        _ => None,
    })
}

#[test]
fn an_event_that_no_rule_matches_is_over() {
    let mut bench = Bench::new(settings());
    assert_eq!(bench.accept(1, &[]), [Action::Finish { event: 1 }]);
    assert_eq!(bench.events.waiting(), 0);
}

#[test]
fn an_event_is_over_when_the_target_of_every_matching_rule_has_it() {
    let mut bench = Bench::new(settings());
    assert_eq!(handed(&bench.accept(1, &[0, 1])), [(1, 0), (1, 1)]);
    assert!(!bench.tried(1, 1, Ok(())).contains(&Action::Finish { event: 1 }));
    assert!(bench.tried(1, 0, Ok(())).contains(&Action::Finish { event: 1 }));
    let counts: Vec<u64> = bench.events.counts().iter().map(|rule| rule.handed_over).collect();
    assert_eq!(counts, [1, 1]);
}

#[test]
fn a_failed_hand_over_is_tried_again_alone_with_growing_waits() {
    let mut bench =
        Bench::new(BusSettings { retries: vec![retries(185, 86_400); 2], ..settings() });
    bench.accept(1, &[0, 1]);
    bench.tried(1, 1, Ok(()));
    for wait in [500, 1000, 2000, 4000] {
        let actions = bench.tried(1, 0, Err(busy()));
        assert!(actions.contains(&Action::WaitUntil(bench.now.after(Duration::from_millis(wait)))));
        assert_eq!(handed(&bench.wait(wait - 1)), []);
        assert_eq!(handed(&bench.wait(1)), [(1, 0)]);
    }
    assert_eq!(bench.events.counts()[0].retries, 4);
    for _ in 0..10 {
        bench.tried(1, 0, Err(busy()));
        bench.wait(600_000);
    }
    let actions = bench.tried(1, 0, Err(busy()));
    assert!(
        actions.contains(&Action::WaitUntil(bench.now.after(Duration::from_secs(300)))),
        "{actions:?}"
    );
}

#[test]
fn up_to_half_of_a_wait_is_by_chance() {
    let mut bench = Bench::new(settings());
    bench.accept(1, &[0]);
    let input = Input::Tried { event: 1, rule: 0, result: Err(busy()), jitter: 1.0 };
    let actions = bench.step(input);
    assert!(
        actions.contains(&Action::WaitUntil(START.after(Duration::from_secs(1)))),
        "{actions:?}"
    );
}

#[test]
fn the_time_scale_divides_the_waits() {
    let mut bench = Bench::new(BusSettings { time_scale: 50.0, ..settings() });
    bench.accept(1, &[0]);
    bench.tried(1, 0, Err(busy()));
    assert_eq!(handed(&bench.wait(10)), [(1, 0)]);
}

#[test]
fn a_hand_over_that_fails_once_more_than_its_retries_is_parked_and_says_so() {
    let mut bench = Bench::new(settings());
    bench.accept(1, &[0]);
    let counts = |bench: &Bench| bench.events.counts()[0].clone();
    assert_eq!((counts(&bench).waiting, counts(&bench).failing), (1, 0));
    for _ in 0..2 {
        assert_eq!(parked(&bench.tried(1, 0, Err(busy()))), None);
        assert_eq!((counts(&bench).waiting, counts(&bench).failing), (1, 1));
        bench.wait(1000);
    }
    let actions = bench.tried(1, 0, Err(busy()));
    let expected = GivenUp {
        refusal: busy(),
        retry_attempts: 2,
        exhausted: Some(Exhausted::MaximumRetryAttempts),
    };
    assert_eq!(parked(&actions), Some(&expected));
    assert!(
        !actions.contains(&Action::Finish { event: 1 }),
        "over before its dead letter had arrived"
    );
    assert!(bench.step(Input::Parked { event: 1, rule: 0 }).contains(&Action::Finish { event: 1 }));
    let last_error = Some("slow down".to_owned());
    let last_error_at = Some(bench.now.with_millis());
    let counted = RuleStatus { matched: 1, retries: 2, failed: 1, ..RuleStatus::default() };
    let expected = RuleStatus { last_error, last_error_at, ..counted };
    assert_eq!(counts(&bench), expected);
}

#[test]
fn a_hand_over_that_grows_too_old_is_parked_and_says_so() {
    let mut bench = Bench::new(BusSettings { retries: vec![retries(185, 60)], ..settings() });
    bench.accept(1, &[0]);
    bench.wait(59_800);
    assert!(
        bench
            .tried(1, 0, Err(busy()))
            .contains(&Action::WaitUntil(bench.now.after(Duration::from_millis(201))))
    );
    bench.now = bench.now.after(Duration::from_millis(201));
    let actions = bench.step(Input::TimerDue);
    let expected = GivenUp { refusal: busy(), retry_attempts: 0, exhausted: None };
    assert_eq!(parked(&actions), Some(&expected), "it was never tried again");

    let mut bench = Bench::new(BusSettings { retries: vec![retries(185, 60)], ..settings() });
    bench.accept(1, &[0]);
    bench.tried(1, 0, Err(busy()));
    bench.wait(500);
    bench.tried(1, 0, Err(busy()));
    let condition = parked(&bench.wait(60_000)).and_then(|given_up| given_up.exhausted);
    assert_eq!(condition, Some(Exhausted::MaximumEventAgeInSeconds));
}

#[test]
fn thousands_of_events_for_a_target_out_of_order_do_not_hold_others_up() {
    let settings =
        BusSettings { retries: vec![retries(3, 86_400), retries(0, 3600)], ..settings() };
    let mut bench = Bench::new(settings);
    for event in 1..=1500 {
        bench.accept(event, &[0, 1]);
        bench.tried(event, 1, Ok(()));
        bench.tried(event, 0, Err(busy()));
    }
    let mut rested = Vec::new();
    // The second wait is one second, the third two.
    for wait in [500, 1000] {
        bench.wait(wait);
        while let Some((event, rule)) = next_try(&bench) {
            rested.extend(bench.tried(event, rule, Err(busy())));
        }
    }
    let Some(Action::Rest { event, wait }) =
        rested.into_iter().find(|action| matches!(action, Action::Rest { .. }))
    else {
        panic!("{:?}", bench.events.counts())
    };
    assert!(wait >= SHORTEST_REST, "{wait:?}");
    let failing = bench.events.counts()[0].failing;
    assert_eq!(bench.events.room(bench.now), AT_A_TIME * 2);
    assert!(bench.events.rests(&event.to_string()));
    // The event comes back and has one try left.
    bench.now = bench.now.after(Duration::from_secs(60));
    bench.step(Input::Accepted {
        event: 2000,
        id: event.to_string(),
        accepted: START,
        rules: vec![],
    });
    assert!(!bench.events.rests(&event.to_string()));
    let given_up = loop {
        let (other, rule) = next_try(&bench).unwrap();
        let actions = bench.tried(other, rule, Err(busy()));
        if other == 2000 {
            break parked(&actions).cloned().unwrap();
        }
    };
    assert_eq!(
        (given_up.retry_attempts, given_up.exhausted),
        (3, Some(Exhausted::MaximumRetryAttempts))
    );
    // The other events were deleted from the queue by someone else.
    let rest = bench.events.resting.len() as u64;
    let began = bench.now.after(Duration::from_secs(10_000_000));
    bench.step(Input::Empty { began });
    let counts = &bench.events.counts()[0];
    assert_eq!((counts.waiting, counts.failing), (failing - rest, failing - rest));
}

/// Returns a try that is in flight.
fn next_try(bench: &Bench) -> Option<(u64, usize)> {
    bench.events.events.iter().find_map(|(event, life)| {
        let trying = life.left.iter().find(|(_, hand_over)| hand_over.state == State::Trying);
        trying.map(|(rule, _)| (*event, *rule))
    })
}

#[test]
fn an_event_is_tried_once_however_old_it_is() {
    let mut bench = Bench::new(settings());
    let accepted = Moment::from_millis(0);
    assert_eq!(
        handed(&bench.step(Input::Accepted {
            event: 1,
            id: "1".to_owned(),
            accepted,
            rules: vec![0]
        })),
        [(1, 0)]
    );
}

#[test]
fn a_missing_target_or_permission_is_parked_without_another_try() {
    let mut bench = Bench::new(settings());
    bench.accept(1, &[0]);
    let actions = bench.tried(1, 0, Err(missing()));
    assert_eq!(
        parked(&actions),
        Some(&GivenUp { refusal: missing(), retry_attempts: 0, exhausted: None })
    );
}

#[test]
fn without_retries_no_exhausted_condition_is_said() {
    let mut bench = Bench::new(settings());
    bench.accept(1, &[1]);
    let actions = bench.tried(1, 1, Err(busy()));
    assert_eq!(
        parked(&actions),
        Some(&GivenUp { refusal: busy(), retry_attempts: 0, exhausted: None })
    );
}

#[test]
fn hand_overs_at_a_time_are_bounded_and_waiting_events_hold_nobody_up() {
    let mut bench = Bench::new(settings());
    let most = u64::try_from(AT_A_TIME).unwrap();
    for event in 1..=most {
        assert_eq!(handed(&bench.accept(event, &[0])), [(event, 0)]);
    }
    assert_eq!(handed(&bench.accept(most + 1, &[0])), []);
    let room = bench.events.room(bench.now);
    assert_eq!(handed(&bench.tried(1, 0, Err(busy()))), [(most + 1, 0)]);
    assert_eq!(bench.events.room(bench.now), room + 1);
}

#[test]
fn an_event_stays_hidden_as_long_as_somebody_does_not_have_it() {
    let mut bench = Bench::new(BusSettings { hidden: Duration::from_secs(120), ..settings() });
    bench.accept(1, &[0]);
    bench.tried(1, 0, Err(missing()));
    assert!(!bench.wait(59_999).contains(&Action::Hide { event: 1 }));
    assert!(bench.wait(1).contains(&Action::Hide { event: 1 }));
    assert!(bench.wait(60_000).contains(&Action::Hide { event: 1 }));
}

#[test]
fn a_stop_waits_for_tries_and_leaves_the_rest_in_the_queue() {
    let mut bench = Bench::new(settings());
    bench.accept(1, &[0]);
    bench.accept(2, &[0]);
    bench.tried(1, 0, Err(busy()));
    let actions = bench.step(Input::Stop);
    assert_eq!(actions.first(), Some(&Action::Release { event: 1 }), "at once");
    assert!(!actions.contains(&Action::Stopped));
    assert_eq!(bench.tried(2, 0, Ok(())), [Action::Finish { event: 2 }, Action::Stopped]);
    assert_eq!(bench.accept(3, &[0]), [Action::Release { event: 3 }]);
    let [counts, _] = bench.events.counts() else { panic!() };
    assert_eq!((counts.waiting, counts.failing), (0, 0));
}

#[test]
fn an_input_that_the_state_does_not_allow_is_an_error_that_names_both() {
    let mut bench = Bench::new(settings());
    bench.accept(1, &[0]);
    let early = bench.events.handle(Input::Parked { event: 1, rule: 0 }, START).unwrap_err();
    let expected = "bus: event 1 for rule 0, being handed over, does not allow the dead letter of event 1 for rule 0";
    assert_eq!(early.to_string(), expected);
    let unknown = Input::Tried { event: 9, rule: 0, result: Ok(()), jitter: 0.0 };
    let unknown = bench.events.handle(unknown, START).unwrap_err();
    let expected = "bus: event 9 for rule 0, which has no such hand-over, does not allow a try of event 9 for rule 0";
    assert_eq!(unknown.to_string(), expected);
}
