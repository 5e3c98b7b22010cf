//! Seals where a page ended into a token for a client, and opens it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::super::page::NextPage;
use super::super::place;
use super::super::request::Query;
use super::super::views::OF_GENERATION;
use super::identity::{DIGEST_BYTES, Identity, of_caller, of_query};
use super::keys::TokenKeys;
use super::token_error::TokenError;
use crate::failure::Failure;

/// What every token begins with: the form that it has. It is authenticated with the content.
const FORM: &str = "p1.";
/// Time for which tokens are accepted by default.
const HOUR: Duration = Duration::from_secs(3_600);

/// Seals where a page ended into a token for a client, and opens it.
///
/// ```
/// # use tidegate::failure::Failure;
/// # use tidegate::query::{Index, NextPage, PageTokens, Query, TokenError, TokenKeys, View};
/// # use serde::Deserialize;
/// # #[derive(Deserialize)]
/// # struct Order;
/// # enum Answer { Page(Vec<Order>, Option<String>), BadRequest(TokenError) }
/// async fn orders(
///     view: &View,
///     tokens: &PageTokens,
///     customer: &str, // the caller, from the authorizer
///     token: Option<&str>,
/// ) -> Result<Answer, Failure> {
///     let by_customer = Index::new("by-customer", "customer").sorted_by("at");
///     let query = view.index(&by_customer, customer).descending().limit(20);
///     let from = match token.map(|token| tokens.open(token, &query, Some(customer))).transpose() {
///         Ok(from) => from,
///         Err(error) => return Ok(Answer::BadRequest(error)),
///     };
///     let page = view.page::<Order>(&query, from.as_ref()).await?;
///     let next = page.next.map(|next| tokens.seal(&next, &query, Some(customer))).transpose()?;
///     Ok(Answer::Page(page.rows.into_iter().map(|row| row.data).collect(), next))
/// }
/// ```
///
/// A token is bound to its query (table, index, keys, order and filters; not the limit and the
/// attributes), to its caller and to its expiry. It reveals its form, and by its length the length
/// of the keys in it, but not the keys. It may be used again until it expires: it names a place,
/// and is not a permission.
#[derive(Clone, Debug)]
pub struct PageTokens {
    keys: TokenKeys,
    lifetime: Duration,
}

impl PageTokens {
    /// Most characters of a token. They are enough for the longest keys that DynamoDB takes: 2,048
    /// and 1,024 bytes for the table, and 1,024 bytes for the sort key of an index.
    pub const MAX_CHARACTERS: usize = 5_600;

    /// Creates tokens with these keys that are accepted for an hour.
    pub fn new(keys: TokenKeys) -> Self {
        Self { keys, lifetime: HOUR }
    }

    /// Sets how long tokens are accepted.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// Seals where the next page of this query begins, for this caller or tenant.
    ///
    /// # Errors
    /// `page_token` (permanent): the place is not one of this query.
    pub fn seal(
        &self,
        next: &NextPage,
        query: &Query,
        caller: Option<&str>,
    ) -> Result<String, Failure> {
        self.seal_at(Timestamp::now(), next, query, caller)
    }

    /// Opens a token that came with a request of this caller for this query.
    ///
    /// # Errors
    /// The token is not one that this caller got for this query, or has expired.
    pub fn open(
        &self,
        token: &str,
        query: &Query,
        caller: Option<&str>,
    ) -> Result<NextPage, TokenError> {
        self.open_at(Timestamp::now(), token, query, caller)
    }

    pub(super) fn seal_at(
        &self,
        now: Timestamp,
        next: &NextPage,
        query: &Query,
        caller: Option<&str>,
    ) -> Result<String, Failure> {
        let foreign = || {
            Failure::permanent("page_token", "the place of the next page is not one of this query")
        };
        let place = place::encode(query, next).ok_or_else(foreign)?;
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let expiry = now.as_second().saturating_add(lifetime);
        let mut content = Vec::with_capacity(8 + 2 * DIGEST_BYTES + place.len());
        content.extend_from_slice(&expiry.to_be_bytes());
        content.extend_from_slice(&of_query(query));
        content.extend_from_slice(&of_caller(caller));
        content.extend_from_slice(&place);
        let form = match query.table.generation {
            None => FORM.to_owned(),
            Some(generation) => format!("{OF_GENERATION}{generation}."),
        };
        let sealed = self.keys.seal(&content, form.as_bytes()).ok_or_else(foreign)?;
        Ok(format!("{form}{}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    pub(super) fn open_at(
        &self,
        now: Timestamp,
        token: &str,
        query: &Query,
        caller: Option<&str>,
    ) -> Result<NextPage, TokenError> {
        if token.len() > Self::MAX_CHARACTERS {
            return Err(TokenError::TooLong);
        }
        let (form, text) = split(token).ok_or(TokenError::Malformed)?;
        let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed)?;
        let content = self.keys.open(&sealed, form.as_bytes()).ok_or(TokenError::Forged)?;
        let (expiry, rest) = content.split_first_chunk::<8>().ok_or(TokenError::Forged)?;
        let (of, rest) = rest.split_first_chunk::<DIGEST_BYTES>().ok_or(TokenError::Forged)?;
        let (by, place) = rest.split_first_chunk::<DIGEST_BYTES>().ok_or(TokenError::Forged)?;
        let (of, by): (&Identity, &Identity) = (of, by);
        if *by != of_caller(caller) {
            return Err(TokenError::OtherCaller);
        }
        if *of != of_query(query) {
            return Err(TokenError::OtherQuery);
        }
        if i64::from_be_bytes(*expiry) <= now.as_second() {
            return Err(TokenError::Expired);
        }
        place::decode(query, place).ok_or(TokenError::OtherQuery)
    }
}

/// Splits a token into its form, with the full stop, and the sealed text.
fn split(token: &str) -> Option<(&str, &str)> {
    let (form, text) = token.split_at_checked(token.find('.')? + 1)?;
    let number = form.strip_prefix(OF_GENERATION).and_then(|rest| rest.strip_suffix('.'));
    let known = form == FORM || number.is_some_and(|number| number.parse::<u32>().is_ok());
    known.then_some((form, text))
}
