//! The projection protocol.

mod run;
mod world;

use self::run::{Runs, Version};
use self::world::{ProjectionModel, State, Without};
use crate::check::{counterexample, holds, stuck};

const QUIET: &str = "when all is quiet, all is applied or an operator knows";
const TRUE: &str = "a delivery reported as applied is";
const SUM: &str = "counters are the sum of the events up to the guard";

fn model(workers: usize, faults: u8) -> ProjectionModel {
    ProjectionModel {
        runs: Runs::default(),
        workers,
        faults,
        committed: false,
        first: Version::Current,
        rolling: false,
        slices: 1,
        apart: false,
        plain: false,
        without: None,
    }
}

/// Two slices, so that no head stops one environment because of the other.
fn apart(model: ProjectionModel) -> ProjectionModel {
    ProjectionModel { slices: 2, ..model }
}

/// All requests of the protocol of deltas, with small events.
fn deltas(workers: usize, faults: u8, slices: u8) -> ProjectionModel {
    ProjectionModel { slices, apart: true, plain: true, committed: true, ..model(workers, faults) }
}

/// A version whose toolkit has deltas runs beside a version whose toolkit has none.
fn direct(workers: usize, faults: u8) -> ProjectionModel {
    ProjectionModel { first: Version::Direct, rolling: true, ..deltas(workers, faults, 1) }
}

/// The function is corrected while two environments are running, and an operator replays.
fn parking(workers: usize) -> ProjectionModel {
    ProjectionModel { first: Version::Broken, committed: true, ..model(workers, 1) }
}

/// A version that knows the event is deployed, and runs beside the old one for a while.
fn rolling(workers: usize, faults: u8) -> ProjectionModel {
    ProjectionModel {
        first: Version::Older,
        rolling: true,
        committed: true,
        ..model(workers, faults)
    }
}

/// A version that cuts the event at another place runs beside the deployed version.
fn recut(workers: usize) -> ProjectionModel {
    ProjectionModel { first: Version::Recut, rolling: true, committed: true, ..model(workers, 1) }
}

/// A version whose toolkit has digests of cuts runs beside a version whose toolkit has none.
fn undigested(workers: usize, faults: u8) -> ProjectionModel {
    ProjectionModel {
        first: Version::Undigested,
        rolling: true,
        committed: true,
        ..model(workers, faults)
    }
}

#[test]
fn every_event_is_counted_once_whatever_happens() {
    for (workers, faults, slices) in [(2, 1, 1), (2, 0, 2), (3, 0, 1)] {
        let states = holds(ProjectionModel { slices, ..model(workers, faults) });
        println!(
            "projection, {workers} environments, {faults} faults, {slices} slices: {states} states"
        );
    }
}

#[test]
fn an_event_that_cannot_be_projected_parks_its_aggregate_until_it_is_replayed() {
    println!("projection, parked: {} states", holds(parking(2)));
}

#[test]
fn an_event_of_a_newer_version_parks_its_aggregate_until_that_version_runs() {
    println!("projection, newer: {} states", holds(rolling(2, 1)));
}

#[test]
fn versions_that_cut_an_event_at_different_places_count_no_row_twice() {
    println!("projection, recut: {} states", holds(recut(2)));
}

#[test]
fn a_version_without_digests_of_cuts_parks_nothing_of_its_successor() {
    println!("projection, undigested: {} states", holds(undigested(2, 1)));
}

#[test]
fn whatever_happens_everything_can_still_be_applied() {
    for model in [model(2, 1), parking(1), rolling(1, 1), undigested(1, 1)] {
        assert_eq!(stuck(&model, State::is_done), None);
    }
}

#[test]
fn a_delta_reaches_every_counter_once_whatever_happens() {
    for (workers, faults, slices) in [(2, 1, 1), (2, 1, 2)] {
        let states = holds(deltas(workers, faults, slices));
        println!(
            "deltas, {workers} environments, {faults} fault, {slices} slices: {states} states"
        );
    }
}

#[test]
fn a_version_without_deltas_counts_side_by_side_with_its_successor() {
    println!("deltas, direct: {} states", holds(direct(2, 1)));
}

#[test]
fn without_the_condition_of_the_head_a_delta_replaces_another() {
    let without = Some(Without::ConditionOfHead);
    counterexample(ProjectionModel { without, ..deltas(2, 0, 1) }, SUM);
}

#[test]
fn without_its_number_a_counter_takes_a_delta_twice() {
    let without = Some(Without::Number);
    counterexample(ProjectionModel { without, ..deltas(2, 1, 1) }, SUM);
}

#[test]
fn counted_before_the_delta_before_it_that_one_is_lost() {
    let without = Some(Without::Order);
    counterexample(ProjectionModel { without, ..deltas(2, 0, 1) }, SUM);
}

#[test]
fn acknowledged_before_its_counters_are_written_a_delivery_is_not_counted() {
    let without = Some(Without::Wait);
    counterexample(ProjectionModel { without, ..deltas(1, 0, 1) }, TRUE);
}

#[test]
fn without_its_place_in_the_guard_a_delta_of_another_slice_is_not_counted() {
    let without = Some(Without::Place);
    counterexample(ProjectionModel { without, ..deltas(1, 1, 2) }, TRUE);
}

#[test]
fn a_guard_that_is_only_read_before_the_write_counts_twice() {
    counterexample(
        ProjectionModel { without: Some(Without::Condition), ..apart(model(2, 0)) },
        SUM,
    );
}

#[test]
fn a_condition_that_the_version_is_lower_counts_twice() {
    counterexample(
        ProjectionModel { without: Some(Without::ExactVersion), ..apart(model(2, 0)) },
        SUM,
    );
}

#[test]
fn a_condition_that_does_not_ask_for_the_part_counts_a_part_twice() {
    counterexample(ProjectionModel { without: Some(Without::Part), ..apart(model(2, 1)) }, SUM);
}

#[test]
fn a_condition_that_does_not_ask_whether_it_is_parked_forgets_what_was_passed_over() {
    let model = ProjectionModel { without: Some(Without::Parked), ..apart(parking(2)) };
    counterexample(model, QUIET);
}

#[test]
fn parking_without_a_condition_parks_an_aggregate_that_has_moved_on() {
    let model = ProjectionModel { without: Some(Without::ConditionOfPark), ..parking(2) };
    counterexample(model, "it is parked at the event after the guard");
}

#[test]
fn without_a_digest_of_the_cut_a_row_is_counted_twice() {
    counterexample(ProjectionModel { without: Some(Without::Cut), ..apart(recut(2)) }, SUM);
}

#[test]
fn taken_off_the_list_without_a_condition_a_parked_aggregate_is_forgotten() {
    let model = ProjectionModel {
        without: Some(Without::ConditionOfUnlist),
        committed: false,
        ..rolling(2, 0)
    };
    counterexample(model, "an aggregate that is parked is on the list");
}
