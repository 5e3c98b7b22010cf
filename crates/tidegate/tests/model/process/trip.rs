//! The process of the model: a trip of a flight and a hotel.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::ids::StreamId;
use tidegate::message::Message;
use tidegate::process::{self, Process, Reaction, State, Step};

/// Declares messages without content.
macro_rules! empty {
    ($($name:ident),+ $(,)?) => {
        $(
            #[derive(Clone, Debug, Serialize, Deserialize, Message)]
            pub(super) struct $name {}
        )+
    };
}

empty!(BookTrip, FlightReserved, FlightRefused, HotelReserved, HotelRefused);
empty!(FlightCancelled, NotCancelled, AnswerOverdue);
empty!(ReserveFlight, ReserveHotel, CancelFlight, CancelHotel);

tidegate::messages! {
    pub(super) enum TripInput {
        BookTrip, FlightReserved, FlightRefused, HotelReserved, HotelRefused, FlightCancelled,
        NotCancelled, AnswerOverdue
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
pub(super) enum Trip {
    #[state(start)]
    New,
    /// The flight was asked for.
    Flight,
    /// The flight is reserved, and the hotel was asked for.
    Hotel,
    /// The flight is being cancelled.
    Cancelling,
    #[state(end)]
    Booked,
    /// Nothing is reserved.
    #[state(end)]
    Nothing,
}

pub(super) struct Trips;

/// The instance of the model.
pub(super) fn stream() -> StreamId {
    "trip#1".parse().unwrap()
}

/// The steps have different due times. A deadline that is set again with the same due time and
/// content is the same deadline.
fn due(now: Timestamp, step: i64) -> Timestamp {
    now + SignedDuration::from_mins(5 * step)
}

impl Process for Trips {
    const KIND: &'static str = "trip";
    const SOURCE: &'static str = "model.trip";
    const RULES: u32 = 1;
    type Input = TripInput;
    type State = Trip;

    fn instance(_: &TripInput, envelope: &Envelope) -> Result<StreamId, Failure> {
        Ok(envelope.subject.clone())
    }

    fn starts(input: &TripInput) -> bool {
        matches!(input, TripInput::BookTrip(_))
    }

    #[process::total]
    fn react(state: &Trip, input: &TripInput, now: Timestamp) -> Reaction<Trip> {
        use TripInput as I;
        let flight = || Step::to(Trip::Cancelling).send("flights", "flight#1", CancelFlight {});
        match (state, input) {
            (Trip::New, I::BookTrip(_)) => Step::to(Trip::Flight)
                .send("flights", "flight#1", ReserveFlight {})
                .deadline("answer", due(now, 1), AnswerOverdue {})
                .into(),
            (Trip::Flight, I::FlightReserved(_)) => Step::to(Trip::Hotel)
                .send("hotels", "hotel#1", ReserveHotel {})
                .deadline("answer", due(now, 2), AnswerOverdue {})
                .into(),
            (Trip::Flight, I::FlightRefused(_)) => Step::to(Trip::Nothing).into(),
            // It may have been reserved: cancelling what is not reserved prevents it.
            (Trip::Flight, I::AnswerOverdue(_)) => flight().into(),
            (Trip::Hotel, I::HotelReserved(_)) => Step::to(Trip::Booked).into(),
            (Trip::Hotel, I::HotelRefused(_)) => flight().into(),
            (Trip::Hotel, I::AnswerOverdue(_)) => {
                flight().send("hotels", "hotel#1", CancelHotel {}).into()
            }
            (Trip::Cancelling, I::FlightCancelled(_)) => Step::to(Trip::Nothing).into(),
            (Trip::Cancelling, I::NotCancelled(_)) => {
                process::stuck("not_cancelled", "the flight cannot be cancelled")
            }
            (Trip::New, I::AnswerOverdue(_))
            | (
                Trip::New | Trip::Hotel | Trip::Cancelling | Trip::Booked | Trip::Nothing,
                I::FlightReserved(_) | I::FlightRefused(_),
            )
            | (
                Trip::New | Trip::Flight | Trip::Cancelling | Trip::Booked | Trip::Nothing,
                I::HotelReserved(_) | I::HotelRefused(_),
            )
            | (
                Trip::New | Trip::Flight | Trip::Hotel | Trip::Booked | Trip::Nothing,
                I::FlightCancelled(_) | I::NotCancelled(_),
            )
            | (Trip::Cancelling | Trip::Booked | Trip::Nothing, I::AnswerOverdue(_))
            | (
                Trip::Flight | Trip::Hotel | Trip::Cancelling | Trip::Booked | Trip::Nothing,
                I::BookTrip(_),
            ) => process::refuse("not_expected", "the trip waits for something else"),
        }
    }
}
