//! Tests of the rules of a topic, each named after its rule.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proptest::prelude::*;

use crate::driver::Machine;
use crate::own_queue::{EventMachine, HELD};
use crate::topic::machine::{AT_A_TIME, Fanout};
use crate::topic::settings::TopicSettings;
use crate::topic::step::{Action, Input};
use crate::topic::{Refusal, SubscriptionStatus};
use lambda_shapes::moment::Moment;

const START: Moment = Moment::from_millis(1_700_000_000_000);

struct Bench {
    messages: Fanout,
    now: Moment,
}

impl Bench {
    fn new(subscriptions: usize) -> Self {
        let hidden = Duration::from_secs(1_000_000);
        let settings = TopicSettings { subscriptions, hidden, time_scale: 1.0 };
        Self { messages: Fanout::new(settings), now: START }
    }

    fn step(&mut self, input: Input) -> Vec<Action> {
        self.messages.handle(input, self.now).unwrap()
    }

    fn accept(
        &mut self,
        message: u64,
        group: Option<&str>,
        subscriptions: &[usize],
    ) -> Vec<Action> {
        self.step(Input::Accepted {
            message,
            id: message.to_string(),
            group: group.map(str::to_owned),
            subscriptions: subscriptions.to_vec(),
        })
    }

    /// Without jitter, so that each wait is half of its full length.
    fn tried(&mut self, message: u64, of: usize, result: Result<(), Refusal>) -> Vec<Action> {
        self.step(Input::Tried { message, subscription: of, result, jitter: 0.0 })
    }

    fn wait(&mut self, millis: u64) -> Vec<Action> {
        self.now = self.now.after(Duration::from_millis(millis));
        self.step(Input::TimerDue)
    }
}

fn busy() -> Refusal {
    Refusal { code: "Throttled", message: "slow down".to_owned(), is_transient: true }
}

fn missing() -> Refusal {
    Refusal { code: "NotFound", message: "no such queue".to_owned(), is_transient: false }
}

fn delivered(actions: &[Action]) -> Vec<(u64, usize)> {
    let delivered = actions.iter().filter_map(|action| match action {
        Action::Deliver { message, subscription } => Some((*message, *subscription)),
        _ => None,
    });
    delivered.collect()
}

fn finished(actions: &[Action], message: u64) -> bool {
    actions.contains(&Action::Finish { message })
}

#[test]
fn a_message_that_no_subscription_matches_is_over() {
    let mut bench = Bench::new(2);
    assert_eq!(bench.accept(1, None, &[]), [Action::Finish { message: 1 }]);
    assert_eq!(bench.messages.waiting(), 0);
}

#[test]
fn a_message_is_over_when_every_matching_subscription_has_it() {
    let mut bench = Bench::new(3);
    assert_eq!(delivered(&bench.accept(1, None, &[0, 2])), [(1, 0), (1, 2)]);
    assert!(!finished(&bench.tried(1, 2, Ok(())), 1));
    assert!(finished(&bench.tried(1, 0, Ok(())), 1));
    let counts: Vec<u64> = bench.messages.counts().iter().map(|of| of.handed_over).collect();
    assert_eq!(counts, [1, 0, 1]);
}

#[test]
fn a_failure_of_the_receiver_is_tried_again_by_snss_phases() {
    let mut bench = Bench::new(2);
    bench.accept(1, None, &[0, 1]);
    bench.tried(1, 1, Ok(()));
    for _ in 0..3 {
        assert_eq!(delivered(&bench.tried(1, 0, Err(busy()))), [(1, 0)], "at once");
    }
    for _ in 0..2 {
        let actions = bench.tried(1, 0, Err(busy()));
        assert_eq!(actions, [Action::WaitUntil(bench.now.after(Duration::from_millis(500)))]);
        assert_eq!(delivered(&bench.wait(499)), []);
        assert_eq!(delivered(&bench.wait(1)), [(1, 0)]);
    }
    for _ in 0..10 {
        bench.tried(1, 0, Err(busy()));
        bench.wait(10_000);
    }
    let actions = bench.tried(1, 0, Err(busy()));
    assert_eq!(actions, [Action::WaitUntil(bench.now.after(Duration::from_secs(10)))]);
    let [counts, _] = bench.messages.counts() else { panic!("two subscriptions") };
    assert_eq!((counts.retries, counts.failing, counts.waiting), (15, 1, 1));
    bench.wait(10_000);
    assert!(finished(&bench.tried(1, 0, Ok(())), 1));
    assert_eq!(bench.messages.counts()[0].failing, 0);
}

