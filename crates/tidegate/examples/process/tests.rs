//! The ways of a trip, each as a golden trace, with every message twice, and with every request to
//! the store failing once.

use tidegate::test::{ProcessStep, ProcessTable, ProcessTest, interrupted, repeated};

use super::*;

type Test = ProcessTest<Booking>;

fn flight() -> Leg {
    Leg::Flight("LH-400".to_owned())
}

fn hotel() -> Leg {
    Leg::Hotel("Astoria".to_owned())
}

fn car() -> Leg {
    Leg::Car("small".to_owned())
}

fn trip() -> BookTrip {
    BookTrip {
        booking: "42".to_owned(),
        legs: vec![flight(), hotel(), car()],
        patience_seconds: 900,
        until: "2026-01-01T01:00:00Z".parse().unwrap(),
    }
}

/// Delivers what the service of a leg answers.
fn answer(test: &mut Test, reservation: &str, answer: impl Into<Input>) -> ProcessStep {
    test.about(reservation.parse().unwrap()).input(answer)
}

/// Books flight and hotel, and asks for the car.
fn as_far_as_the_car(test: &mut Test) {
    test.input(trip()).sends("flights", &Reserve(flight()));
    answer(test, "flight#42", Reserved(flight())).sends("hotels", &Reserve(hotel()));
    answer(test, "hotel#42", Reserved(hotel())).sends("cars", &Reserve(car()));
}

fn booked(test: &mut Test) {
    as_far_as_the_car(test);
    answer(test, "hotel#42", Reserved(hotel())).refused("not_awaited");
    answer(test, "car#42", Reserved(car())).moved_to("Booked").publishes(&TripBooked {});
    test.pass_late("answer").ignored("answer");
}

fn car_refused(test: &mut Test) {
    as_far_as_the_car(test);
    answer(test, "car#42", Refused(car(), "none is left".to_owned()))
        .moved_to("Cancelling")
        .sends("hotels", &Cancel(hotel()));
    answer(test, "hotel#42", Cancelled(hotel())).sends("flights", &Cancel(flight()));
    answer(test, "flight#42", Cancelled(flight()))
        .moved_to("Compensated")
        .publishes(&TripFailed("none is left".to_owned()));
}

fn car_in_doubt(test: &mut Test) {
    as_far_as_the_car(test);
    test.pass("answer").sends("cars", &Cancel(car()));
    answer(test, "car#42", Reserved(car())).refused("not_awaited");
    answer(test, "car#42", Cancelled(car())).sends("hotels", &Cancel(hotel()));
    test.pass("answer").sends("hotels", &Cancel(hotel()));
    answer(test, "hotel#42", Cancelled(hotel())).sends("flights", &Cancel(flight()));
    answer(test, "flight#42", Cancelled(flight())).moved_to("Compensated");
}

fn too_long(test: &mut Test) {
    let patient = BookTrip { patience_seconds: 7200, ..trip() };
    test.input(patient).moved_to("Reserving");
    test.pass("trip").sends("flights", &Cancel(flight()));
    answer(test, "flight#42", Cancelled(flight())).moved_to("Compensated");
}

fn cancellation_refused(test: &mut Test) {
    as_far_as_the_car(test);
    answer(test, "car#42", Refused(car(), "none is left".to_owned()));
    answer(test, "hotel#42", CancelRefused(hotel(), "too late".to_owned())).stuck("cancel_refused");
    answer(test, "hotel#42", Cancelled(hotel())).held();
    test.skip("the hotel cancels after a call").sends("flights", &Cancel(flight()));
    answer(test, "flight#42", Cancelled(flight())).moved_to("Compensated");
}

/// Name of a golden trace, and what leads to it.
type Way = (&'static str, fn(&mut Test));

const WAYS: [Way; 5] = [
    ("booked", booked),
    ("car-refused", car_refused),
    ("car-in-doubt", car_in_doubt),
    ("too-long", too_long),
    ("cancellation-refused", cancellation_refused),
];

#[test]
fn each_way_is_as_its_golden_trace_says() {
    for (name, way) in WAYS {
        let mut test = Test::new();
        way(&mut test);
        test.golden(&format!("examples/process/traces/{name}.txt"));
    }
}

#[test]
fn every_message_may_come_twice() {
    WAYS.iter().for_each(|(_, way)| repeated(way));
}

#[test]
fn every_request_to_the_store_may_fail() {
    WAYS.iter().for_each(|(_, way)| interrupted(way));
}

#[test]
fn the_table_says_what_each_input_means_in_each_state() {
    let why = "none is left".to_owned();
    let two = Taken::default().and(flight()).and(hotel());
    let states = [
        Booking::New,
        Booking::Reserving(trip(), two.clone(), car()),
        Booking::Reserving(trip(), two.clone(), hotel()),
        Booking::Cancelling(why.clone(), trip(), two.undo().unwrap().1, hotel()),
        Booking::Cancelling(why.clone(), trip(), Taken::default(), car()),
        Booking::Booked,
        Booking::Compensated(why.clone()),
    ];
    let inputs = [car(), hotel()].into_iter().flat_map(|leg| {
        let why = "none is left".to_owned();
        let answers: [Input; 4] = [
            Reserved(leg.clone()).into(),
            Refused(leg.clone(), why.clone()).into(),
            Cancelled(leg.clone()).into(),
            CancelRefused(leg, why).into(),
        ];
        answers
    });
    ProcessTable::<Booking>::new()
        .states(states)
        .inputs(inputs)
        .inputs([trip().into(), Overdue("it took too long".to_owned()).into()])
        .golden("examples/process/table.md");
}

#[test]
fn the_rules_are_fewer_than_150_lines_of_code() {
    let (code, _) = include_str!("main.rs").split_once("#[cfg(test)]").unwrap();
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
    let lines = code.lines().map(str::trim).filter(is_code).count();
    assert!(lines < 150, "{lines} lines");
}
