//! Defines the types that travel in an envelope's `data`.

#[doc(hidden)]
pub mod previous;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::envelope::{Data, Envelope};
use crate::failure::Failure;

/// Code of the failure to decode a message whose type is not in the set.
pub(crate) const UNKNOWN_TYPE: &str = "unknown_type";

pub use tidegate_derive::Message;

/// A command or event type in its newest version.
///
/// [`derive(Message)`](derive@tidegate_derive::Message) implements it. If the content changes, keep
/// the old type as the version before; the derive macro checks the chain of versions.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "this type has no message type and version",
    note = "write `#[derive(Serialize, Deserialize, Message)]` on `{Self}`"
)]
pub trait Message: Serialize + DeserializeOwned {
    /// The envelope's `type`.
    const TYPE: &'static str;
    /// Version of the content, from 1.
    const VERSION: u32;

    /// Converts content of an older version to the next version.
    ///
    /// [`Self::decode`] calls this once for each step, from `version` to `version + 1`.
    ///
    /// # Errors
    /// A permanent failure if this reader no longer supports the version.
    fn upcast(version: u32, _data: serde_json::Value) -> Result<serde_json::Value, Failure> {
        Err(unsupported::<Self>(version))
    }

    /// Decodes content of any version up to this one.
    ///
    /// # Errors
    /// - `newer_version` (transient): the content is newer than this reader. A newer writer is
    ///   being rolled out, and a newer reader will follow.
    /// - `unsupported_version` (permanent): no upcast starts at this version.
    /// - `invalid_data` (permanent): the JSON does not have the shape of the type.
    fn decode(version: u32, data: &str) -> Result<Self, Failure> {
        if version >= Self::VERSION {
            return decode_newest(version, data);
        }
        let invalid = |error| invalid::<Self>(version, &error);
        let mut value = serde_json::from_str(data).map_err(invalid)?;
        for step in version..Self::VERSION {
            value = Self::upcast(step, value)?;
        }
        serde_json::from_value(value).map_err(invalid)
    }
}

/// Decodes content of the newest version.
///
/// # Errors
/// As [`Message::decode`].
fn decode_newest<M: Message>(version: u32, data: &str) -> Result<M, Failure> {
    if version > M::VERSION {
        return Err(Failure::transient(
            Failure::NEWER,
            format!(
                "{} version {version} is newer than {}, the newest this function reads",
                M::TYPE,
                M::VERSION
            ),
        ));
    }
    serde_json::from_str(data).map_err(|error| invalid::<M>(version, &error))
}

fn unsupported<M: Message>(version: u32) -> Failure {
    let reason = format!("{} version {version} cannot be read", M::TYPE);
    Failure::permanent("unsupported_version", reason)
}

fn invalid<M: Message>(version: u32, error: &serde_json::Error) -> Failure {
    Failure::permanent("invalid_data", format!("{} version {version}: {error}", M::TYPE))
}

/// A closed set of message types, such as the events of one aggregate.
///
/// The macro [`messages!`](crate::messages) implements it.
pub trait MessageSet: Sized + Send + Sync + 'static {
    /// Returns the type and version of this message.
    fn schema(&self) -> (&'static str, u32);

    /// Encodes the content as JSON.
    ///
    /// # Errors
    /// The type has no JSON form, for example a map whose keys are not strings.
    fn encode(&self) -> Result<String, serde_json::Error>;

    /// Decodes content of a type in the set.
    ///
    /// # Errors
    /// `unknown_type` (permanent) if the set has no such type; otherwise as [`Message::decode`].
    ///
    /// A message from a transport may have any type, so an unknown type is permanent. In your own
    /// event store an unknown type can only be newer, so
    /// [`RecordedEvent::decode`](crate::store::RecordedEvent::decode) makes it transient.
    fn decode(kind: &str, version: u32, data: &str) -> Result<Self, Failure>;

    /// Returns the types of the set, in the order of their declaration. By default none: the types
    /// are unknown.
    fn types() -> &'static [&'static str] {
        &[]
    }

    /// Returns the newest version of a type in the set. By default `None`: the version is unknown.
    fn newest(_kind: &str) -> Option<u32> {
        None
    }

    /// Upcasts the content of a type in the set from `version` to the next version, as
    /// [`Message::upcast`] does.
    ///
    /// # Errors
    /// As [`Message::upcast`]; by default `unknown_type` (permanent).
    fn upcast(
        kind: &str,
        _version: u32,
        _data: serde_json::Value,
    ) -> Result<serde_json::Value, Failure> {
        Err(Failure::permanent(UNKNOWN_TYPE, format!("`{kind}` cannot be upcast")))
    }

    /// Decodes the content of an envelope that holds its data by value.
    ///
    /// # Errors
    /// As [`Self::decode`], and `data_by_reference` (permanent) if the data stayed in the event
    /// store.
    fn from_envelope(envelope: &Envelope) -> Result<Self, Failure> {
        Self::decode(&envelope.kind, envelope.schema.version, inline_data(envelope)?)
    }
}

