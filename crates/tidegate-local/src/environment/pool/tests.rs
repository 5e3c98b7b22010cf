//! Tests of the pool: examples, and random sequences of events.

use bytes::Bytes;

use super::super::exit::Exit;
use super::super::phase::Limit;
use super::*;

fn id(number: u64) -> InvocationId {
    InvocationId(number)
}

fn env(number: u64) -> EnvironmentId {
    EnvironmentId(number)
}

fn start(environment: u64) -> Action {
    Action::Start { environment: env(environment), within: None }
}

fn start_within(environment: u64, invocation: u64) -> Action {
    Action::Start { environment: env(environment), within: Some(id(invocation)) }
}

/// A pool in which environments `1..=count` wait at `/next`; the last one polled last.
fn with_idle(limit: usize, count: u64) -> Pool {
    let mut pool = Pool::new(limit);
    for n in 1..=count {
        pool.step(Signal::Invoke(id(900 + n))).unwrap();
    }
    for n in 1..=count {
        pool.step(Signal::Polled(env(n))).unwrap();
    }
    for n in 1..=count {
        pool.step(Signal::Answered(env(n), id(900 + n))).unwrap();
        pool.step(Signal::Polled(env(n))).unwrap();
    }
    assert_eq!(pool.in_flight(), 0);
    pool
}

#[test]
fn the_first_invocation_starts_an_environment_and_is_delivered_to_its_first_poll() {
    let mut pool = Pool::new(2);
    assert_eq!(pool.step(Signal::Invoke(id(1))).unwrap(), [start(1)]);
    assert_eq!(pool.step(Signal::Polled(env(1))).unwrap(), [Action::Deliver(env(1), id(1))]);
    assert_eq!(pool.step(Signal::Answered(env(1), id(1))).unwrap(), [Action::Complete(id(1))]);
    assert_eq!(pool.in_flight(), 0);
}

#[test]
fn the_most_recently_used_environment_is_reused() {
    let mut pool = with_idle(3, 3);
    assert_eq!(pool.step(Signal::Invoke(id(1))).unwrap(), [Action::Deliver(env(3), id(1))]);
    assert_eq!(pool.step(Signal::Invoke(id(2))).unwrap(), [Action::Deliver(env(2), id(2))]);
    pool.step(Signal::Answered(env(3), id(1))).unwrap();
    pool.step(Signal::Polled(env(3))).unwrap();
    assert_eq!(pool.step(Signal::Invoke(id(3))).unwrap(), [Action::Deliver(env(3), id(3))]);
}

#[test]
fn more_than_the_limit_is_throttled_while_environments_only_start() {
    let mut pool = Pool::new(2);
    pool.step(Signal::Invoke(id(1))).unwrap();
    pool.step(Signal::Invoke(id(2))).unwrap();
    assert_eq!(pool.step(Signal::Invoke(id(3))).unwrap(), [Action::Throttle(id(3))]);
    assert_eq!(pool.environments(), 2);
}

#[test]
fn callers_in_line_are_served_in_the_order_in_which_they_came() {
    let mut pool = with_idle(1, 1);
    pool.step(Signal::Queue(id(1))).unwrap();
    assert_eq!(pool.step(Signal::Queue(id(2))).unwrap(), [Action::StandInLine(id(2))]);
    assert_eq!(pool.step(Signal::Queue(id(3))).unwrap(), [Action::StandInLine(id(3))]);
    assert_eq!(pool.step(Signal::Invoke(id(4))).unwrap(), [Action::Throttle(id(4))]);
    let actions = pool.step(Signal::Answered(env(1), id(1))).unwrap();
    assert_eq!(actions, [Action::Complete(id(1)), Action::Hold(env(1), id(2))]);
    // A source that was served stands behind those that wait.
    assert_eq!(pool.step(Signal::Queue(id(5))).unwrap(), [Action::StandInLine(id(5))]);
    pool.step(Signal::Polled(env(1))).unwrap();
    let actions = pool.step(Signal::Answered(env(1), id(2))).unwrap();
    assert_eq!(actions, [Action::Complete(id(2)), Action::Hold(env(1), id(3))]);
}

#[test]
fn a_caller_that_leaves_the_line_is_throttled_and_one_that_was_served_is_not() {
    let mut pool = with_idle(1, 1);
    pool.step(Signal::Queue(id(1))).unwrap();
    pool.step(Signal::Queue(id(2))).unwrap();
    assert_eq!(pool.step(Signal::LeaveLine(id(2))).unwrap(), [Action::Throttle(id(2))]);
    assert_eq!(pool.step(Signal::LeaveLine(id(1))).unwrap(), []);
    assert_eq!(pool.step(Signal::Answered(env(1), id(1))).unwrap(), [Action::Complete(id(1))]);
}

