//! The version of an aggregate as a client carries it from its write to its read.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::ids::{StreamId, Version};

/// Longest text of a version token, in characters.
const MAX_CHARACTERS: usize = 1_500;
/// What every token begins with: the form that it has.
const FORM: &str = "v1.";

/// The version of an aggregate as a client carries it from its write to its read.
///
/// The answer to a write has it in a header, such as `Written-Version`. The client sends it back
/// with its next read, and the reader [waits](super::View::wait_for) for it:
///
/// ```
/// use tidegate::ids::Version;
/// use tidegate::query::VersionToken;
///
/// let written = VersionToken::new("order#536365".parse()?, Version::new(2));
/// let header = written.to_string();
/// assert_eq!(header, "v1.MkBvcmRlciM1MzYzNjU");
/// assert_eq!(header.parse(), Ok(written));
/// # Ok::<(), tidegate::ids::InvalidStreamId>(())
/// ```
///
/// It is not a secret and proves nothing: a client can write one itself. All that it can do is let
/// its own read wait until its deadline. The handler decides what the client may read, as without
/// it. The text has letters, digits, `-`, `_` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VersionToken {
    /// The aggregate.
    pub stream: StreamId,
    /// Its version after the write.
    pub version: Version,
}

impl VersionToken {
    /// Creates the token.
    pub fn new(stream: StreamId, version: Version) -> Self {
        Self { stream, version }
    }
}

impl fmt::Display for VersionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}@{}", self.version, self.stream);
        write!(f, "{FORM}{}", URL_SAFE_NO_PAD.encode(text))
    }
}

impl FromStr for VersionToken {
    type Err = InvalidVersionToken;

    fn from_str(text: &str) -> Result<Self, InvalidVersionToken> {
        let parse = || {
            let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(FORM)?).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let (version, stream) = text.split_once('@')?;
            let canonical = !version.starts_with(['+', '0']) || version == "0";
            let version = version.parse().ok().filter(|_| canonical)?;
            Some(Self::new(stream.parse().ok()?, Version::new(version)))
        };
        let short = text.len() <= MAX_CHARACTERS;
        short.then(parse).flatten().ok_or(InvalidVersionToken)
    }
}

/// A text that is not a version token. An HTTP adapter answers 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidVersionToken;

impl fmt::Display for InvalidVersionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the version token is not one that this service gave; leave it out, or send the newest one unchanged")
    }
}

impl std::error::Error for InvalidVersionToken {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_a_version_token_is_refused() {
        let encoded = |text: &str| format!("{FORM}{}", URL_SAFE_NO_PAD.encode(text));
        let wrong = [
            String::new(),
            "v1.".to_owned(),
            "v2.MkBvcmRlciM1MzYzNjU".to_owned(),
            "v1.MkBvcmRlciM1MzYzNjU=".to_owned(),
            "2@order#1".to_owned(),
            encoded("x@order#1"),
            encoded("-1@order#1"),
            encoded("+1@order#1"),
            encoded("01@order#1"),
            encoded("18446744073709551616@order#1"),
            encoded("1@order"),
            encoded("order#1"),
            encoded(&format!("1@order#{}", "x".repeat(2_000))),
        ];
        for text in wrong {
            assert_eq!(text.parse::<VersionToken>(), Err(InvalidVersionToken), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_token_is_read_as_it_was_written(
            kind in "[a-zß]{1,9}", key in "\\PC{1,300}", version: u64,
        ) {
            if let Ok(stream) = StreamId::new(&kind, &key) {
                let token = VersionToken::new(stream, Version::new(version));
                prop_assert_eq!(token.to_string().parse(), Ok(token));
            }
        }

        #[test]
        fn no_text_is_read_as_two_versions(text in "\\PC{0,80}") {
            if let Ok(token) = text.parse::<VersionToken>() {
                prop_assert_eq!(token.to_string(), text);
            }
        }
    }
}