/// Returns the content of an envelope.
///
/// # Errors
/// `data_by_reference` (permanent): the content stayed in the event store.
pub(crate) fn inline_data(envelope: &Envelope) -> Result<&str, Failure> {
    match &envelope.data {
        Data::Inline(data) => Ok(data.get()),
        Data::Reference(reference) => Err(Failure::permanent(
            "data_by_reference",
            format!(
                "the data of {} {} is in the event store ({reference}); read it with a `Router` that \
                 has `Routes::resolve`",
                envelope.kind, envelope.id
            ),
        )),
    }
}

/// Declares an enum over message types and implements [`MessageSet`] for it. Each variant has the
/// name of the type that it contains.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidegate::message::{Message, MessageSet};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize, Message)]
/// struct LampLit { watts: u32 }
/// tidegate::messages! {
///     /// Events of a lamp.
///     #[derive(Debug, PartialEq)]
///     enum LampEvent { LampLit }
/// }
///
/// let event = LampEvent::decode("LampLit", 1, r#"{"watts":40}"#).unwrap();
/// assert_eq!(event, LampEvent::LampLit(LampLit { watts: 40 }));
/// assert_eq!(LampEvent::decode("LampBroken", 1, "{}").unwrap_err().code(), "unknown_type");
/// ```
#[macro_export]
macro_rules! messages {
    ($(#[$meta:meta])* $visibility:vis enum $name:ident { $($message:ident),+ $(,)? }) => {
        $(#[$meta])*
        $visibility enum $name {
            $(#[doc = concat!("`", stringify!($message), "`.")] $message($message)),+
        }

        impl $crate::message::MessageSet for $name {
            fn schema(&self) -> (&'static str, u32) {
                match self {
                    $($name::$message(_) => (
                        <$message as $crate::message::Message>::TYPE,
                        <$message as $crate::message::Message>::VERSION,
                    )),+
                }
            }

            fn encode(&self) -> ::std::result::Result<::std::string::String, $crate::serde_json::Error> {
                match self {
                    $($name::$message(message) => $crate::serde_json::to_string(message)),+
                }
            }

            fn decode(kind: &str, version: u32, data: &str) -> ::std::result::Result<Self, $crate::failure::Failure> {
                $(if kind == <$message as $crate::message::Message>::TYPE {
                    return <$message as $crate::message::Message>::decode(version, data).map($name::$message);
                })+
                Err($crate::failure::Failure::permanent(
                    "unknown_type",
                    format!(
                        "unknown message type `{kind}`, expected one of {}",
                        [$(<$message as $crate::message::Message>::TYPE),+].join(", ")
                    ),
                ))
            }

            fn types() -> &'static [&'static str] {
                &[$(<$message as $crate::message::Message>::TYPE),+]
            }

            fn newest(kind: &str) -> ::std::option::Option<u32> {
                $(if kind == <$message as $crate::message::Message>::TYPE {
                    return ::std::option::Option::Some(<$message as $crate::message::Message>::VERSION);
                })+
                ::std::option::Option::None
            }

            fn upcast(
                kind: &str,
                version: u32,
                data: $crate::serde_json::Value,
            ) -> ::std::result::Result<$crate::serde_json::Value, $crate::failure::Failure> {
                $(if kind == <$message as $crate::message::Message>::TYPE {
                    return <$message as $crate::message::Message>::upcast(version, data);
                })+
                Err($crate::failure::Failure::permanent("unknown_type", format!("`{kind}` is not in the set")))
            }
        }

        $(impl ::std::convert::From<$message> for $name {
            fn from(message: $message) -> Self {
                $name::$message(message)
            }
        })+
    };
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::failure::Class;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Measured {
        celsius: i32,
        place: String,
    }

    impl Message for Measured {
        const TYPE: &'static str = "Measured";
        const VERSION: u32 = 2;

        fn upcast(version: u32, mut data: serde_json::Value) -> Result<serde_json::Value, Failure> {
            assert_eq!(version, 1);
            data["place"] = "unknown".into();
            Ok(data)
        }
    }

    #[test]
    fn an_old_version_is_brought_up_to_the_newest() {
        let measured = Measured::decode(1, r#"{"celsius":20}"#).unwrap();
        assert_eq!(measured, Measured { celsius: 20, place: "unknown".to_owned() });
    }

    #[test]
    fn a_newer_version_waits_for_a_newer_reader() {
        let failure = Measured::decode(3, "{}").unwrap_err();
        assert_eq!((failure.class(), failure.code()), (Class::Transient, "newer_version"));
    }

    #[test]
    fn content_that_does_not_fit_is_permanent() {
        let failure = Measured::decode(2, r#"{"celsius":"warm"}"#).unwrap_err();
        assert_eq!((failure.class(), failure.code()), (Class::Permanent, "invalid_data"));
    }
}
