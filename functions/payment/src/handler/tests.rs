//! Messages, what the provider does, and what is stored.

use std::sync::Arc;
use std::time::Duration;

use events::{Money, PaymentEvent};
use jiff::Timestamp;
use parking_lot::Mutex;
use payment_simulator::{Script, Sums};
use tidegate::batch::Invocation;
use tidegate::breaker::{Breaker, Phase, Rules};
use tidegate::message::MessageSet;
use tidegate::test::{Call, Fault, Faults, MemoryBreakers};

use super::world::{World, always_closed, authorise, batch, capture, one, release, returned};

fn set(reference: &str) -> std::collections::BTreeSet<String> {
    [reference.to_owned()].into()
}

/// Returns the types of the stored events.
async fn kinds(world: &World, key: &str) -> Vec<&'static str> {
    world.events(key).await.iter().map(|event| event.schema().0).collect()
}

#[tokio::test]
async fn an_amount_is_authorised_and_captured_with_one_call_each() {
    let world = World::new(Script::default()).await;
    world.apply(&authorise("7", 1530)).await;
    world.apply(&capture("7")).await;
    let [PaymentEvent::PaymentAuthorised(authorised), PaymentEvent::PaymentCaptured(captured)] =
        &world.events("7").await[..]
    else {
        panic!("{:?}", world.events("7").await)
    };
    assert_eq!((authorised.amount, authorised.reference.as_str()), (Money::pence(1530), "pay-1"));
    assert_eq!(captured.amount, Money::pence(1530));
    let report = world.simulator.report();
    assert_eq!((report.calls, report.charges, report.references["7"].captured), (2, 1, 1530));
}

#[tokio::test]
async fn a_command_that_comes_twice_changes_nothing_and_calls_nobody() {
    let world = World::new(Script::default()).await;
    for (body, key) in [
        (authorise("7", 1530), "7"),
        (capture("7"), "7"),
        (authorise("8", 10), "8"),
        (release("8"), "8"),
        (release("9"), "9"),
        (authorise("9", 10), "9"),
        (returned("C1", 20), "C1"),
    ] {
        world.apply(&body).await;
        let (events, report) = (world.events(key).await, world.simulator.report());
        for times in [1, 2] {
            let counts = world.deliver(&[&body], times).await;
            assert_eq!(counts, one(|counts| counts.duplicate = 1), "{body}");
        }
        assert_eq!(world.events(key).await, events);
        assert_eq!(world.simulator.report(), report);
    }
}

#[tokio::test]
async fn a_release_voids_what_was_authorised() {
    let world = World::new(Script::default()).await;
    world.apply(&authorise("7", 1530)).await;
    world.apply(&release("7")).await;
    let expected = Sums { authorised: 1530, released: 1530, ..Sums::default() };
    assert_eq!((world.sums("7").await, world.simulator.report().total), (expected, expected));
    // What comes too late is refused.
    world.apply(&capture("7")).await;
    assert_eq!(kinds(&world, "7").await.last(), Some(&"CaptureRefused"));
    assert_eq!(world.simulator.report().total, expected);
}

#[tokio::test]
async fn a_release_that_overtakes_the_authorisation_lets_nothing_be_authorised() {
    let world = World::new(Script::default()).await;
    world.apply(&release("7")).await;
    world.apply(&authorise("7", 1530)).await;
    assert_eq!(kinds(&world, "7").await, ["PaymentReleased", "PaymentDeclined"]);
    assert_eq!(world.simulator.report().total, Sums::default());
}

