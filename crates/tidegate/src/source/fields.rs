//! Reads JSON objects field by field.
//!
//! A derived struct rejects an object because of any field that it names. For example: an arrival
//! time that is a string, an attribute that is a list, a lone surrogate in a name. Here each field
//! is read only when it is needed, so other fields cannot make a record unreadable. A value that is
//! not read is only scanned. Lone surrogates, numbers of any size and any depth are accepted in it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Smallest number that is read as milliseconds since 1970; smaller numbers are seconds. As seconds
/// this number is in the year 5138, as milliseconds in 1973.
const MILLISECONDS_FROM: f64 = 1e11;

/// The fields of an object, in their order and as they were written.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads the fields of an object.
    ///
    /// # Errors
    /// The error of the parser if the value is not an object.
    pub(super) fn parse(object: &'a RawValue) -> serde_json::Result<Self> {
        #[cfg(test)]
        scanned::add(object.get().len());
        serde_json::from_str(object.get())
    }

    /// Reads the value of one field as a `T`, and the other fields.
    ///
    /// The object is read once. With [`Fields::get`] its value would be read twice.
    ///
    /// # Errors
    /// The error of the parser if the value is not an object, or the field not a `T`.
    pub(super) fn taking<T: Deserialize<'a>>(
        object: &'a RawValue,
        name: &'static str,
    ) -> serde_json::Result<(Option<T>, Self)> {
        #[cfg(test)]
        scanned::add(object.get().len());
        let mut reader = serde_json::Deserializer::from_str(object.get());
        let taken = reader.deserialize_map(Taking { name, value: PhantomData })?;
        reader.end()?;
        Ok(taken)
    }

    /// Reads the fields of the object in this text. Returns `None` if the text is not an object.
    pub(super) fn in_text(text: &'a str) -> Option<Self> {
        // Most bodies that are not objects differ in the first byte.
        text.trim_ascii_start().starts_with('{').then(|| serde_json::from_str(text).ok())?
    }

    /// Returns the value of a field. If there are two, returns the last, as most parsers do.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(key, _)| is_named(key, name)).map(|(_, value)| *value)
    }

    /// Returns the value of a field that occurs exactly once.
    pub(super) fn once(&self, name: &str) -> Option<&'a RawValue> {
        let mut values = self.0.iter().filter(|(key, _)| is_named(key, name));
        values.next().filter(|_| values.next().is_none()).map(|(_, value)| *value)
    }

    /// Returns the number of fields.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the fields of the object in this field, or no fields if the value is not an object.
    pub(super) fn object(&self, name: &str) -> Self {
        self.get(name).and_then(|value| Fields::parse(value).ok()).unwrap_or_default()
    }

    /// Returns a string, or a number as it was written.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text)
    }

    /// Returns the ARN of the stream or queue from which the record came, if the record contains
    /// it.
    pub(super) fn source_arn(&self) -> Option<Arc<str>> {
        self.text("eventSourceARN").map(Arc::from)
    }

    /// Returns a string that is not empty, from a field that occurs exactly once.
    pub(super) fn strict(&self, name: &str) -> Option<String> {
        self.once(name).and_then(string).filter(|text| !text.is_empty())
    }

    /// Returns a point in time.
    pub(super) fn instant(&self, name: &str) -> Option<Timestamp> {
        self.text(name).and_then(|text| instant(&text))
    }

    /// Returns the object with new values for these fields. Everything else stays as it was.
    pub(super) fn with(&self, values: &[(&str, &RawValue)]) -> Option<Box<RawValue>> {
        let mut object = String::from("{");
        let mut field = |key: &str, value: &RawValue| {
            if object.len() > 1 {
                object.push(',');
            }
            object.extend([key, ":", value.get()]);
        };
        for (key, value) in &self.0 {
            if !values.iter().any(|(name, _)| is_named(key, name)) {
                field(key.get(), value);
            }
        }
        for (name, value) in values {
            field(&serde_json::to_string(name).ok()?, value);
        }
        object.push('}');
        RawValue::from_string(object).ok()
    }
}

/// Returns a value that is a string.
pub(super) fn string(value: &RawValue) -> Option<String> {
    value.get().starts_with('"').then(|| serde_json::from_str(value.get()).ok())?
}

/// Returns a value that is a string, without a copy if it has no escapes.
pub(super) fn borrowed(value: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = value.get().strip_prefix('"')?.strip_suffix('"')?;
    match memchr::memchr(b'\\', quoted.as_bytes()) {
        None => Some(Cow::Borrowed(quoted)),
        Some(_) => string(value).map(Cow::Owned),
    }
}

/// Returns a value that is a string, or a number as it was written.
fn text(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(value.get()).ok(),
        Some(b'-' | b'0'..=b'9') => Some(value.get().to_owned()),
        _ => None,
    }
}

