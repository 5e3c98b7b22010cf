//! The services of the travel system in `tests/it/travel`: flights, hotels and cars.
//!
//! The name of an offer says how its service behaves:
//!
//! | offer | behaviour |
//! |---|---|
//! | `full…` | refuses |
//! | `twice…` | gives each answer twice |
//! | `late…` | reserves at once, and answers when it is asked to cancel |
//! | `slow…` | does not take the command until it has been asked to cancel |
//! | `keep…` | refuses to cancel |
//! | any other | reserves, and cancels when it is asked to |
//!
//! Commands may overtake each other. A service that is asked to cancel first refuses to reserve.

use std::process::ExitCode;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate::batch::{BatchContext, Decode, EachRecord, Handled, Handler};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::ids::StreamId;
use tidegate::message::{Message, MessageSet};
use tidegate::source::{Delivery, Source};
use tidegate::store::{Aggregate, Decision, DynamoDbEventStore, Origin, Retry, execute, load};

/// After which time a command comes again that a slow service does not take yet.
const SLOW: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Leg {
    Flight(String),
    Hotel(String),
    Car(String),
}

impl Leg {
    /// Returns whether the offer asks for this behaviour.
    fn is(&self, behaviour: &str) -> bool {
        let (Self::Flight(offer) | Self::Hotel(offer) | Self::Car(offer)) = self;
        offer.starts_with(behaviour)
    }
}

#[derive(Serialize, Deserialize, Message)]
struct Reserve(Leg);
#[derive(Serialize, Deserialize, Message)]
struct Cancel(Leg);
/// The service holds the reservation, whether it answers or not.
#[derive(Serialize, Deserialize, Message)]
struct Held {}
/// The service does not hold the reservation any more.
#[derive(Serialize, Deserialize, Message)]
struct Released {}
#[derive(Clone, Serialize, Deserialize, Message)]
struct Reserved(Leg);
#[derive(Serialize, Deserialize, Message)]
struct Refused(Leg, String);
#[derive(Clone, Serialize, Deserialize, Message)]
struct Cancelled(Leg);
#[derive(Serialize, Deserialize, Message)]
struct CancelRefused(Leg, String);

tidegate::messages! { enum Command { Reserve, Cancel } }
tidegate::messages! { enum Event { Held, Released, Reserved, Refused, Cancelled, CancelRefused } }

#[derive(Default)]
struct Reservation {
    held: bool,
    cancelled: bool,
}

impl Aggregate for Reservation {
    type Command = Command;
    type Event = Event;
    const SOURCE: &'static str = "travel.services";

    fn creates(_: &Command) -> bool {
        false
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Held(_) => self.held = true,
            Event::Released(_) => self.held = false,
            Event::Cancelled(_) => self.cancelled = true,
            Event::Reserved(_) | Event::Refused(_) | Event::CancelRefused(_) => {}
        }
    }

    fn decide(&self, command: &Command) -> Decision<Event> {
        match command {
            Command::Reserve(Reserve(leg)) => self.reserve(leg),
            Command::Cancel(Cancel(leg)) => self.cancel(leg),
        }
    }
}

impl Reservation {
    fn reserve(&self, leg: &Leg) -> Decision<Event> {
        let refused = |why: &str| Decision::one(Refused(leg.clone(), why.to_owned()));
        if self.held {
            return refused("it is reserved already");
        }
        if self.cancelled {
            return refused("it was cancelled before");
        }
        if leg.is("full") {
            return refused("nothing is left");
        }
        let held = Decision::one(Held {});
        if leg.is("late") {
            return held;
        }
        let answer = Reserved(leg.clone());
        if leg.is("twice") { held.and(answer.clone()).and(answer) } else { held.and(answer) }
    }

    fn cancel(&self, leg: &Leg) -> Decision<Event> {
        if self.held && leg.is("keep") {
            return Decision::one(CancelRefused(leg.clone(), "it cannot be cancelled".to_owned()));
        }
        let mut decision = Decision::one(Cancelled(leg.clone()));
        if self.held {
            decision = decision.and(Released {});
        }
        if leg.is("twice") {
            decision = decision.and(Cancelled(leg.clone()));
        }
        if self.held && leg.is("late") {
            decision = decision.and(Reserved(leg.clone()));
        }
        decision
    }
}

struct Services(DynamoDbEventStore);

impl Decode for Services {
    type Record = (StreamId, Command, Origin);

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Self::Record, Failure> {
        let envelope = Envelope::parse(delivery.bytes()?)?;
        let command = Command::from_envelope(&envelope)?;
        let origin = Origin::delivered::<Command>(&envelope, delivery);
        Ok((envelope.subject, command, origin))
    }
}

impl Handler for Services {
    async fn handle(
        &self,
        (reservation, command, origin): &Self::Record,
        _: &BatchContext,
    ) -> Result<Handled, Failure> {
        let slow = matches!(command, Command::Reserve(Reserve(leg)) if leg.is("slow"));
        if slow && !load::<Reservation>(&self.0, reservation).await?.aggregate.cancelled {
            let waits = Failure::transient("slow", format!("{reservation} takes its time"));
            return Err(waits.retry_after(SLOW));
        }
        let executed =
            execute::<Reservation>(&self.0, reservation, command, origin, Retry::default());
        Ok(executed.await?.handled())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let table = function.settings.text("EVENT_STORE_TABLE");
    let build = |aws: &tidegate::aws::AwsClients| {
        Some(EachRecord::new(Services(DynamoDbEventStore::new(aws.dynamodb(), table?)), 16))
    };
    function.run(Source::Sqs, build).await
}
