//! The claim protocol.

mod run;
mod state;
mod world;

use tidegate::idempotency::AfterCrash;

use self::run::{Event, Payload, Runs};
use self::world::{ClaimModel, Without};
use crate::check::{counterexample, holds, stuck};

const TOO_OFTEN: &str = "no more often than the policy allows";
const LOST: &str = "no effect is lost";

/// A delivery and its two duplicates, three workers, and an operator who may release the effect
/// once.
fn model(after_crash: AfterCrash, faults: u8) -> ClaimModel {
    ClaimModel {
        runs: Runs::new(after_crash, Event::Small, faults),
        after_crash,
        event: Event::Small,
        deliveries: vec![Payload::X; 3],
        workers: 3,
        faults,
        releases: 1,
        zombies: true,
        without: None,
    }
}

/// Returns the same model with another event.
fn with(event: Event, model: ClaimModel) -> ClaimModel {
    ClaimModel { runs: Runs::new(model.after_crash, event, model.faults), event, ..model }
}

fn without(guard: Without, after_crash: AfterCrash) -> ClaimModel {
    // No run outlives its lease, and there is no operator. So every finding is caused by the
    // removed guard.
    ClaimModel { without: Some(guard), zombies: false, releases: 0, ..model(after_crash, 1) }
}

#[test]
fn an_effect_that_is_held_after_a_crash_takes_place_once_whatever_happens() {
    let states = holds(model(AfterCrash::Hold, 2));
    println!("hold: {states} states");
}

#[test]
fn an_effect_that_is_run_again_after_a_crash_takes_place_once_for_each_crash_at_most() {
    let states = holds(model(AfterCrash::RunAgain, 1));
    println!("run again: {states} states");
}

#[test]
fn a_held_effect_has_its_event_or_its_delivery_comes_again_wherever_a_run_ends() {
    for after_crash in [AfterCrash::Hold, AfterCrash::RunAgain] {
        let model = ClaimModel { workers: 2, ..with(Event::Large, model(after_crash, 1)) };
        println!("event in the bucket, {after_crash:?}: {} states", holds(model));
    }
}

#[test]
fn another_payload_under_the_same_key_is_neither_run_nor_lost() {
    for after_crash in [AfterCrash::Hold, AfterCrash::RunAgain] {
        let deliveries = vec![Payload::X, Payload::X, Payload::Y];
        let model = ClaimModel { deliveries, workers: 2, zombies: false, ..model(after_crash, 1) };
        println!("two payloads, {after_crash:?}: {} states", holds(model));
    }
}

#[test]
fn whatever_happens_every_delivery_can_still_be_settled() {
    for after_crash in [AfterCrash::Hold, AfterCrash::RunAgain] {
        let model = ClaimModel { zombies: false, ..model(after_crash, 1) };
        assert_eq!(stuck(&model, |state| state.is_settled()), None, "{after_crash:?}");
    }
}

#[test]
fn hole_a_a_release_that_does_not_ask_for_the_owner_runs_the_effect_twice() {
    counterexample(without(Without::OwnerAtRelease, AfterCrash::Hold), TOO_OFTEN);
}

#[test]
fn hole_b_a_completion_that_does_not_ask_for_the_owner_changes_the_successors_record() {
    let model =
        ClaimModel { zombies: true, ..without(Without::OwnerAtComplete, AfterCrash::RunAgain) };
    counterexample(model, "nobody changes another's record");
}

#[test]
fn hole_c_an_expiry_that_matches_a_live_claim_runs_the_effect_twice() {
    counterexample(without(Without::StatusAtExpiry, AfterCrash::Hold), TOO_OFTEN);
}

#[test]
fn hole_d_a_missing_lease_read_as_over_runs_the_effect_twice() {
    counterexample(without(Without::LeaseReadAsOver, AfterCrash::RunAgain), TOO_OFTEN);
}

#[test]
fn hole_d_a_missing_lease_read_as_endless_leaves_deliveries_waiting_for_ever() {
    for after_crash in [AfterCrash::Hold, AfterCrash::RunAgain] {
        let way =
            stuck(&without(Without::LeaseWithoutEnd, after_crash), |state| state.is_settled());
        assert!(way.is_some(), "{after_crash:?}");
    }
}

#[test]
fn hole_g_a_replay_that_does_not_look_at_the_payload_reports_what_never_took_place() {
    let deliveries = vec![Payload::X, Payload::Y];
    let model = ClaimModel { deliveries, ..without(Without::PayloadOnReplay, AfterCrash::Hold) };
    counterexample(model, "an effect reported as applied took place");
}

#[test]
fn hole_h_a_result_without_its_hash_dead_letters_an_honest_replay() {
    counterexample(
        without(Without::HashWithResult, AfterCrash::Hold),
        "only another payload is dead-lettered",
    );
}

#[test]
fn hole_o_a_claim_given_back_when_its_completion_fails_runs_the_effect_twice() {
    counterexample(without(Without::ClaimAfterEffect, AfterCrash::Hold), TOO_OFTEN);
}

#[test]
fn a_delivery_older_than_the_records_runs_the_effect_twice_unless_it_is_held() {
    counterexample(without(Without::AgeOfDelivery, AfterCrash::Hold), TOO_OFTEN);
}

#[test]
fn an_orphan_held_before_its_lease_is_over_costs_a_live_run_its_claim() {
    let way = counterexample(
        without(Without::LeaseAtHold, AfterCrash::Hold),
        "a live claim is its owner's",
    );
    assert!(!way.is_empty());
}

#[test]
fn a_held_effect_whose_event_nobody_keeps_is_lost() {
    counterexample(with(Event::Forgotten, without(Without::EventAtHold, AfterCrash::Hold)), LOST);
    counterexample(without(Without::EventAtHold, AfterCrash::Hold), LOST);
}

#[test]
fn an_event_that_is_named_before_it_is_in_the_bucket_is_lost() {
    counterexample(with(Event::Large, without(Without::EventBeforeHold, AfterCrash::Hold)), LOST);
}