#[test]
fn a_place_that_a_dead_process_leaves_goes_to_the_first_in_line() {
    let mut pool = with_idle(1, 1);
    pool.step(Signal::Queue(id(1))).unwrap();
    pool.step(Signal::Queue(id(2))).unwrap();
    let actions = pool.step(Signal::Limit(env(1), Limit::Invocation(id(1)))).unwrap();
    assert_eq!(
        actions,
        [Action::Kill(env(1)), Action::Fail(id(1), EnvironmentError::TimedOut), start(2)]
    );
    assert_eq!(pool.step(Signal::Polled(env(2))).unwrap(), [Action::Deliver(env(2), id(2))]);
}

#[test]
fn a_line_that_is_closed_lets_go_of_everybody_and_begins_nothing() {
    let mut pool = with_idle(1, 1);
    pool.step(Signal::Queue(id(1))).unwrap();
    pool.step(Signal::Queue(id(2))).unwrap();
    assert_eq!(pool.step(Signal::CloseLine).unwrap(), [Action::Throttle(id(2))]);
    assert_eq!(pool.step(Signal::Queue(id(3))).unwrap(), [Action::Throttle(id(3))]);
    assert_eq!(pool.step(Signal::Answered(env(1), id(1))).unwrap(), [Action::Complete(id(1))]);
}

#[test]
fn nobody_waits_in_line_for_a_function_that_may_not_run() {
    assert_eq!(Pool::new(0).step(Signal::Queue(id(1))).unwrap(), [Action::Throttle(id(1))]);
    let mut pool = with_idle(1, 1);
    pool.step(Signal::Queue(id(1))).unwrap();
    pool.step(Signal::Queue(id(2))).unwrap();
    assert!(pool.step(Signal::Stop).unwrap().contains(&Action::Throttle(id(2))));
    assert_eq!(pool.step(Signal::Queue(id(3))).unwrap(), [Action::Throttle(id(3))]);
}

#[test]
fn an_environment_between_two_invocations_is_used_instead_of_starting_another() {
    let mut pool = Pool::new(2);
    pool.step(Signal::Invoke(id(1))).unwrap();
    pool.step(Signal::Polled(env(1))).unwrap();
    pool.step(Signal::Answered(env(1), id(1))).unwrap();
    assert_eq!(pool.step(Signal::Invoke(id(2))).unwrap(), [Action::Hold(env(1), id(2))]);
    assert_eq!(pool.step(Signal::Polled(env(1))).unwrap(), [Action::Deliver(env(1), id(2))]);
}

#[test]
fn an_environment_whose_extensions_still_work_is_busy_and_nobody_starts_a_second_one() {
    let mut pool = with_idle(1, 1);
    pool.step(Signal::Queue(id(1))).unwrap();
    let actions = pool.step(Signal::Responded(env(1), id(1))).unwrap();
    assert_eq!(actions, [Action::Finish(env(1), id(1)), Action::Complete(id(1))]);
    assert_eq!(pool.in_flight(), 0, "its caller has the answer");
    assert_eq!(pool.step(Signal::Invoke(id(2))).unwrap(), [Action::Throttle(id(2))]);
    assert_eq!(pool.step(Signal::Queue(id(3))).unwrap(), [Action::StandInLine(id(3))]);
    assert_eq!(pool.step(Signal::Finished(env(1))).unwrap(), [Action::Hold(env(1), id(3))]);
    assert_eq!(pool.step(Signal::Polled(env(1))).unwrap(), [Action::Deliver(env(1), id(3))]);
    // This time the extensions exceed the timeout.
    pool.step(Signal::Responded(env(1), id(3))).unwrap();
    pool.step(Signal::Queue(id(4))).unwrap();
    let actions = pool.step(Signal::Limit(env(1), Limit::Extensions(id(3)))).unwrap();
    assert_eq!(actions, [Action::Kill(env(1)), start(2)]);
}

#[test]
fn below_the_limit_another_environment_runs_what_comes_while_extensions_work() {
    let mut pool = with_idle(2, 1);
    pool.step(Signal::Invoke(id(1))).unwrap();
    pool.step(Signal::Responded(env(1), id(1))).unwrap();
    assert_eq!(pool.step(Signal::Invoke(id(2))).unwrap(), [start(2)]);
    assert_eq!(pool.step(Signal::Invoke(id(3))).unwrap(), [Action::Throttle(id(3))]);
}

