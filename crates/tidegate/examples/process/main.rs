//! Books trips: a flight, a hotel and a car, or nothing at all.
//!
//! Guarantees:
//!
//! - Each step is one conditional write, with its commands and deadlines inside.
//! - If a leg is refused or not answered in time, what took place is cancelled, the last first. So
//!   is the leg in doubt, because it may have been reserved.
//! - An answer that comes twice, late or in another order changes nothing.
//! - A cancellation that is refused waits for an operator: `tidegate process ls --stuck`.

use std::process::ExitCode;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tidegate::batch::EachStream;
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::ids::StreamId;
use tidegate::message::Message;
use tidegate::process::{self, Process, ProcessHandler, Reaction, State, Step, Taken};
use tidegate::store::DynamoDbEventStore;

/// What is reserved, with its offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Leg {
    Flight(String),
    Hotel(String),
    Car(String),
}

/// Starts a booking.
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
struct BookTrip {
    booking: String,
    legs: Vec<Leg>,
    /// How long a service may take to answer.
    patience_seconds: u32,
    /// Time by which the trip must be booked.
    until: Timestamp,
}

// To the services, and their answers.
#[derive(Serialize, Deserialize, Message)]
struct Reserve(Leg);
#[derive(Serialize, Deserialize, Message)]
struct Reserved(Leg);
#[derive(Serialize, Deserialize, Message)]
struct Refused(Leg, String);
#[derive(Serialize, Deserialize, Message)]
struct Cancel(Leg);
#[derive(Serialize, Deserialize, Message)]
struct Cancelled(Leg);
#[derive(Serialize, Deserialize, Message)]
struct CancelRefused(Leg, String);

/// A deadline passed, with its reason.
#[derive(Serialize, Deserialize, Message)]
struct Overdue(String);

// How a trip ends, for others.
#[derive(Serialize, Deserialize, Message)]
struct TripBooked {}
#[derive(Serialize, Deserialize, Message)]
struct TripFailed(String);

tidegate::messages! { enum Input { BookTrip, Reserved, Refused, Cancelled, CancelRefused, Overdue } }

/// A trip, the legs that took place, and the leg whose answer is awaited. A cancellation has a
/// reason.
#[derive(Clone, Debug, Serialize, Deserialize, State)]
enum Booking {
    #[state(start)]
    New,
    Reserving(BookTrip, Taken<Leg>, Leg),
    Cancelling(String, BookTrip, Taken<Leg>, Leg),
    #[state(end)]
    Booked,
    #[state(end)]
    Compensated(String),
}

impl BookTrip {
    /// Asks for the leg behind those that took place.
    fn reserve(&self, taken: Taken<Leg>, now: Timestamp) -> Step<Booking> {
        let Some(leg) = self.legs.get(taken.len()).cloned() else {
            return Step::to(Booking::Booked).publish(TripBooked {});
        };
        let (queue, reservation, due) = self.ask(&leg, now);
        Step::to(Booking::Reserving(self.clone(), taken, leg.clone()))
            .send(queue, reservation, Reserve(leg.clone()))
            .deadline("answer", due, Overdue(format!("{leg:?} was not answered in time")))
    }

    /// Cancels what took place last.
    fn cancel(&self, taken: &Taken<Leg>, why: &str, now: Timestamp) -> Step<Booking> {
        let Some((leg, before)) = taken.clone().undo() else {
            return Step::to(Booking::Compensated(why.into())).publish(TripFailed(why.into()));
        };
        let (queue, reservation, due) = self.ask(&leg, now);
        Step::to(Booking::Cancelling(why.into(), self.clone(), before, leg.clone()))
            .send(queue, reservation, Cancel(leg))
            .deadline("answer", due, Overdue(why.into()))
            .cancel("trip")
    }

    /// Returns the queue of a leg's service, the reservation, and when the answer is due.
    fn ask(&self, leg: &Leg, now: Timestamp) -> (&'static str, String, Timestamp) {
        let (queue, kind) = match leg {
            Leg::Flight(_) => ("flights", "flight"),
            Leg::Hotel(_) => ("hotels", "hotel"),
            Leg::Car(_) => ("cars", "car"),
        };
        let due = now + SignedDuration::from_secs(self.patience_seconds.into());
        (queue, format!("{kind}#{}", self.booking), due)
    }
}

impl Process for Booking {
    const KIND: &'static str = "booking";
    const SOURCE: &'static str = "travel.booking";
    const RULES: u32 = 1;
    type Input = Input;
    type State = Self;

    fn instance(input: &Input, envelope: &Envelope) -> Result<StreamId, Failure> {
        // An answer is about a reservation: `hotel#42` belongs to `booking#42`.
        let key = envelope.subject.key();
        process::stream::<Self>(if let Input::BookTrip(it) = input { &it.booking } else { key })
    }

    fn starts(input: &Input) -> bool {
        matches!(input, Input::BookTrip(_))
    }

    #[process::total]
    fn react(state: &Self, input: &Input, now: Timestamp) -> Reaction<Self> {
        use Input as I;
        match (state, input) {
            (Self::New, I::BookTrip(trip)) => trip
                .reserve(Taken::default(), now)
                .overall_deadline("trip", trip.until, Overdue("the trip took too long".into()))
                .into(),
            (Self::Reserving(trip, taken, leg), I::Reserved(Reserved(of))) if of == leg => {
                trip.reserve(taken.clone().and(leg.clone()), now).into()
            }
            (Self::Reserving(trip, taken, leg), I::Refused(Refused(of, why))) if of == leg => {
                trip.cancel(taken, why, now).into()
            }
            (Self::Reserving(trip, taken, leg), I::Overdue(Overdue(why)))
            | (Self::Cancelling(why, trip, taken, leg), I::Overdue(_)) => {
                trip.cancel(&taken.clone().and(leg.clone()), why, now).into()
            }
            (Self::Cancelling(why, trip, taken, leg), I::Cancelled(Cancelled(of))) if of == leg => {
                trip.cancel(taken, why, now).into()
            }
            (Self::Cancelling(.., leg), I::CancelRefused(CancelRefused(of, why))) if of == leg => {
                process::stuck("cancel_refused", format!("{leg:?}: {why}"))
            }
            (
                Self::New
                | Self::Reserving(..)
                | Self::Cancelling(..)
                | Self::Booked
                | Self::Compensated(_),
                I::BookTrip(_)
                | I::Reserved(_)
                | I::Refused(_)
                | I::Cancelled(_)
                | I::CancelRefused(_)
                | I::Overdue(_),
            ) => process::refuse("not_awaited", "the trip does not wait for this"),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let table = function.settings.text("EVENT_STORE_TABLE");
    let paused = function.settings.optional(process::PAUSED_BEFORE);
    let build = |aws: &tidegate::aws::AwsClients| {
        let store = Arc::new(DynamoDbEventStore::new(aws.dynamodb(), table?));
        Some(EachStream::new(ProcessHandler::<Booking>::new(store).paused_before(paused), 16))
    };
    function.run(tidegate::source::Source::Sqs, build).await
}

#[cfg(test)]
mod tests;