/// Parses a point in time, to the millisecond, in any form that a source or an emulator writes.
///
/// These forms are seconds or milliseconds since 1970, as a number or a string, and RFC 3339. For
/// example, `1545084650.987`, `"1545084650987"` and `2018-12-17T22:10:50.987Z` are equal.
///
/// Returns `None` for a time out of range, and for 1970 itself, which stands for a missing field.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim_ascii();
    let at = match text.parse::<f64>() {
        Ok(number) => {
            let millis = if number.abs() < MILLISECONDS_FROM { number * 1000.0 } else { number };
            #[allow(
                clippy::cast_possible_truncation,
                reason = "the cast saturates, so invalid numbers end outside the range of `Timestamp`"
            )]
            Timestamp::from_millisecond(millis.round() as i64).ok()
        }
        Err(_) => text.parse().ok(),
    };
    at.filter(|at| *at > Timestamp::UNIX_EPOCH)
}

fn is_named(key: &RawValue, name: &str) -> bool {
    let written = key.get().get(1..key.get().len().saturating_sub(1)).unwrap_or_default();
    if written.contains('\\') {
        string(key).is_some_and(|key| key == name)
    } else {
        written == name
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(&'de RawValue, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object).map(Fields)
    }
}

/// Reads an object, with one field as a `T`. If the field occurs twice, the last value counts.
struct Taking<T> {
    name: &'static str,
    value: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Taking<T> {
    type Value = (Option<T>, Fields<'de>);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut taken, mut others) = (None, Vec::with_capacity(16));
        while let Some(key) = map.next_key::<&RawValue>()? {
            if is_named(key, self.name) {
                taken = Some(map.next_value()?);
            } else {
                others.push((key, map.next_value()?));
            }
        }
        Ok((taken, Fields(others)))
    }
}

/// The fields of a value that may be an object.
#[derive(Debug)]
pub(super) struct PerhapsFields<'a>(pub(super) Option<Fields<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for PerhapsFields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Option<Fields<'de>>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a value")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Fields::deserialize(MapAccessDeserializer::new(map)).map(Some)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(None)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(None)
            }
        }
        deserializer.deserialize_any(Any).map(PerhapsFields)
    }
}

/// Counts the bytes of records that this thread scanned for their fields.
#[cfg(test)]
pub(crate) mod scanned {
    use std::cell::Cell;

    thread_local!(static BYTES: Cell<usize> = const { Cell::new(0) });

    pub(super) fn add(bytes: usize) {
        BYTES.set(BYTES.get() + bytes);
    }

    /// Returns the number of bytes scanned since the last call.
    pub(crate) fn take() -> usize {
        BYTES.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_not_asked_for_may_be_anything() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let json =
            format!(r#"{{"\ud800":"\udfff","big":1e999999,"deep":{deep},"n":7,"na\u006de":"x"}}"#);
        let fields = fields(&json);
        assert_eq!(fields.text("n").as_deref(), Some("7"));
        assert_eq!(fields.text("name").as_deref(), Some("x"));
        assert_eq!(fields.text("\u{fffd}"), None);
        assert_eq!(fields.count(), 5);
    }

    #[test]
    fn a_field_that_is_there_twice_is_no_strict_one() {
        let fields = fields(r#"{"a":"1","a":"2","b":"","c":3}"#);
        assert_eq!(fields.text("a").as_deref(), Some("2"));
        assert_eq!(
            (fields.strict("a"), fields.strict("b"), fields.strict("c")),
            (None, None, None)
        );
    }

    #[test]
    fn a_point_in_time_has_many_forms_and_nonsense_is_none() {
        let at = Some("2018-12-17T22:10:50.987Z".parse().unwrap());
        for written in [
            "1545084650.987",
            "1545084650987",
            " 1545084650987 ",
            "1.545084650987e9",
            "2018-12-17T22:10:50.987Z",
            "2018-12-18T00:10:50.987+02:00",
        ] {
            assert_eq!(instant(written), at, "{written}");
        }
        for nonsense in ["", "0", "-1", "1e300", "inf", "nan", "yesterday", "1e15", "2018-12-17"] {
            assert_eq!(instant(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn fields_that_are_replaced_leave_the_others_as_they_were() {
        let json = r#"{ "a" : 1.50, "b\u0062":[ 2], "c":"\ud800" }"#;
        let seven = RawValue::from_string("7".to_owned()).unwrap();
        let replaced = fields(json).with(&[("bb", &seven), ("d", &seven)]).unwrap();
        assert_eq!(replaced.get(), r#"{"a":1.50,"c":"\ud800","bb":7,"d":7}"#);
    }
}