#[test]
fn an_environment_that_an_extension_ends_gets_no_invocation_any_more() {
    let error = || Bytes::from_static(b"{}");
    let mut pool = with_idle(1, 1);
    assert_eq!(pool.step(Signal::Broke(env(1), error())).unwrap(), [Action::Kill(env(1))]);
    assert_eq!(pool.step(Signal::Invoke(id(1))).unwrap(), [start(2)]);
    // First an invocation that the process works on, then one that no process has seen.
    pool.step(Signal::Polled(env(2))).unwrap();
    let actions = pool.step(Signal::Broke(env(2), error())).unwrap();
    assert_eq!(
        actions,
        [Action::Kill(env(2)), Action::Fail(id(1), EnvironmentError::Extension(error()))]
    );
    pool.step(Signal::Invoke(id(2))).unwrap();
    pool.step(Signal::Polled(env(3))).unwrap();
    pool.step(Signal::Unheard(env(3), id(2))).unwrap();
    assert_eq!(
        pool.step(Signal::Broke(env(3), error())).unwrap(),
        [Action::Kill(env(3)), start(4)]
    );
    assert_eq!(pool.step(Signal::Polled(env(4))).unwrap(), [Action::Deliver(env(4), id(2))]);
    assert_eq!(pool.step(Signal::Broke(env(3), error())).unwrap(), [], "it ends already");
}

#[test]
fn a_process_that_dies_before_it_takes_the_invocation_costs_nothing() {
    let mut pool = with_idle(2, 1);
    pool.step(Signal::Invoke(id(1))).unwrap();
    assert_eq!(pool.step(Signal::Unheard(env(1), id(1))).unwrap(), [Action::Hold(env(1), id(1))]);
    let actions = pool.step(Signal::Exited(env(1), Exit::Signal(9))).unwrap();
    assert_eq!(actions, [Action::Forget(env(1)), start(2)]);
    assert_eq!(pool.step(Signal::Polled(env(2))).unwrap(), [Action::Deliver(env(2), id(1))]);
}

#[test]
fn an_invocation_whose_process_does_not_come_back_for_it_is_handed_on() {
    let mut pool = with_idle(2, 1);
    pool.step(Signal::Invoke(id(1))).unwrap();
    pool.step(Signal::Unheard(env(1), id(1))).unwrap();
    let actions = pool.step(Signal::Limit(env(1), Limit::Take(id(1)))).unwrap();
    assert_eq!(actions, [Action::Overdue(env(1), id(1)), start(2)]);
    assert_eq!(pool.step(Signal::Polled(env(2))).unwrap(), [Action::Deliver(env(2), id(1))]);
    // The process was only slow.
    pool.step(Signal::Polled(env(1))).unwrap();
    assert_eq!(pool.step(Signal::Invoke(id(2))).unwrap(), [Action::Deliver(env(1), id(2))]);
}

#[test]
fn a_process_that_comes_late_is_killed_if_there_are_as_many_as_declared() {
    let mut pool = with_idle(1, 1);
    pool.step(Signal::Invoke(id(1))).unwrap();
    pool.step(Signal::Unheard(env(1), id(1))).unwrap();
    pool.step(Signal::Limit(env(1), Limit::Take(id(1)))).unwrap();
    pool.step(Signal::Polled(env(2))).unwrap();
    assert_eq!(pool.step(Signal::Polled(env(1))).unwrap(), [Action::Kill(env(1))]);
    pool.step(Signal::Answered(env(2), id(1))).unwrap();
    assert_eq!(pool.step(Signal::Invoke(id(2))).unwrap(), [Action::Hold(env(2), id(2))]);
}

#[test]
fn a_process_that_never_comes_back_is_killed() {
    let mut pool = with_idle(1, 1);
    pool.step(Signal::Invoke(id(1))).unwrap();
    pool.step(Signal::Unheard(env(1), id(1))).unwrap();
    pool.step(Signal::Limit(env(1), Limit::Take(id(1)))).unwrap();
    let actions = pool.step(Signal::Limit(env(1), Limit::Return(id(1)))).unwrap();
    assert_eq!(actions, [Action::Kill(env(1))]);
}