#[test]
fn a_message_is_given_up_after_100_015_further_tries() {
    let mut bench = Bench::new(1);
    bench.accept(1, None, &[0]);
    for _ in 0..100_015 {
        let actions = bench.tried(1, 0, Err(busy()));
        assert!(!actions.iter().any(|action| matches!(action, Action::Park { .. })));
        bench.wait(10_000);
    }
    let park = Action::Park { message: 1, subscription: 0, refusal: busy() };
    assert!(bench.tried(1, 0, Err(busy())).contains(&park));
    assert!(finished(&bench.step(Input::Parked { message: 1, subscription: 0 }), 1));
    let [counts] = bench.messages.counts() else { panic!("one subscription") };
    assert_eq!((counts.failed, counts.waiting, counts.failing), (1, 0, 0));
}

#[test]
fn a_failure_of_snss_own_side_is_given_up_at_once() {
    let mut bench = Bench::new(2);
    bench.accept(1, None, &[0, 1]);
    let park = Action::Park { message: 1, subscription: 0, refusal: missing() };
    assert_eq!(bench.tried(1, 0, Err(missing()))[0], park);
    assert!(!finished(&bench.tried(1, 1, Ok(())), 1), "the dead letter is on its way");
    assert!(finished(&bench.step(Input::Parked { message: 1, subscription: 0 }), 1));
}

#[test]
fn a_group_keeps_its_order_for_each_subscription_alone() {
    let mut bench = Bench::new(2);
    assert_eq!(delivered(&bench.accept(1, Some("a"), &[0, 1])), [(1, 0), (1, 1)]);
    assert_eq!(delivered(&bench.accept(2, Some("a"), &[0, 1])), []);
    assert_eq!(delivered(&bench.accept(3, Some("b"), &[0])), [(3, 0)], "another group");
    assert_eq!(delivered(&bench.tried(1, 1, Ok(()))), [(2, 1)], "the other subscription goes on");
    assert_eq!(delivered(&bench.tried(1, 0, Err(busy()))), [(1, 0)]);
    assert_eq!(delivered(&bench.tried(1, 0, Ok(()))), [(2, 0)]);
    bench.tried(2, 0, Err(missing()));
    assert_eq!(delivered(&bench.accept(4, Some("a"), &[0])), [], "a dead letter is on its way");
    assert_eq!(delivered(&bench.step(Input::Parked { message: 2, subscription: 0 })), [(4, 0)]);
}

#[test]
fn messages_without_a_group_do_not_wait_for_each_other() {
    let mut bench = Bench::new(1);
    bench.accept(1, None, &[0]);
    for _ in 0..4 {
        bench.tried(1, 0, Err(busy()));
    }
    assert_eq!(delivered(&bench.accept(2, None, &[0])), [(2, 0)]);
}

#[test]
fn deliveries_are_limited_and_waiting_ones_take_no_room() {
    let mut bench = Bench::new(1);
    let begun: usize =
        (0..64).map(|message| delivered(&bench.accept(message, None, &[0])).len()).sum();
    assert_eq!(begun, AT_A_TIME);
    assert_eq!(bench.messages.room(bench.now), 0);
    for message in 0..32 {
        for _ in 0..4 {
            bench.tried(message, 0, Err(busy()));
        }
    }
    assert!(bench.messages.room(bench.now) > 0);
}

#[test]
fn a_message_that_waits_long_rests_in_its_queue_unless_it_has_a_group() {
    // The waits are a million times as long, so the first of them is long enough.
    let hidden = Duration::from_secs(1_000_000);
    let settings = TopicSettings { subscriptions: 1, hidden, time_scale: 1e-6 };
    let mut bench = Bench { messages: Fanout::new(settings), now: START };
    let count = HELD as u64 + 10;
    let mut resting = 0;
    for message in 1..=count {
        let group = format!("g{message}");
        bench.accept(message, (message <= 5).then_some(group.as_str()), &[0]);
        for _ in 0..4 {
            let actions = bench.tried(message, 0, Err(busy()));
            resting +=
                actions.iter().filter(|action| matches!(action, Action::Rest { .. })).count();
        }
    }
    assert_eq!(resting, 5);
    assert_eq!(bench.messages.messages.len(), HELD + 5);
    assert_eq!(bench.messages.waiting() as u64, count, "none is forgotten");
    for message in 1..=5 {
        assert!(bench.messages.messages.contains_key(&message), "a group keeps its place");
    }
}

