//! The rules of a process.

use jiff::Timestamp;

use super::reaction::Reaction;
use super::state::State;
use super::total::Total;
use crate::envelope::Envelope;
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::message::MessageSet;

/// The rules of a process manager: what an input means in a state.
///
/// ```
/// use jiff::{SignedDuration, Timestamp};
/// use serde::{Deserialize, Serialize};
/// use tidegate::envelope::Envelope;
/// use tidegate::failure::Failure;
/// use tidegate::ids::StreamId;
/// use tidegate::message::Message;
/// use tidegate::process::{self, Process, Reaction, State, Step};
///
/// #[derive(Serialize, Deserialize, Message)]
/// struct RentBike { rental: String }
/// #[derive(Serialize, Deserialize, Message)]
/// struct BikeReturned { rental: String }
/// #[derive(Serialize, Deserialize, Message)]
/// struct BikeOverdue {}
/// tidegate::messages! { enum RentalInput { RentBike, BikeReturned, BikeOverdue } }
///
/// #[derive(Serialize, Deserialize, Message)]
/// struct CallCustomer { rental: String }
///
/// #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
/// enum Rental {
///     #[state(start)]
///     New,
///     Out { rental: String },
///     #[state(end)]
///     Returned,
/// }
///
/// struct Rentals;
///
/// impl Process for Rentals {
///     const KIND: &'static str = "rental";
///     const SOURCE: &'static str = "bikes.rental";
///     const RULES: u32 = 1;
///     type Input = RentalInput;
///     type State = Rental;
///
///     fn instance(input: &RentalInput, envelope: &Envelope) -> Result<StreamId, Failure> {
///         match input {
///             RentalInput::RentBike(rent) => process::stream::<Self>(&rent.rental),
///             RentalInput::BikeReturned(back) => process::stream::<Self>(&back.rental),
///             RentalInput::BikeOverdue(_) => Ok(envelope.subject.clone()),
///         }
///     }
///
///     #[process::total]
///     fn react(state: &Rental, input: &RentalInput, now: Timestamp) -> Reaction<Rental> {
///         use RentalInput as I;
///         match (state, input) {
///             (Rental::New, I::RentBike(rent)) => {
///                 Step::to(Rental::Out { rental: rent.rental.clone() })
///                     .deadline("return", now + SignedDuration::from_hours(24), BikeOverdue {})
///                     .into()
///             }
///             (Rental::Out { rental }, I::BikeOverdue(_)) => {
///                 let call = CallCustomer { rental: rental.clone() };
///                 Step::to(state.clone()).send("calls", format!("rental#{rental}"), call).into()
///             }
///             (Rental::Out { .. }, I::BikeReturned(_)) => Step::to(Rental::Returned).into(),
///             (Rental::Out { .. } | Rental::Returned, I::RentBike(_)) => {
///                 process::refuse("rented_before", "a rental is one ride")
///             }
///             (Rental::New, I::BikeReturned(_) | I::BikeOverdue(_)) => {
///                 process::refuse("not_rented", "the bike was not taken")
///             }
///             (Rental::Returned, I::BikeReturned(_) | I::BikeOverdue(_)) => {
///                 process::refuse("returned", "the bike is back")
///             }
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a process",
    note = "implement `tidegate::process::Process` for `{Self}`"
)]
pub trait Process: Send + Sync + 'static {
    /// Kind of the streams, such as `booking` for `booking#42`. Also the name under which the
    /// publisher finds the queue of the deadlines.
    const KIND: &'static str;
    /// Attribute `source` of the envelopes of its events and commands, such as `travel.booking`.
    const SOURCE: &'static str;
    /// Version of the rules. Raise it when the meaning of an input changes: every stored event
    /// says by which rules it was decided.
    const RULES: u32;
    /// Written by the attribute [`total`](macro@super::total) on [`Self::react`].
    const TOTAL: Total;
    /// Inputs: what starts an instance, the answers, and the messages of its deadlines.
    type Input: MessageSet;
    /// States.
    type State: State;

    /// Returns the instance that an input is for, a stream of the kind [`Self::KIND`].
    ///
    /// Is not called for deadlines and words of operators: the toolkit sends them to their
    /// instance.
    ///
    /// # Errors
    /// A permanent failure if the input names no instance; the delivery becomes a dead letter.
    fn instance(input: &Self::Input, envelope: &Envelope) -> Result<StreamId, Failure>;

    /// Returns whether an input usually is the first of its instance.
    ///
    /// Such an input costs one write and no read. Only the cost depends on the answer, which is
    /// `false` by default.
    fn starts(_input: &Self::Input) -> bool {
        false
    }

    /// Decides what an input means in a state. Must be pure, and needs the attribute
    /// [`total`](macro@super::total).
    ///
    /// `now` is the time of the decision. A panic is a transient failure; after a number of
    /// receives ([`PANICS`](super::PANICS)) the instance is stuck with the panic's text.
    fn react(state: &Self::State, input: &Self::Input, now: Timestamp) -> Reaction<Self::State>;
}

/// Returns the stream of the instance with this key.
///
/// # Errors
/// `invalid_id` (permanent): the key is empty or too long.
pub fn stream<P: Process>(key: &str) -> Result<StreamId, Failure> {
    StreamId::new(P::KIND, key).map_err(|error| Failure::permanent("invalid_id", error.to_string()))
}