#[test]
fn a_process_that_dies_while_busy_fails_its_invocation() {
    let mut pool = with_idle(1, 1);
    pool.step(Signal::Invoke(id(1))).unwrap();
    let actions = pool.step(Signal::Exited(env(1), Exit::Signal(9))).unwrap();
    assert_eq!(
        actions,
        [Action::Fail(id(1), EnvironmentError::Exited(Exit::Signal(9))), Action::Forget(env(1))]
    );
    assert_eq!(pool.step(Signal::Invoke(id(2))).unwrap(), [start(2)]);
}

#[test]
fn a_timeout_kills_and_fails_and_leaves_room_for_the_next() {
    let mut pool = with_idle(1, 1);
    pool.step(Signal::Invoke(id(1))).unwrap();
    let actions = pool.step(Signal::Limit(env(1), Limit::Invocation(id(1)))).unwrap();
    assert_eq!(actions, [Action::Kill(env(1)), Action::Fail(id(1), EnvironmentError::TimedOut)]);
    assert_eq!(pool.step(Signal::Invoke(id(2))).unwrap(), [start(2)]);
    assert_eq!(
        pool.step(Signal::Exited(env(1), Exit::Signal(9))).unwrap(),
        [Action::Forget(env(1))]
    );
}

#[test]
fn a_failed_initialisation_is_made_again_within_the_invocation_at_once() {
    let mut pool = Pool::new(1);
    pool.step(Signal::Invoke(id(1))).unwrap();
    let actions = pool.step(Signal::Exited(env(1), Exit::Status(1))).unwrap();
    assert_eq!(actions, [Action::Forget(env(1)), start_within(2, 1)]);
    assert_eq!(pool.step(Signal::Polled(env(2))).unwrap(), [Action::Deliver(env(2), id(1))]);
}

#[test]
fn an_initialisation_that_takes_too_long_is_made_again_with_the_functions_timeout() {
    let mut pool = Pool::new(1);
    pool.step(Signal::Invoke(id(1))).unwrap();
    let actions = pool.step(Signal::Limit(env(1), Limit::Init)).unwrap();
    assert_eq!(actions, [Action::Kill(env(1)), start_within(2, 1)]);
    let actions = pool.step(Signal::Limit(env(2), Limit::Init)).unwrap();
    assert_eq!(
        actions,
        [
            Action::Kill(env(2)),
            Action::Fail(id(1), EnvironmentError::TimedOut),
            Action::BackOff(FIRST_BACK_OFF)
        ]
    );
}