#[tokio::test]
async fn a_release_records_an_authorisation_that_its_command_could_not_record() {
    let faults = Faults::none().at(Call::Commit, 1, Fault::Throttled);
    let world = World::with(Script::default(), faults, always_closed()).await;
    let counts = world.deliver(&[&authorise("7", 1530)], 1).await;
    assert_eq!(counts, one(|counts| counts.failed = 1));
    world.apply(&release("7")).await;
    assert_eq!(kinds(&world, "7").await, ["PaymentAuthorised", "PaymentReleased"]);
    let counts = world.deliver(&[&authorise("7", 1530)], 2).await;
    assert_eq!(counts, one(|counts| counts.applied = 1));
    assert_eq!(kinds(&world, "7").await.last(), Some(&"PaymentDeclined"));
    let expected = Sums { authorised: 1530, released: 1530, ..Sums::default() };
    assert_eq!((world.sums("7").await, world.simulator.report().total), (expected, expected));
}

#[tokio::test]
async fn a_return_is_refunded_unless_it_is_worth_nothing() {
    let script = Script { refuse_refund: set("C3"), ..Script::default() };
    let world = World::new(script).await;
    world.apply(&returned("C1", 2750)).await;
    assert_eq!(world.sums("C1").await.refunded, 2750);
    let counts = world.deliver(&[&returned("C2", 0)], 1).await;
    assert_eq!(counts, one(|counts| counts.filtered = 1));
    world.apply(&returned("C3", 10)).await;
    assert_eq!(kinds(&world, "C3").await, ["RefundRefused"]);
    let report = world.simulator.report();
    assert_eq!((report.calls, report.refunds, report.total.refunded), (2, 1, 2750));
}

