//! Extension attributes: the attributes for which an envelope has no field.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::failure::Failure;

/// Attributes that an envelope has fields for.
const FIELDS: [&str; 13] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "dataschema",
    "sequence",
    "correlationid",
    "causationid",
    "traceparent",
    "data",
    "dataref",
];

/// CloudEvents attributes that describe one message and its content.
///
/// They do not apply to the events that follow from it.
const OF_ONE_MESSAGE: [&str; 8] = [
    "data_base64",
    "datacontenttype",
    "dssematerial",
    "expirytime",
    "partitionkey",
    "recordedtime",
    "sampledrate",
    "sequencetype",
];

/// Attributes of an envelope that this version of the toolkit has no field for.
///
/// Examples are `tracestate`, `baggage` and `tenant`. Each has a name and a JSON value, kept as it
/// was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions(BTreeMap<String, String>);

impl Extensions {
    /// Largest total size of names and values that a commit keeps, in bytes.
    ///
    /// Baggage alone may have 8,192 bytes (W3C).
    pub const MAX_BYTES: usize = 16 * 1024;

    /// Sets an attribute.
    ///
    /// # Errors
    /// `invalid_attribute` (permanent) if the name is empty, or is a field of
    /// [`Envelope`](super::Envelope).
    pub fn insert(&mut self, name: impl Into<String>, value: &RawValue) -> Result<(), Failure> {
        let name = name.into();
        if name.is_empty() || FIELDS.contains(&name.as_str()) {
            return Err(Failure::permanent(
                "invalid_attribute",
                format!("`{name}` is not the name of an extension attribute"),
            ));
        }
        self.0.insert(name, value.get().to_owned());
        Ok(())
    }

    /// Returns the JSON text of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Iterates over names and JSON texts, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns whether there are no attributes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the total size of names and values, in bytes.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Returns the attributes that also apply to the events that follow from a message.
    ///
    /// Excludes the attributes by which CloudEvents describes a single message, such as
    /// `expirytime`, `partitionkey` and `datacontenttype`.
    #[must_use]
    pub fn inherited(&self) -> Self {
        let inherited = self.0.iter().filter(|(name, _)| !OF_ONE_MESSAGE.contains(&name.as_str()));
        Self(inherited.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    pub(super) fn from_rest(rest: BTreeMap<String, Box<RawValue>>) -> Self {
        Self(
            rest.into_iter()
                .map(|(name, value)| (name, String::from(Box::<str>::from(value))))
                .collect(),
        )
    }
}

impl Serialize for Extensions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeMap};
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            let value: &RawValue = serde_json::from_str(value).map_err(S::Error::custom)?;
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Extensions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut extensions = Self::default();
        for (name, value) in BTreeMap::<String, Box<RawValue>>::deserialize(deserializer)? {
            extensions
                .insert(name, &value)
                .map_err(|failure| D::Error::custom(failure.reason()))?;
        }
        Ok(extensions)
    }
}
