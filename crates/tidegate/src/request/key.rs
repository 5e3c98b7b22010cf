//! The header `Idempotency-Key`.

use std::fmt;

use http::StatusCode;

use super::headers::Headers;
use super::problem::{Place, Problem};

/// Name of the header.
const HEADER: &str = "idempotency-key";

/// The value of the header `Idempotency-Key`, by which a client repeats a request.
///
/// The [IETF draft](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)
/// asks for a quoted string (`"8e03978e"`). Many clients send it without quotes. Both are the same
/// key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey(String);

impl RequestKey {
    /// Longest key, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Reads the key of a request. Returns `None` if it has none.
    ///
    /// # Errors
    /// A 400 if the header is there and is not a key.
    pub(super) fn from_headers(headers: &Headers) -> Result<Option<Self>, Problem> {
        let Some(value) = headers.get(HEADER) else { return Ok(None) };
        Self::parse(value).map(Some).map_err(|wrong| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid_key",
                format!("the Idempotency-Key {wrong}"),
            )
            .mistake_at(Place::Header("Idempotency-Key".to_owned()), wrong.to_string())
        })
    }

    /// Parses the value of the header: 1 to 255 visible ASCII characters, in quotes or not.
    ///
    /// Within quotes, spaces, `\"` and `\\` are allowed. Without quotes, a comma is not: it may
    /// join the values of two headers.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn parse(value: &str) -> Result<Self, InvalidKey> {
        let value = value.trim_matches([' ', '\t']);
        let key = match value.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None if value.contains([',', '"']) => {
                return Err(InvalidKey("has a comma or a quote; send one key, in quotes"));
            }
            None if value.contains(' ') => {
                return Err(InvalidKey("has a space; put it in quotes"));
            }
            None => value.to_owned(),
        };
        if key.trim().is_empty() {
            return Err(InvalidKey("is empty"));
        }
        if key.len() > Self::MAX_BYTES {
            return Err(InvalidKey("has more than 255 characters"));
        }
        if !key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(InvalidKey("has a character that is not visible ASCII"));
        }
        Ok(Self(key))
    }

    /// Returns the key without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a string of RFC 8941 behind its first quote. Parameters behind it are ignored.
fn unquoted(text: &str) -> Result<String, InvalidKey> {
    let mut key = String::with_capacity(text.len());
    let mut letters = text.chars();
    loop {
        match letters.next() {
            None => return Err(InvalidKey("has no closing quote")),
            Some('"') => break,
            Some('\\') => match letters.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return Err(InvalidKey("has a `\\` before something else than `\"` or `\\`")),
            },
            Some(letter) => key.push(letter),
        }
    }
    let rest = letters.as_str();
    if rest.is_empty() || rest.starts_with(';') {
        return Ok(key);
    }
    Err(InvalidKey("goes on behind its closing quote; send one key"))
}

/// Why a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidKey(&'static str);

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_and_without_quotes_is_the_same_key() {
        let key = |text| RequestKey::parse(text).map(|key| key.0);
        assert_eq!(key("8e03978e-40d5"), Ok("8e03978e-40d5".to_owned()));
        assert_eq!(key("\"8e03978e-40d5\""), key(" 8e03978e-40d5 "));
        assert_eq!(key("\"a b\""), Ok("a b".to_owned()));
        assert_eq!(key(r#""a\"b\\""#), Ok(r#"a"b\"#.to_owned()));
        assert_eq!(key("\"a\";version=1"), Ok("a".to_owned()));
        assert!(key(&"x".repeat(255)).is_ok());
    }

    #[test]
    fn what_is_not_one_key_is_refused_with_a_reason() {
        for (value, part) in [
            ("", "empty"),
            ("\"\"", "empty"),
            ("\" \"", "empty"),
            ("a, b", "comma"),
            ("a b", "space"),
            ("\"a\", \"b\"", "behind"),
            ("\"a", "closing"),
            (r#""a\n""#, "`\\`"),
            ("a\u{1}", "visible"),
            ("\"\u{e4}\"", "visible"),
            (&"x".repeat(256), "255"),
        ] {
            let wrong = RequestKey::parse(value).unwrap_err().to_string();
            assert!(wrong.contains(part), "{value}: {wrong}");
        }
    }
}
