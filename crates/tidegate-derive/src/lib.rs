//! The derive macro for messages of the crate `tidegate`.
//!
//! `tidegate` re-exports it; use it from there.

mod message;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

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