#[test]
fn a_stop_gives_waiting_messages_back_and_waits_for_tries() {
    let mut bench = Bench::new(2);
    bench.accept(1, None, &[0]);
    bench.accept(2, None, &[0, 1]);
    bench.tried(2, 0, Ok(()));
    for _ in 0..4 {
        bench.tried(1, 0, Err(busy()));
    }
    assert_eq!(bench.step(Input::Stop)[0], Action::Release { message: 1 });
    assert_eq!(bench.accept(3, None, &[0])[0], Action::Release { message: 3 });
    let end = bench.tried(2, 1, Ok(()));
    assert_eq!(end, [Action::Finish { message: 2 }, Action::Stopped]);
    let counts: Vec<u64> = bench.messages.counts().iter().map(|of| of.waiting).collect();
    assert_eq!(counts, [0, 0]);
}

#[test]
fn an_input_that_no_state_allows_changes_nothing() {
    let mut bench = Bench::new(1);
    bench.accept(1, None, &[0]);
    let twice =
        Input::Accepted { message: 1, id: "x".to_owned(), group: None, subscriptions: vec![0] };
    let error = bench.messages.handle(twice, bench.now).unwrap_err();
    assert_eq!(
        error.to_string(),
        "topic: message 1, which already exists, does not allow message 1, new"
    );
    let parked = Input::Parked { message: 1, subscription: 0 };
    let error = bench.messages.handle(parked, bench.now).unwrap_err().to_string();
    assert!(error.contains("message 1 for subscription 0, being delivered,"), "{error}");
    assert!(finished(&bench.tried(1, 0, Ok(())), 1));
}

proptest! {
    /// Any results in any order: every message ends once, and each subscription gets the messages
    /// of a group in their order.
    #[test]
    fn every_message_ends_once_and_groups_keep_their_order(
        messages in proptest::collection::vec((0_usize..3, 1_usize..4), 1..20),
        choices in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..4), 0..300),
    ) {
        let mut bench = Bench::new(2);
        let (mut open, mut over) = (VecDeque::new(), BTreeSet::new());
        let mut got: BTreeMap<(usize, usize), Vec<u64>> = BTreeMap::new();
        let mut take = |actions: Vec<Action>, open: &mut VecDeque<(u64, usize, bool)>| {
            for action in actions {
                match action {
                    Action::Deliver { message, subscription } => {
                        open.push_back((message, subscription, false));
                    }
                    Action::Park { message, subscription, .. } => {
                        open.push_back((message, subscription, true));
                    }
                    Action::Finish { message } => assert!(over.insert(message), "{message} twice"),
                    _ => {}
                }
            }
        };
        for (number, (group, of)) in (0..).zip(&messages) {
            let subscriptions: Vec<usize> = (0..2).filter(|n| of >> n & 1 == 1).collect();
            take(bench.accept(number, Some(&group.to_string()), &subscriptions), &mut open);
        }
        let mut choices = choices.into_iter();
        for _ in 0..10_000 {
            if open.is_empty() {
                take(bench.wait(20_000), &mut open);
                if open.is_empty() {
                    break;
                }
            }
            let (index, result) = choices.next().map_or((0, 0), |(index, result)| {
                (index.index(open.len()), result)
            });
            let (message, subscription, parks) = open.remove(index).unwrap();
            let step = match (parks, result) {
                (true, _) => bench.step(Input::Parked { message, subscription }),
                (false, 1) => bench.tried(message, subscription, Err(busy())),
                (false, 2) => bench.tried(message, subscription, Err(missing())),
                (false, _) => {
                    let group = messages[usize::try_from(message).unwrap()].0;
                    got.entry((subscription, group)).or_default().push(message);
                    bench.tried(message, subscription, Ok(()))
                }
            };
            take(step, &mut open);
        }
        prop_assert_eq!(over.len(), messages.len());
        prop_assert_eq!(bench.messages.waiting(), 0);
        for ((_, group), order) in got {
            prop_assert!(order.is_sorted(), "group {}: {:?}", group, order);
        }
        let quiet = |of: &SubscriptionStatus| of.waiting == 0 && of.failing == 0;
        prop_assert!(bench.messages.counts().iter().all(quiet));
    }
}
