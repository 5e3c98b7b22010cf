//! Tests of the kit for process managers, with a small process.

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::*;
use crate::envelope::Envelope;
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::message::Message;
use crate::process::{self, Process, Reaction, State, Step, Taken};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct BookTrip {
    trip: String,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Reserved {
    trip: String,
    what: String,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Refused {
    trip: String,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Cancelled {
    trip: String,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct AnswerOverdue {}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct TripOverdue {}
crate::messages! {
    #[derive(Clone, Debug, PartialEq)]
    enum TripInput { BookTrip, Reserved, Refused, Cancelled, AnswerOverdue, TripOverdue }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Reserve {
    trip: String,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Cancel {
    trip: String,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct TripBooked {
    trip: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
enum Trip {
    #[state(start)]
    New,
    Reserving {
        trip: String,
        taken: Taken<String>,
    },
    Cancelling {
        trip: String,
        taken: Taken<String>,
    },
    #[state(end)]
    Booked,
    #[state(end)]
    Compensated,
}

/// Services, in the order in which they are asked.
const SERVICES: [&str; 2] = ["flights", "hotels"];

struct Trips;

impl Trips {
    fn key(trip: &str) -> Result<StreamId, Failure> {
        process::stream::<Self>(trip)
    }

    /// Asks the next service; after the last one the trip is booked.
    fn reserve(trip: &str, taken: &Taken<String>, now: Timestamp) -> Reaction<Trip> {
        let trip = trip.to_owned();
        let Some(service) = SERVICES.get(taken.len()) else {
            return Step::to(Trip::Booked).publish(TripBooked { trip }).into();
        };
        Step::to(Trip::Reserving { trip: trip.clone(), taken: taken.clone() })
            .send(*service, format!("trip#{trip}"), Reserve { trip })
            .deadline("answer", now + SignedDuration::from_mins(5), AnswerOverdue {})
            .into()
    }

    /// Cancels what took place last; after the first the trip is compensated.
    fn cancel(trip: &str, taken: Taken<String>) -> Reaction<Trip> {
        let trip = trip.to_owned();
        match taken.undo() {
            None => Step::to(Trip::Compensated).into(),
            Some((last, taken)) => Step::to(Trip::Cancelling { trip: trip.clone(), taken })
                .send(last, format!("trip#{trip}"), Cancel { trip })
                .into(),
        }
    }
}

impl Process for Trips {
    const KIND: &'static str = "trip";
    const SOURCE: &'static str = "test.trip";
    const RULES: u32 = 3;
    type Input = TripInput;
    type State = Trip;

    fn instance(input: &TripInput, envelope: &Envelope) -> Result<StreamId, Failure> {
        match input {
            TripInput::BookTrip(BookTrip { trip })
            | TripInput::Reserved(Reserved { trip, .. })
            | TripInput::Refused(Refused { trip })
            | TripInput::Cancelled(Cancelled { trip }) => Self::key(trip),
            TripInput::AnswerOverdue(_) | TripInput::TripOverdue(_) => Ok(envelope.subject.clone()),
        }
    }

    #[process::total]
    fn react(state: &Trip, input: &TripInput, now: Timestamp) -> Reaction<Trip> {
        use TripInput as I;
        match (state, input) {
            (Trip::New, I::BookTrip(BookTrip { trip })) => {
                match Self::reserve(trip, &Taken::default(), now) {
                    Reaction::Move(step) => step
                        .overall_deadline(
                            "trip",
                            now + SignedDuration::from_mins(7),
                            TripOverdue {},
                        )
                        .into(),
                    other => other,
                }
            }
            (Trip::Reserving { trip, taken }, I::Reserved(Reserved { what, .. })) => {
                Self::reserve(trip, &taken.clone().and(what.clone()), now)
            }
            (
                Trip::Reserving { trip, taken },
                I::Refused(_) | I::AnswerOverdue(_) | I::TripOverdue(_),
            ) => Self::cancel(trip, taken.clone()),
            (Trip::Cancelling { trip, taken }, I::Cancelled(_)) => {
                Self::cancel(trip, taken.clone())
            }
            (Trip::Cancelling { .. }, I::Refused(_)) => {
                process::stuck("not_cancelled", "a service refused to cancel")
            }
            (Trip::Cancelling { .. }, I::TripOverdue(_)) => {
                process::stuck("slow", "the cancellation takes too long")
            }
            (Trip::Cancelling { .. }, I::AnswerOverdue(_) | I::Reserved(_) | I::BookTrip(_))
            | (Trip::Reserving { .. }, I::BookTrip(_) | I::Cancelled(_))
            | (
                Trip::New | Trip::Booked | Trip::Compensated,
                I::Reserved(_)
                | I::Refused(_)
                | I::Cancelled(_)
                | I::AnswerOverdue(_)
                | I::TripOverdue(_),
            )
            | (Trip::Booked | Trip::Compensated, I::BookTrip(_)) => {
                process::refuse("not_expected", "the trip waits for something else")
            }
        }
    }
}

fn book() -> BookTrip {
    BookTrip { trip: "7".to_owned() }
}

fn reserved(what: &str) -> Reserved {
    Reserved { trip: "7".to_owned(), what: what.to_owned() }
}

fn refused() -> Refused {
    Refused { trip: "7".to_owned() }
}

fn cancelled() -> Cancelled {
    Cancelled { trip: "7".to_owned() }
}

fn reserve() -> Reserve {
    Reserve { trip: "7".to_owned() }
}

fn cancel() -> Cancel {
    Cancel { trip: "7".to_owned() }
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// A trip whose hotel does not answer, and whose flight is first not cancelled.
fn compensated(test: &mut ProcessTest<Trips>) {
    let start = test.now();
    test.input(book())
        .moved_to("Reserving")
        .sends("flights", &reserve())
        .sets("answer", start + minutes(5))
        .sets("trip", start + minutes(7));
    test.wait(minutes(1));
    test.input(reserved("flights"))
        .moved_to("Reserving")
        .cancels("answer")
        .sets("answer", start + minutes(6))
        .sends("hotels", &reserve());
    assert_eq!(
        test.deadlines(),
        [("answer".to_owned(), start + minutes(6)), ("trip".to_owned(), start + minutes(7))]
    );
    test.pass("answer").moved_to("Cancelling").sends("flights", &cancel());
    assert_eq!(test.now(), start + minutes(6));
    test.input(refused()).stuck("not_cancelled").sends_nothing();
    let steps = test.wait(minutes(1));
    steps[0].held();
    test.input(cancelled()).held();
    test.force(&Trip::Compensated, "cancelled by telephone").moved_to("Compensated");
    assert!(test.instance().has_ended());
    assert_eq!(test.state(), Trip::Compensated);
    assert_eq!(test.sent().len(), 3);
    assert_eq!(test.sent()[2].content::<Cancel>(), cancel());
}

#[test]
fn a_trace_is_read_as_a_text() {
    let mut test = ProcessTest::<Trips>::new();
    compensated(&mut test);
    test.golden("src/test/process/golden/compensated.txt");
}

#[test]
fn repeats_and_crashes_change_nothing() {
    repeated::<Trips>(compensated);
    interrupted::<Trips>(compensated);
}

#[test]
fn a_late_deadline_is_ignored_and_a_deadline_passes_once() {
    let mut test = ProcessTest::<Trips>::new();
    test.input(book());
    test.input(reserved("flights"));
    let late = test.sent()[0].clone();
    assert_eq!(late.to, "flights");
    test.input(reserved("hotels")).moved_to("Booked").publishes(&TripBooked { trip: "7".into() });
    assert_eq!(test.deadlines(), [], "the end cancels all");
    test.pass_late("trip").ignored("trip").sends_nothing();
    test.again().duplicate();
    test.pass_late("answer").ignored("answer");
}

#[test]
fn answers_are_tried_in_every_order() {
    let mut test = ProcessTest::<Trips>::new();
    test.input(book());
    let orders = AtomicU32::new(0);
    test.in_every_order(
        [reserved("flights").into(), refused().into(), cancelled().into()],
        |test| {
            orders.fetch_add(1, Ordering::Relaxed);
            let compensated = test.state() == Trip::Compensated;
            let cancels =
                test.sent().iter().filter(|sent| sent.envelope.kind == Cancel::TYPE).count();
            assert!(compensated || cancels == 1, "{}", test.trace());
        },
    );
    assert_eq!(orders.into_inner(), 6);
    assert_eq!(test.sent().len(), 1, "the copies have futures of their own");
}

#[test]
fn inputs_of_one_batch_are_one_commit() {
    let mut test = ProcessTest::<Trips>::new();
    let steps = test.together([book().into(), reserved("flights").into(), refused().into()]);
    steps[0].moved_to("Reserving").sends("flights", &reserve());
    steps[1].moved_to("Reserving").sends("hotels", &reserve());
    steps[2].moved_to("Cancelling").sends("flights", &cancel());
    assert_eq!(test.store().commits().len(), 1);
}

#[test]
fn a_restored_instance_waits_for_an_operator() {
    let mut test = ProcessTest::<Trips>::new();
    test.input(book());
    let restored = test.now() + minutes(1);
    test.paused_before(Some(restored));
    test.input(reserved("flights")).stuck("paused");
    test.wait(minutes(2));
    test.resume("compared with the services").moved_to("Reserving").sends("hotels", &reserve());
    test.input(refused()).moved_to("Cancelling");
}

#[test]
fn a_message_that_is_not_one_of_the_process_is_a_dead_letter() {
    let mut test = ProcessTest::<Trips>::new();
    test.input(BookTrip { trip: String::new() }).dead_lettered("invalid_id");
    test.input(book()).moved_to("Reserving");
    test.skip("by mistake").refused("not_stuck");
}

/// Returns why a test fails.
fn failure(test: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(test).expect_err("the test should fail");
    panic.downcast_ref::<String>().expect("a text").clone()
}

#[test]
fn an_assertion_that_fails_shows_the_trace() {
    let reason = failure(|| {
        let mut test = ProcessTest::<Trips>::new();
        test.input(book()).moved_to("Booked");
    });
    assert!(reason.starts_with("the input should lead to Booked, it led to Reserving"), "{reason}");
    assert!(reason.contains("New -> Reserving by BookTrip"), "{reason}");
    let reason = failure(|| {
        let mut test = ProcessTest::<Trips>::new();
        test.input(book());
        test.pass("payment");
    });
    assert!(
        reason.starts_with("no deadline `payment` is open; open are: answer, trip"),
        "{reason}"
    );
}

#[test]
fn a_scenario_that_depends_on_how_often_it_is_played_is_found() {
    let played = AtomicU32::new(0);
    let reason = failure(std::panic::AssertUnwindSafe(|| {
        interrupted::<Trips>(|test| {
            test.input(book());
            if played.fetch_add(1, Ordering::Relaxed) > 3 {
                test.input(refused());
            }
        });
    }));
    assert!(reason.contains("other things follow") && reason.contains("+ "), "{reason}");
    assert!(reason.starts_with("with ") && reason.contains(" at Read 1"), "{reason}");
}

/// Decides as `Trips`, and takes each input for a new instance.
struct Forgetful;

static INSTANCES: AtomicU32 = AtomicU32::new(0);

impl Process for Forgetful {
    const KIND: &'static str = "trip";
    const SOURCE: &'static str = "test.trip";
    const RULES: u32 = 3;
    const TOTAL: process::Total = Trips::TOTAL;
    type Input = TripInput;
    type State = Trip;

    fn instance(_: &TripInput, _: &Envelope) -> Result<StreamId, Failure> {
        process::stream::<Self>(&INSTANCES.fetch_add(1, Ordering::Relaxed).to_string())
    }

    fn react(state: &Trip, input: &TripInput, now: Timestamp) -> Reaction<Trip> {
        Trips::react(state, input, now)
    }
}

#[test]
fn an_input_that_does_something_each_time_is_found() {
    let reason = failure(|| {
        repeated::<Forgetful>(|test| {
            test.input(book());
        });
    });
    assert!(reason.contains("was delivered again and led to ProcessMoved"), "{reason}");
}

#[test]
fn a_check_that_fails_says_in_which_order_the_inputs_came() {
    let reason = failure(|| {
        let mut test = ProcessTest::<Trips>::new();
        test.input(book());
        test.in_every_order([reserved("flights").into(), refused().into()], |test| {
            assert_eq!(test.state(), Trip::Compensated, "it is not compensated");
        });
    });
    assert!(reason.starts_with("in the order Reserved, Refused: "), "{reason}");
    assert!(reason.contains("it is not compensated"), "{reason}");
}

fn table() -> ProcessTable<Trips> {
    let (trip, taken) = ("7".to_owned(), Taken::default());
    let one = taken.clone().and("flights".to_owned());
    ProcessTable::new()
        .states([
            Trip::New,
            Trip::Reserving { trip: trip.clone(), taken: taken.clone() },
            Trip::Reserving { trip: trip.clone(), taken: one.clone() },
            Trip::Cancelling { trip: trip.clone(), taken },
            Trip::Cancelling { trip, taken: one },
            Trip::Booked,
        ])
        .inputs([
            book().into(),
            reserved("flights").into(),
            refused().into(),
            cancelled().into(),
            AnswerOverdue {}.into(),
        ])
}

#[test]
fn a_table_shows_each_pair_and_each_case() {
    table()
        .states([Trip::Compensated])
        .inputs([TripOverdue {}.into()])
        .golden("src/test/process/golden/trips.md");
}

#[test]
fn a_table_without_a_sample_names_it() {
    let reason = failure(|| drop(table().markdown()));
    assert_eq!(
        reason,
        "the table of `trip` has no sample of the state Compensated, the input TripOverdue"
    );
}
