//! Writes the keys of the last item of a page as bytes.
//!
//! The query says the names of the keys and the partition that it reads, so the bytes have only the
//! other values: for each a letter for its type, its length in two bytes, and its content.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_dynamo::{AttributeValue, Item};

use super::page::NextPage;
use super::request::Query;

impl NextPage {
    /// Writes the place as a text that goes on in the same query.
    ///
    /// It shows the keys of the last item to whoever has it, and anyone can make one. Use it where
    /// the client may see these keys and every item of the query's partition, such as a list of the
    /// caller's own orders; otherwise `PageTokens`. `None`: the place is not one of this query.
    pub fn to_text(&self, query: &Query) -> Option<String> {
        Some(URL_SAFE_NO_PAD.encode(encode(query, self)?))
    }

    /// Reads the text of a place of this query. The partition is always that of the query, whatever
    /// the text says. `None`: it is not such a text.
    ///
    /// DynamoDB refuses a text with keys of other types: a permanent failure of the read.
    pub fn from_text(text: &str, query: &Query) -> Option<Self> {
        decode(query, &URL_SAFE_NO_PAD.decode(text).ok()?)
    }
}

/// Returns the bytes. `None`: a key is missing or has a type that no key has.
pub(super) fn encode(query: &Query, next: &NextPage) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for name in query.places() {
        let (kind, content) = match next.0.get(name)? {
            AttributeValue::S(text) => (b'S', text.as_bytes()),
            AttributeValue::N(digits) => (b'N', digits.as_bytes()),
            AttributeValue::B(content) => (b'B', content.as_slice()),
            _ => return None,
        };
        bytes.push(kind);
        bytes.extend_from_slice(&u16::try_from(content.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(content);
    }
    Some(bytes)
}

/// Reads the bytes.
pub(super) fn decode(query: &Query, mut bytes: &[u8]) -> Option<NextPage> {
    let mut key = Item::default();
    for name in query.places() {
        let (kind, rest) = bytes.split_first()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (content, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let text = || String::from_utf8(content.to_vec()).ok();
        let value = match kind {
            b'S' => AttributeValue::S(text()?),
            b'N' => AttributeValue::N(text()?),
            b'B' => AttributeValue::B(content.to_vec()),
            _ => return None,
        };
        key.insert(name.to_owned(), value);
        bytes = rest;
    }
    if let Some((name, value)) = query.partition() {
        key.insert(name.to_owned(), value.attribute());
    }
    bytes.is_empty().then_some(NextPage(key))
}
