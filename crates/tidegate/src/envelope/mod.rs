//! Defines the envelope: the JSON object around every command and event.
//!
//! It holds CloudEvents 1.0 attributes plus `data`, in the same shape on every transport: Kinesis
//! record data, EventBridge `detail` and SQS body. Attributes unknown to this version are kept and
//! passed on.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

pub use self::extensions::Extensions;
use crate::failure::Failure;
use crate::ids::{Cause, StreamId, Version};

mod extensions;

/// An envelope whose `data` is not decoded yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Envelope {
    /// Id, unique within `source`; the same on every redelivery and replay. Both together are the
    /// cause of everything that follows.
    pub id: String,
    /// Producer, such as `shop.orders`.
    pub source: String,
    /// Value of `type`, such as `OrderPlaced`.
    pub kind: String,
    /// Stream that the message is about.
    pub subject: StreamId,
    /// Time of the business fact.
    pub time: Timestamp,
    /// Type and version of `data`.
    pub schema: DataSchema,
    /// Version of the event in its stream; `None` for a command.
    pub sequence: Option<Version>,
    /// Correlation id, shared by everything that follows from one request.
    pub correlation_id: String,
    /// Id of the command or event that led to this one.
    pub causation_id: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Content, by value or by reference.
    pub data: Data,
    /// Attributes that this version has no field for.
    pub extensions: Extensions,
}

/// Content by value or by reference.
#[derive(Clone, Debug)]
pub enum Data {
    /// `data`: the JSON as it was written.
    Inline(Box<RawValue>),
    /// `dataref`: the content is too large for the transport and stayed in the event store.
    Reference(DataRef),
}

impl Envelope {
    /// Creates an envelope that starts a correlation: its `correlation_id` is its own id.
    ///
    /// Optional attributes are absent.
    pub fn new(
        id: impl Into<String>,
        source: impl Into<String>,
        subject: StreamId,
        time: Timestamp,
        schema: DataSchema,
        data: Data,
    ) -> Self {
        let id = id.into();
        Self {
            correlation_id: id.clone(),
            id,
            source: source.into(),
            kind: schema.kind.clone(),
            subject,
            time,
            schema,
            sequence: None,
            causation_id: None,
            traceparent: None,
            data,
            extensions: Extensions::default(),
        }
    }

    /// Returns the cause of everything that follows from this envelope.
    pub fn cause(&self) -> Cause {
        Cause { source: self.source.clone(), id: self.id.clone() }
    }

    /// Creates a span with the ids that connect the logs of one request.
    pub fn span(&self) -> tracing::Span {
        tracing::info_span!(
            "record",
            correlation_id = self.correlation_id,
            causation_id = self.id,
            "type" = self.kind,
            subject = self.subject.as_str(),
        )
    }

    /// Reads an envelope from a record's body.
    ///
    /// # Errors
    /// A permanent failure: `not_json` if the bytes are not JSON; `not_an_envelope` if an attribute
    /// is missing or malformed.
    pub fn parse(body: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(body).map_err(|error| {
            match serde_json::from_slice::<IgnoredAny>(body) {
                Ok(_) => Failure::permanent("not_an_envelope", error.to_string()),
                Err(syntax) => Failure::permanent("not_json", syntax.to_string()),
            }
        })
    }
}

/// Value of `dataschema`: type and version of `data`, written `urn:tidegate:schema:OrderPlaced:1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSchema {
    /// Type.
    pub kind: String,
    /// Version, from 1.
    pub version: u32,
}

impl DataSchema {
    const PREFIX: &'static str = "urn:tidegate:schema:";

    /// Creates the schema of this type and version.
    pub fn new(kind: impl Into<String>, version: u32) -> Self {
        Self { kind: kind.into(), version }
    }

    fn parse(text: &str) -> Option<Self> {
        let (kind, version) = text.strip_prefix(Self::PREFIX)?.rsplit_once(':')?;
        let version = version.parse().ok().filter(|version| *version > 0)?;
        (!kind.is_empty()).then(|| Self::new(kind, version))
    }
}

