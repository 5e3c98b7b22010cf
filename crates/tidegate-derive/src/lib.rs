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
/// | `upcast = path` | function that converts content to the next version | no upcast |
///
/// The function has the type `fn(u32, serde_json::Value) -> Result<serde_json::Value, Failure>`.
/// Without it, content of older versions cannot be read.
///
/// A stored event never changes its type. Before you rename a struct, set `type` to its old name.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use serde_json::Value;
/// use tidegate::failure::Failure;
/// use tidegate::message::Message;
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize, Message)]
/// #[message(type = "Measured", version = 2, upcast = place_is_unknown)]
/// struct Measurement {
///     celsius: i32,
///     place: String,
/// }
///
/// fn place_is_unknown(_version: u32, mut data: Value) -> Result<Value, Failure> {
///     data["place"] = "unknown".into();
///     Ok(data)
/// }
///
/// let read = Measurement::decode(1, r#"{"celsius":20}"#).unwrap();
/// assert_eq!(read, Measurement { celsius: 20, place: "unknown".to_owned() });
/// assert_eq!(Measurement::TYPE, "Measured");
/// ```
///
/// # Errors
///
/// A mistake is a compiler error at its place: an unknown or repeated argument, version 0, an empty
/// type, an attribute on a field, or an enum.
///
/// ```compile_fail
/// # use serde::{Deserialize, Serialize};
/// # use tidegate::message::Message;
/// #[derive(Serialize, Deserialize, Message)]
/// #[message(version = 0)]
/// struct OrderPlaced {}
/// ```
///
/// ```compile_fail
/// # use serde::{Deserialize, Serialize};
/// # use tidegate::message::Message;
/// #[derive(Serialize, Deserialize, Message)]
/// enum Order { Placed, Rejected } // use `tidegate::messages!` for a set of messages
/// ```
#[proc_macro_derive(Message, attributes(message))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    message::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
