//! The macros for messages and processes of the crate `tidegate`.
//!
//! `tidegate` re-exports it; use it from there.

mod message;
mod state;
mod total;

use proc_macro::TokenStream;
use syn::{DeriveInput, ImplItemFn, parse_macro_input};

/// Implements `tidegate::message::Message` for a struct.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidegate::message::Message;
///
/// #[derive(Serialize, Deserialize, Message)]
/// struct OrderPlaced {
///     order: String,
/// }
///
/// assert_eq!((OrderPlaced::TYPE, OrderPlaced::VERSION), ("OrderPlaced", 1));
/// ```
///
/// # Attributes
///
/// | `#[message(…)]` | meaning | without it |
/// |---|---|---|
/// | `type = "Name"` | the envelope's `type` | the name of the struct |
/// | `version = 2` | version of the content, from 1 | 1 |
/// | `from = Type` | the message as it was in the version before | for version 1 only |
/// | `oldest` | no content of an older version exists, or it need not be read | |
///
/// A stored event never changes its type. Before you rename a struct, set `type` to its old name.
///
/// # Versions
///
/// When the content of a message changes, keep the old struct as the version before, and convert it
/// with `From`. Reading an old version runs the chain of these conversions. Each version is a type,
/// so it has a JSON Schema if it derives `schemars::JsonSchema`.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidegate::message::Message;
///
/// #[derive(Serialize, Deserialize, Message)]
/// #[message(type = "Measured", version = 1)]
/// struct MeasuredV1 {
///     celsius: i32,
/// }
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize, Message)]
/// #[message(version = 2, from = MeasuredV1)]
/// struct Measured {
///     celsius: i32,
///     place: String,
/// }
///
/// impl From<MeasuredV1> for Measured {
///     fn from(MeasuredV1 { celsius }: MeasuredV1) -> Self {
///         Self { celsius, place: "unknown".to_owned() }
///     }
/// }
///
/// let read = Measured::decode(1, r#"{"celsius":20}"#).unwrap();
/// assert_eq!(read, Measured { celsius: 20, place: "unknown".to_owned() });
/// ```
///
/// # Errors
///
/// A mistake is a compiler error at its place, and says what to write:
///
/// - an unknown or repeated argument, version 0, an empty type, an attribute on a field, or an enum
/// - a version above 1 without the version before it
/// - a version before that is not a message, has another type, or skips or repeats a version
/// - a missing `From`
///
/// ```compile_fail
/// # use serde::{Deserialize, Serialize};
/// # use tidegate::message::Message;
/// #[derive(Serialize, Deserialize, Message)]
/// enum Order { Placed, Rejected } // use `tidegate::messages!` for a set of messages
/// ```
///
/// ```compile_fail
/// # use serde::{Deserialize, Serialize};
/// # use tidegate::message::Message;
/// #[derive(Serialize, Deserialize, Message)]
/// #[message(version = 2)] // content of version 1 must stay readable: `from`, or `oldest`
/// struct OrderPlaced {}
/// ```
///
/// ```compile_fail,E0080
/// # use serde::{Deserialize, Serialize};
/// # use tidegate::message::Message;
/// # #[derive(Serialize, Deserialize, Message)]
/// # #[message(type = "OrderPlaced")]
/// # struct V1 {}
/// # impl From<V1> for OrderPlaced { fn from(_: V1) -> Self { Self {} } }
/// #[derive(Serialize, Deserialize, Message)]
/// #[message(version = 3, from = V1)] // `V1` must have `version = 2`
/// struct OrderPlaced {}
/// ```
///
/// ```compile_fail,E0080
/// # use serde::{Deserialize, Serialize};
/// # use tidegate::message::Message;
/// # #[derive(Serialize, Deserialize, Message)]
/// # #[message(type = "OrderShipped")]
/// # struct V1 {}
/// # impl From<V1> for OrderPlaced { fn from(_: V1) -> Self { Self {} } }
/// #[derive(Serialize, Deserialize, Message)]
/// #[message(version = 2, from = V1)] // `V1` is an `OrderShipped`
/// struct OrderPlaced {}
/// ```
///
/// ```compile_fail,E0277
/// # use serde::{Deserialize, Serialize};
/// # use tidegate::message::Message;
/// # #[derive(Serialize, Deserialize, Message)]
/// # #[message(type = "OrderPlaced")]
/// # struct V1 {}
/// #[derive(Serialize, Deserialize, Message)]
/// #[message(version = 2, from = V1)] // write `impl From<V1> for OrderPlaced`
/// struct OrderPlaced {}
/// ```
#[proc_macro_derive(Message, attributes(message))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    message::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `tidegate::process::State` for the enum of a process's states.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidegate::process::State;
///
/// #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
/// enum Trip {
///     #[state(start)]
///     New,
///     Going { to: String },
///     #[state(end)]
///     Arrived,
/// }
///
/// assert_eq!(Trip::default(), Trip::New);
/// assert_eq!(Trip::NAMES, ["New", "Going", "Arrived"]);
/// assert!(Trip::Arrived.is_end() && !Trip::New.is_end());
/// assert_eq!(Trip::Going { to: "Oslo".to_owned() }.name(), "Going");
/// ```
///
/// # Attributes
///
/// | `#[state(…)]` | on | meaning |
/// |---|---|---|
/// | `start` | variant without fields | state before the first event: the type's `Default` |
/// | `end` | variant | end state: all deadlines are cancelled |
/// | `version = 2` | enum | version of the stored JSON, from 1 |
/// | `from = Type` | enum | the states as they were in the version before |
/// | `oldest` | enum | no state of an older version is stored |
/// | `reads = 2` | enum | newest version that is read, if it is above the version that is written |
///
/// Without a `start`, implement `Default` yourself.
///
/// # Versions
///
/// Raise the version for every change of the stored JSON, an additional variant or field too. A
/// function that does not know the new version then lets its inputs wait. Keep the old enum as the
/// version before, and convert it with `From`.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidegate::process::State;
///
/// #[derive(Clone, Debug, Serialize, Deserialize, State)]
/// enum TripV1 {
///     #[state(start)]
///     New,
///     Going(String),
/// }
///
/// #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
/// #[state(version = 2, from = TripV1)]
/// enum Trip {
///     #[state(start)]
///     New,
///     Going { to: String },
/// }
///
/// impl From<TripV1> for Trip {
///     fn from(old: TripV1) -> Self {
///         match old {
///             TripV1::New => Self::New,
///             TripV1::Going(to) => Self::Going { to },
///         }
///     }
/// }
///
/// let read = Trip::decode(1, r#"{"Going":"Oslo"}"#).unwrap();
/// assert_eq!(read, Trip::Going { to: "Oslo".to_owned() });
/// ```
///
/// To be able to go back, deploy a function first that has the new variants and fields, and reads
/// the new version, but still writes the old one: `#[state(version = 1, reads = 2)]`. Its enum is
/// then the version before.
///
/// # Errors
///
/// A mistake is a compiler error at its place, and says what to write.
///
/// ```compile_fail,E0080
/// # use serde::{Deserialize, Serialize};
/// # use tidegate::process::State;
/// # #[derive(Clone, Debug, Serialize, Deserialize, State)]
/// # enum V1 { #[state(start)] New }
/// # impl From<V1> for Trip { fn from(_: V1) -> Self { Self::New } }
/// #[derive(Clone, Debug, Serialize, Deserialize, State)]
/// #[state(version = 3, from = V1)] // `V1` must have `version = 2`
/// enum Trip { #[state(start)] New }
/// ```
///
/// ```compile_fail,E0277
/// # use serde::{Deserialize, Serialize};
/// # use tidegate::process::State;
/// #[derive(Clone, Debug, Serialize, Deserialize, State)]
/// enum Trip { New } // no variant is the start
/// ```
#[proc_macro_derive(State, attributes(state))]
pub fn derive_state(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    state::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Checks that the function `react` of a process places every pair of state and input.
///
/// The function must end in `match (state, input)`, and each arm must name its states and its
/// inputs. A wildcard, or a binding in place of a variant, is a compiler error. So a new state or a
/// new input fails the build until it is placed.
///
/// Or-patterns, guards and anything inside of a variant are allowed. The attribute also writes the
/// constant `TOTAL`, which the trait requires, so it cannot be left out.
///
/// ```
/// # use jiff::Timestamp;
/// # use serde::{Deserialize, Serialize};
/// # use tidegate::{envelope::Envelope, failure::Failure, ids::StreamId, message::Message};
/// # use tidegate::process::{self, Process, Reaction, State, Step};
/// # #[derive(Serialize, Deserialize, Message)]
/// # struct Open {}
/// # #[derive(Serialize, Deserialize, Message)]
/// # struct Close {}
/// # tidegate::messages! { enum Input { Open, Close } }
/// # #[derive(Clone, Debug, Serialize, Deserialize, State)]
/// # enum Door { #[state(start)] Shut, Opened }
/// # struct Doors;
/// # impl Process for Doors {
/// #     const KIND: &'static str = "door";
/// #     const SOURCE: &'static str = "doors";
/// #     const RULES: u32 = 1;
/// #     type Input = Input;
/// #     type State = Door;
/// #     fn instance(_: &Input, envelope: &Envelope) -> Result<StreamId, Failure> {
/// #         Ok(envelope.subject.clone())
/// #     }
/// #[process::total]
/// fn react(state: &Door, input: &Input, _now: Timestamp) -> Reaction<Door> {
///     match (state, input) {
///         (Door::Shut, Input::Open(_)) => Step::to(Door::Opened).into(),
///         (Door::Opened, Input::Close(_)) => Step::to(Door::Shut).into(),
///         (Door::Shut, Input::Close(_)) | (Door::Opened, Input::Open(_)) => {
///             process::refuse("no_change", "the door is so already")
///         }
///     }
/// }
/// # }
/// assert_eq!(Doors::TOTAL.pairs()[0], ("Shut", "Open"));
/// ```
///
/// A wildcard does not compile:
///
/// ```compile_fail
/// # use jiff::Timestamp;
/// # use serde::{Deserialize, Serialize};
/// # use tidegate::{envelope::Envelope, failure::Failure, ids::StreamId, message::Message};
/// # use tidegate::process::{self, Process, Reaction, State, Step};
/// # #[derive(Serialize, Deserialize, Message)]
/// # struct Open {}
/// # #[derive(Serialize, Deserialize, Message)]
/// # struct Close {}
/// # tidegate::messages! { enum Input { Open, Close } }
/// # #[derive(Clone, Debug, Serialize, Deserialize, State)]
/// # enum Door { #[state(start)] Shut, Opened }
/// # struct Doors;
/// # impl Process for Doors {
/// #     const KIND: &'static str = "door";
/// #     const SOURCE: &'static str = "doors";
/// #     const RULES: u32 = 1;
/// #     type Input = Input;
/// #     type State = Door;
/// #     fn instance(_: &Input, envelope: &Envelope) -> Result<StreamId, Failure> {
/// #         Ok(envelope.subject.clone())
/// #     }
/// #[process::total]
/// fn react(state: &Door, input: &Input, _now: Timestamp) -> Reaction<Door> {
///     match (state, input) {
///         (Door::Shut, Input::Open(_)) => Step::to(Door::Opened).into(),
///         (Door::Opened, Input::Close(_)) => Step::to(Door::Shut).into(),
///         _ => process::refuse("no_change", "the door is so already"), // which pairs?
///     }
/// }
/// # }
/// ```
///
/// A function without the attribute does not compile, because `TOTAL` is missing:
///
/// ```compile_fail,E0046
/// # use jiff::Timestamp;
/// # use serde::{Deserialize, Serialize};
/// # use tidegate::{envelope::Envelope, failure::Failure, ids::StreamId, message::Message};
/// # use tidegate::process::{self, Process, Reaction, State, Step};
/// # #[derive(Serialize, Deserialize, Message)]
/// # struct Open {}
/// # tidegate::messages! { enum Input { Open } }
/// # #[derive(Clone, Debug, Serialize, Deserialize, State)]
/// # enum Door { #[state(start)] Shut }
/// # struct Doors;
/// # impl Process for Doors {
/// #     const KIND: &'static str = "door";
/// #     const SOURCE: &'static str = "doors";
/// #     const RULES: u32 = 1;
/// #     type Input = Input;
/// #     type State = Door;
/// #     fn instance(_: &Input, envelope: &Envelope) -> Result<StreamId, Failure> {
/// #         Ok(envelope.subject.clone())
/// #     }
/// // `#[process::total]` is missing
/// fn react(state: &Door, input: &Input, _now: Timestamp) -> Reaction<Door> {
///     match (state, input) {
///         (Door::Shut, Input::Open(_)) => process::refuse("no", "no"),
///     }
/// }
/// # }
/// ```
#[proc_macro_attribute]
pub fn total(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if let Some(argument) = arguments.into_iter().next() {
        let said = "`total` has no arguments";
        return syn::Error::new(argument.span().into(), said).into_compile_error().into();
    }
    let function = parse_macro_input!(item as ImplItemFn);
    total::expand(&function).unwrap_or_else(syn::Error::into_compile_error).into()
}