impl fmt::Display for DataSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}:{}", Self::PREFIX, self.kind, self.version)
    }
}

/// Value of `dataref`: place of an event's data in the event store.
///
/// Written as the percent-encoded stream and the version: `tidegate:order%23536365/1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataRef {
    /// Stream.
    pub stream: StreamId,
    /// Version of the event in the stream.
    pub version: Version,
}

impl DataRef {
    const SCHEME: &'static str = "tidegate:";

    fn parse(text: &str) -> Option<Self> {
        let (stream, version) = text.strip_prefix(Self::SCHEME)?.rsplit_once('/')?;
        Some(Self {
            stream: percent_decode(stream)?.parse().ok()?,
            version: Version::new(version.parse().ok()?),
        })
    }
}

impl fmt::Display for DataRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SCHEME)?;
        for byte in self.stream.as_str().bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        write!(f, "/{}", self.version)
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = char::from(rest.next()?).to_digit(16)?;
        let low = char::from(rest.next()?).to_digit(16)?;
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

impl Serialize for Envelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("subject", &self.subject)?;
        map.serialize_entry("time", &self.time)?;
        map.serialize_entry("dataschema", &self.schema.to_string())?;
        if let Some(sequence) = self.sequence {
            // CloudEvents defines the extension `sequence` as a string.
            map.serialize_entry("sequence", &sequence.to_string())?;
        }
        map.serialize_entry("correlationid", &self.correlation_id)?;
        if let Some(causation_id) = &self.causation_id {
            map.serialize_entry("causationid", causation_id)?;
        }
        if let Some(traceparent) = &self.traceparent {
            map.serialize_entry("traceparent", traceparent)?;
        }
        for (name, value) in self.extensions.iter() {
            let value: &RawValue = serde_json::from_str(value).map_err(S::Error::custom)?;
            map.serialize_entry(name, value)?;
        }
        match &self.data {
            Data::Inline(data) => map.serialize_entry("data", data)?,
            Data::Reference(reference) => map.serialize_entry("dataref", &reference.to_string())?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let mut attributes =
            Attributes(BTreeMap::<String, Box<RawValue>>::deserialize(deserializer)?);
        let specversion: String = attributes.required("specversion")?;
        if specversion != "1.0" {
            return Err(D::Error::custom(format!(
                "`specversion` is `{specversion}`, expected `1.0`"
            )));
        }
        let kind: String = attributes.required("type")?;
        let schema_text: String = attributes.required("dataschema")?;
        let schema = DataSchema::parse(&schema_text)
            .filter(|schema| schema.kind == kind)
            .ok_or_else(|| {
                D::Error::custom(format!(
                    "`dataschema` is `{schema_text}`, expected `{}{kind}:` and a version number",
                    DataSchema::PREFIX
                ))
            })?;
        let data = match (
            attributes.0.remove("data"),
            attributes.optional::<String, D::Error>("dataref")?,
        ) {
            (Some(data), None) => Data::Inline(data),
            (None, Some(text)) => Data::Reference(DataRef::parse(&text).ok_or_else(|| {
                D::Error::custom(format!(
                    "`dataref` is `{text}`, expected `tidegate:<stream>/<version>`"
                ))
            })?),
            (None, None) => return Err(D::Error::custom("neither `data` nor `dataref`")),
            (Some(_), Some(_)) => return Err(D::Error::custom("both `data` and `dataref`")),
        };
        let id: String = attributes.required("id")?;
        let source: String = attributes.required("source")?;
        if id.is_empty() || source.is_empty() {
            return Err(D::Error::custom("`id` and `source` must not be empty"));
        }
        Ok(Self {
            subject: attributes.required("subject")?,
            time: attributes.required("time")?,
            sequence: attributes
                .optional::<Sequence, D::Error>("sequence")?
                .map(|sequence| sequence.0),
            correlation_id: attributes.optional("correlationid")?.unwrap_or_else(|| id.clone()),
            causation_id: attributes.optional("causationid")?,
            traceparent: attributes.optional("traceparent")?,
            id,
            source,
            kind,
            schema,
            data,
            extensions: Extensions::from_rest(attributes.0),
        })
    }
}

