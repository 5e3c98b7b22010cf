//! Reads content through the type of the version before.
//!
//! The code that `derive(Message)` writes calls these functions.

use serde_json::Value;

use super::{Message, decode_newest, invalid, unsupported};
use crate::failure::Failure;

/// A message that can be made from the version before it.
///
/// Implemented for each message that implements `From` of that version.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be upcast from `{Previous}`",
    label = "the version before `{Self}`, which it must be made from",
    note = "write `impl From<{Previous}> for {Self}`"
)]
pub trait UpcastFrom<Previous> {
    /// Converts content of the version before.
    fn upcast_from(previous: Previous) -> Self;
}

#[diagnostic::do_not_recommend]
impl<P, M: From<P>> UpcastFrom<P> for M {
    fn upcast_from(previous: P) -> Self {
        Self::from(previous)
    }
}

/// Decodes content of any version up to that of `M`, whose version before is `P`.
pub fn decode<P: Message, M: Message + UpcastFrom<P>>(
    version: u32,
    data: &str,
) -> Result<M, Failure> {
    if version < M::VERSION {
        return P::decode(version, data).map(M::upcast_from);
    }
    decode_newest(version, data)
}

/// Converts content of `version` to the next version.
pub fn upcast<P: Message, M: Message + UpcastFrom<P>>(
    version: u32,
    data: Value,
) -> Result<Value, Failure> {
    if version < P::VERSION {
        return P::upcast(version, data);
    }
    if version > P::VERSION {
        return Err(unsupported::<M>(version));
    }
    let previous: P =
        serde_json::from_value(data).map_err(|error| invalid::<P>(version, &error))?;
    serde_json::to_value(M::upcast_from(previous)).map_err(|error| invalid::<M>(version, &error))
}

/// Returns whether two types of messages are the same, at compile time.
pub const fn is_same(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    while let ([first, rest @ ..], [second, others @ ..]) = (one, other) {
        if *first != *second {
            return false;
        }
        (one, other) = (rest, others);
    }
    one.is_empty() && other.is_empty()
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;
    use crate::failure::Class;

    #[derive(Debug, PartialEq, Serialize, Deserialize, Message)]
    #[message(type = "Measured", version = 2, oldest)]
    struct MeasuredV2 {
        celsius: i32,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, Message)]
    #[message(type = "Measured", version = 3, from = MeasuredV2)]
    struct MeasuredV3 {
        celsius: f64,
    }

    impl From<MeasuredV2> for MeasuredV3 {
        fn from(MeasuredV2 { celsius }: MeasuredV2) -> Self {
            Self { celsius: celsius.into() }
        }
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, Message)]
    #[message(version = 4, from = MeasuredV3)]
    struct Measured {
        kelvin: f64,
        place: Option<String>,
    }

    impl From<MeasuredV3> for Measured {
        fn from(MeasuredV3 { celsius }: MeasuredV3) -> Self {
            Self { kelvin: celsius + 273.25, place: None }
        }
    }

    #[test]
    fn reading_an_old_version_runs_the_chain() {
        for (version, data) in
            [(2, r#"{"celsius":20}"#), (3, r#"{"celsius":20.0}"#), (4, r#"{"kelvin":293.25}"#)]
        {
            let read = Measured::decode(version, data).unwrap();
            assert_eq!(read, Measured { kelvin: 293.25, place: None }, "{version}");
        }
    }

    #[test]
    fn one_step_of_the_chain_gives_the_content_that_the_next_version_writes() {
        assert_eq!(Measured::upcast(2, json!({"celsius": 20})), Ok(json!({"celsius": 20.0})));
        let newest = Measured::upcast(3, json!({"celsius": 20.0})).unwrap();
        assert_eq!(newest, json!({"kelvin": 293.25, "place": null}));
        assert_eq!(Measured::upcast(4, newest).unwrap_err().code(), "unsupported_version");
    }

    #[test]
    fn what_the_chain_cannot_read_is_told_apart() {
        for (version, data, class, code) in [
            (5, "{}", Class::Transient, Failure::NEWER),
            (1, "{}", Class::Permanent, "unsupported_version"),
            (2, r#"{"celsius":"warm"}"#, Class::Permanent, "invalid_data"),
            (3, "{", Class::Permanent, "invalid_data"),
            (4, "{}", Class::Permanent, "invalid_data"),
        ] {
            let failure = Measured::decode(version, data).unwrap_err();
            assert_eq!((failure.class(), failure.code()), (class, code), "{version}");
        }
    }

    #[test]
    fn types_are_compared_whole() {
        assert!(is_same("Measured", "Measured") && is_same("", ""));
        for other in ["", "Measure", "Measured2", "measured"] {
            assert!(!is_same("Measured", other) && !is_same(other, "Measured"), "{other}");
        }
    }
}