#[test]
fn two_failed_initialisations_fail_the_waiting_invocation_and_starts_are_damped() {
    let mut pool = Pool::new(4);
    let mut pauses = Vec::new();
    for n in 1..=9 {
        let mut actions = pool.step(Signal::Invoke(id(n))).unwrap();
        if actions.is_empty() {
            actions = pool.step(Signal::BackOffOver).unwrap();
        }
        assert_eq!(actions, [start(2 * n - 1)]);
        let actions = pool.step(Signal::Exited(env(2 * n - 1), Exit::Status(1))).unwrap();
        assert_eq!(actions.last(), Some(&start_within(2 * n, n)));
        let actions = pool.step(Signal::Exited(env(2 * n), Exit::Status(1))).unwrap();
        assert_eq!(
            actions.first(),
            Some(&Action::Fail(id(n), EnvironmentError::Exited(Exit::Status(1))))
        );
        pauses.extend(actions.iter().filter_map(|action| match action {
            Action::BackOff(pause) => Some(pause.as_millis()),
            _ => None,
        }));
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
}

#[test]
fn while_initialisations_fail_one_environment_is_started_at_a_time() {
    let mut pool = Pool::new(4);
    for n in 1..=3 {
        pool.step(Signal::Invoke(id(n))).unwrap();
    }
    for n in 1..=3 {
        let actions = pool.step(Signal::Exited(env(n), Exit::Status(1))).unwrap();
        let starts = actions.iter().filter(|action| matches!(action, Action::Start { .. })).count();
        assert_eq!(starts, 0, "{n}: {actions:?}");
    }
    // The second end failed the first invocation. The third end counted against the next one. Two
    // still wait.
    assert_eq!(pool.in_flight(), 2);
    assert_eq!(pool.step(Signal::BackOffOver).unwrap(), [start_within(4, 2)]);
}

#[test]
fn a_start_that_works_ends_the_damping() {
    let mut pool = Pool::new(1);
    pool.step(Signal::Invoke(id(1))).unwrap();
    pool.step(Signal::Exited(env(1), Exit::Status(1))).unwrap();
    pool.step(Signal::Exited(env(2), Exit::Status(1))).unwrap();
    pool.step(Signal::Invoke(id(2))).unwrap();
    pool.step(Signal::BackOffOver).unwrap();
    pool.step(Signal::Polled(env(3))).unwrap();
    pool.step(Signal::Exited(env(3), Exit::Signal(9))).unwrap();
    assert_eq!(pool.step(Signal::Invoke(id(3))).unwrap(), [start(4)]);
}

#[test]
fn an_init_error_reported_twice_is_what_the_waiting_invocation_gets() {
    let mut pool = Pool::new(1);
    pool.step(Signal::Invoke(id(1))).unwrap();
    let error = Bytes::from_static(b"{}");
    pool.step(Signal::InitFailed(env(1), Bytes::from_static(b"[]"))).unwrap();
    let actions = pool.step(Signal::InitFailed(env(2), error.clone())).unwrap();
    assert_eq!(
        actions,
        [
            Action::Kill(env(2)),
            Action::Fail(id(1), EnvironmentError::Init(error)),
            Action::BackOff(FIRST_BACK_OFF)
        ]
    );
}

#[test]
fn stopping_leaves_nothing_and_refuses_what_comes_after() {
    let mut pool = with_idle(3, 2);
    pool.step(Signal::Invoke(id(1))).unwrap();
    let actions = pool.step(Signal::Stop).unwrap();
    assert_eq!(
        actions,
        [
            Action::Kill(env(1)),
            Action::Kill(env(2)),
            Action::Fail(id(1), EnvironmentError::Stopped)
        ]
    );
    assert_eq!(pool.step(Signal::Invoke(id(2))).unwrap(), [Action::Throttle(id(2))]);
}

#[test]
fn random_lives_never_exceed_the_limit_and_never_forget_an_invocation() {
    use rand::seq::{IndexedRandom, IteratorRandom};
    use rand::{Rng, SeedableRng};
    for seed in 0..200 {
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        let mut pool = Pool::new(3);
        let mut open = std::collections::BTreeSet::new();
        let mut next = 0;
        for _ in 0..400 {
            let environments: Vec<_> = pool.environments.keys().copied().collect();
            let chosen = environments.choose(&mut random).copied();
            let event = match (random.random_range(0..8), chosen) {
                (0..=2, _) | (_, None) => {
                    next += 1;
                    open.insert(id(next));
                    if random.random() { Signal::Invoke(id(next)) } else { Signal::Queue(id(next)) }
                }
                (4, _) if !pool.line.is_empty() && random.random() => {
                    Signal::LeaveLine(*pool.line.iter().choose(&mut random).unwrap())
                }
                (3, Some(e)) => Signal::Exited(e, Exit::Signal(9)),
                (4, Some(e)) => match pool.phase(e).invocation() {
                    Some(i) if random.random() => Signal::Unheard(e, i),
                    Some(i) => Signal::Limit(e, Limit::Take(i)),
                    None => Signal::BackOffOver,
                },
                (5, Some(e)) => match pool.phase(e) {
                    Phase::Busy(i) if random.random() => Signal::Responded(e, i),
                    Phase::Busy(i) => Signal::Answered(e, i),
                    Phase::Finishing(_) if random.random() => Signal::Finished(e),
                    Phase::Finishing(i) => Signal::Limit(e, Limit::Extensions(i)),
                    _ => Signal::BackOffOver,
                },
                (6, Some(e)) if random.random_ratio(1, 4) => Signal::Broke(e, Bytes::new()),
                (_, Some(e)) => Signal::Polled(e),
            };
            for action in pool.step(event).unwrap_or_default() {
                match action {
                    Action::Complete(i) | Action::Fail(i, _) | Action::Throttle(i) => {
                        assert!(open.remove(&i), "seed {seed}: {i:?} ended twice");
                    }
                    _ => {}
                }
            }
            assert_eq!(pool.in_flight(), open.len(), "seed {seed}");
            let alive = pool.environments.values().filter(|phase| **phase != Phase::Starting);
            let alive =
                alive.filter(|phase| !matches!(phase, Phase::Stopping | Phase::Overdue(_))).count();
            let finishing = |phase: &&Phase| matches!(phase, Phase::Finishing(_));
            let busy = pool.admitted() + pool.environments.values().filter(finishing).count();
            assert!(busy <= 3 && alive <= 3 + pool.waiting.len(), "seed {seed}: {pool:?}");
            assert!(pool.line.is_empty() || busy == 3, "seed {seed}: a place is free: {pool:?}");
        }
    }
}