/// Value of `sequence`: a string, as CloudEvents requires, or a number, as earlier versions wrote
/// it.
struct Sequence(Version);

impl<'de> Deserialize<'de> for Sequence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Number(u64),
        }
        let number = match Written::deserialize(deserializer)? {
            Written::Number(number) => number,
            Written::Text(text) => {
                text.parse().map_err(|error| D::Error::custom(format!("`{text}`: {error}")))?
            }
        };
        Ok(Self(Version::new(number)))
    }
}

struct Attributes(BTreeMap<String, Box<RawValue>>);

impl Attributes {
    fn required<T: serde::de::DeserializeOwned, E: serde::de::Error>(
        &mut self,
        name: &str,
    ) -> Result<T, E> {
        self.optional(name)?.ok_or_else(|| E::custom(format!("attribute `{name}` is missing")))
    }

    fn optional<T: serde::de::DeserializeOwned, E: serde::de::Error>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, E> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(raw) => serde_json::from_str(raw.get())
                .map_err(|error| E::custom(format!("attribute `{name}`: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"specversion":"1.0","id":"e1","source":"shop.orders","type":"OrderPlaced","subject":"order#1","time":"2010-12-01T08:26:00Z","dataschema":"urn:tidegate:schema:OrderPlaced:1","sequence":"1","correlationid":"c1","causationid":"c1","tenant":"x","data":{"n":1.10}}"#;

    #[test]
    fn what_was_read_is_written_again_unknown_attributes_and_number_format_included() {
        let envelope = Envelope::parse(EVENT.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&envelope).unwrap(), EVENT);
    }

    #[test]
    fn a_reference_survives_the_round_trip() {
        let text = EVENT.replace(r#""data":{"n":1.10}"#, r#""dataref":"tidegate:order%231%2Fx/7""#);
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        let Data::Reference(reference) = &envelope.data else { panic!("{envelope:?}") };
        assert_eq!((reference.stream.as_str(), reference.version), ("order#1/x", Version::new(7)));
        assert_eq!(serde_json::to_string(&envelope).unwrap(), text);
    }

    #[test]
    fn every_defect_is_permanent_and_named() {
        for (body, code, part) in [
            ("not json".to_owned(), "not_json", "line 1"),
            ("700021,85123A,6".to_owned(), "not_json", "trailing characters"),
            ("[1]".to_owned(), "not_an_envelope", "expected a map"),
            (EVENT.replace(r#""id":"e1","#, ""), "not_an_envelope", "`id`"),
            (EVENT.replace("order#1", "order"), "not_an_envelope", "`subject`"),
            (EVENT.replace("2010-12-01T", "yesterday"), "not_an_envelope", "`time`"),
            (
                EVENT.replace("schema:OrderPlaced:1", "schema:OrderPlaced:0"),
                "not_an_envelope",
                "`dataschema`",
            ),
            (
                EVENT.replace("schema:OrderPlaced:1", "schema:Other:1"),
                "not_an_envelope",
                "`dataschema`",
            ),
            (
                EVENT.replace(r#""specversion":"1.0""#, r#""specversion":"0.3""#),
                "not_an_envelope",
                "`specversion`",
            ),
            (EVENT.replace(r#","data":{"n":1.10}"#, ""), "not_an_envelope", "`data`"),
        ] {
            let failure = Envelope::parse(body.as_bytes()).unwrap_err();
            assert_eq!(
                (failure.class(), failure.code()),
                (crate::failure::Class::Permanent, code),
                "{failure}"
            );
            assert!(failure.reason().contains(part), "{failure}");
        }
    }
}