#[tokio::test]
async fn a_refused_refund_is_counted_once() {
    let script = Script { refuse_refund: set("C3"), ..Script::default() };
    let world = World::new(script).await;
    world.apply(&returned("C1", 2750)).await;
    assert!(!world.metrics.lock().contains("RefundsRefused"));
    let refused = returned("C3", 10);
    world.apply(&refused).await;
    world.deliver(&[&refused], 2).await;
    let metrics = world.metrics.lock();
    assert_eq!(metrics.matches(r#""RefundsRefused":1"#).count(), 1, "{metrics}");
}

#[tokio::test]
async fn a_dropped_answer_is_looked_up_in_the_same_invocation() {
    let script = Script { drop_percent: 100, ..Script::default() };
    let world = World::new(script).await;
    for body in [authorise("7", 1530), capture("7"), authorise("8", 10), release("8")] {
        world.apply(&body).await;
    }
    world.apply(&returned("C1", 20)).await;
    let report = world.simulator.report();
    assert_eq!((report.look_ups, report.look_ups_unknown, report.repeated), (5, 0, 0));
    assert_eq!((report.charges, report.refunds, report.releases), (1, 1, 1));
    assert_eq!(report.duplicate_charges, 0);
    assert_eq!(world.sums("7").await, report.references["7"]);
}

#[tokio::test]
async fn what_was_charged_before_a_crash_is_looked_up_and_not_charged_again() {
    // The provider carries it out; the event is not stored.
    let faults = Faults::none().at(Call::Commit, 1, Fault::Throttled);
    let world = World::with(Script::default(), faults, always_closed()).await;
    let body = authorise("7", 1530);
    assert_eq!(world.deliver(&[&body], 1).await, one(|counts| counts.failed = 1));
    assert_eq!(world.events("7").await, []);
    assert_eq!(world.deliver(&[&body], 2).await, one(|counts| counts.applied = 1));
    let report = world.simulator.report();
    assert_eq!((report.look_ups, report.repeated, report.authorisations), (1, 0, 1));
    assert_eq!(world.sums("7").await.authorised, 1530);
}

#[tokio::test]
async fn a_replay_looks_up_before_it_charges() {
    let world = World::new(Script::default()).await;
    let event = batch(&[&authorise("7", 1530)], 1);
    let mut replay = Invocation::new(&event, super::world::TIME);
    replay.replay = true;
    assert_eq!(world.runner.run(replay).await.counts, one(|counts| counts.applied = 1));
    let report = world.simulator.report();
    assert_eq!((report.look_ups_unknown, report.authorisations), (1, 1));
}

#[tokio::test]
async fn a_refusal_of_the_provider_is_an_answer() {
    let script = Script { decline: set("1"), refuse_capture: set("2"), ..Script::default() };
    let world = World::new(script).await;
    world.apply(&authorise("1", 100)).await;
    assert_eq!(kinds(&world, "1").await, ["PaymentDeclined"]);
    world.apply(&release("1")).await;
    assert_eq!(kinds(&world, "1").await, ["PaymentDeclined", "PaymentReleased"]);
    world.apply(&authorise("2", 100)).await;
    world.apply(&capture("2")).await;
    assert_eq!(kinds(&world, "2").await, ["PaymentAuthorised", "CaptureRefused"]);
    // The money is given back by the way that an operator chooses.
    world.apply(&release("2")).await;
    assert_eq!(world.simulator.report().total.held(), 0);
}

#[tokio::test]
async fn hostile_messages_become_letters_and_cost_no_neighbour() {
    let world = World::new(Script::default()).await;
    let other_subject = authorise("7", 1530).replace("payment#7", "payment#8");
    let free = authorise("9", 0);
    let bodies =
        ["not JSON", "{}", &other_subject, &free, &returned("C1", -5), &authorise("10", 100)];
    let counts = world.deliver(&bodies, 1).await;
    assert_eq!((counts.applied, counts.dead_lettered, counts.total()), (1, 5, 6));
    let codes =
        ["not_json", "not_an_envelope", "subject_mismatch", "invalid_amount", "invalid_amount"];
    let mut found = world.codes();
    found.sort_unstable();
    let mut expected = codes.map(str::to_owned);
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(world.simulator.report().calls, 1);
    world.apply(&capture("10")).await;
    let counts = world.deliver(&[&release("10")], 1).await;
    assert_eq!(counts.dead_lettered, 1, "what was captured is refunded, not released");
    let again = authorise("10", 200).replace("authorise 10", "another command");
    assert_eq!(world.deliver(&[&again], 1).await.dead_lettered, 1);
    assert_eq!(world.codes()[5..], ["captured", "other_amount"]);
}

#[tokio::test]
async fn an_outage_opens_the_breaker_and_declines_do_not() {
    let now = Arc::new(Mutex::new(Timestamp::UNIX_EPOCH));
    let clock = Arc::clone(&now);
    let breakers = Arc::new(MemoryBreakers::default());
    let rules = Rules::new(Duration::from_secs(60));
    let breaker = Breaker::new(Arc::<MemoryBreakers>::clone(&breakers), "p", rules)
        .clock(move || *clock.lock());
    let script = Script { decline_one_in: 1, ..Script::default() };
    let world = World::with(script, Faults::none(), breaker).await;
    for order in 0..10 {
        world.apply(&authorise(&order.to_string(), 100)).await;
    }
    assert_eq!(breakers.state("p").phase, Phase::Closed);
    world.simulator.set_down(true);
    let orders: Vec<String> = (10..40).map(|order| authorise(&order.to_string(), 100)).collect();
    for order in &orders {
        assert_eq!(world.deliver(&[order], 1).await, one(|counts| counts.failed = 1));
    }
    assert!(matches!(breakers.state("p").phase, Phase::Open { .. }));
    // Five failures open it. Each is a request and the question what became of it.
    assert_eq!(world.simulator.report().calls_while_down, 10);
    *now.lock() += Duration::from_secs(61);
    assert_eq!(world.deliver(&[&orders[0]], 2).await, one(|counts| counts.failed = 1));
    assert_eq!(world.simulator.report().calls_while_down, 11, "only the probe calls");
    world.simulator.set_down(false);
    *now.lock() += Duration::from_secs(61);
    for order in &orders {
        assert_eq!(world.deliver(&[order], 3).await, one(|counts| counts.applied = 1));
    }
    assert_eq!(breakers.state("p").phase, Phase::Closed);
    assert_eq!(world.codes(), [""; 0]);
}
