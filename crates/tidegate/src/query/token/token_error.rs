//! Why a page token is not accepted.

use std::fmt;

/// Why a page token is not accepted. It is the client's mistake: an HTTP adapter answers 400.
///
/// The text is for the client and says nothing about the content of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenError {
    /// It is longer than any token.
    TooLong,
    /// It does not have the form of a token of this version.
    Malformed,
    /// It was not made with one of the keys: forged, cut off, or older than the last key.
    Forged,
    /// It is older than tokens are accepted.
    Expired,
    /// It belongs to another query: another table, index, key, order or filter.
    OtherQuery,
    /// It belongs to another caller.
    OtherCaller,
}

impl TokenError {
    /// Returns a stable word for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "page_token_too_long",
            Self::Malformed => "page_token_malformed",
            Self::Forged => "page_token_forged",
            Self::Expired => "page_token_expired",
            Self::OtherQuery => "page_token_of_other_query",
            Self::OtherCaller => "page_token_of_other_caller",
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the page token has expired; begin again with the first page",
            Self::OtherQuery => {
                "the page token belongs to another query; send it with the parameters of the page \
                 that it came with, or begin again with the first page"
            }
            // A stranger's token looks like a forged one.
            Self::TooLong | Self::Malformed | Self::Forged | Self::OtherCaller => {
                "the page token is not one that you got from this service; begin again with the \
                 first page"
            }
        })
    }
}

impl std::error::Error for TokenError {}
