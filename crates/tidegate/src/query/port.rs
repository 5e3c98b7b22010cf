//! The port of what reads tables.

use futures::future::BoxFuture;
use serde_dynamo::Item;

use super::get::Get;
use super::page::NextPage;
use super::request::Query;
use crate::failure::Failure;

/// Reads items of tables.
pub trait TableReader: Send + Sync {
    /// Reads one item.
    ///
    /// # Errors
    /// Any failure to read it. `invalid_query` (permanent): the read does not fit its table.
    fn get<'a>(&'a self, get: &'a Get) -> BoxFuture<'a, Result<Option<Item>, Failure>>;

    /// Reads a page that begins at `from`, or the first one.
    ///
    /// # Errors
    /// Same as [`Self::get`].
    fn page<'a>(
        &'a self,
        query: &'a Query,
        from: Option<&'a NextPage>,
    ) -> BoxFuture<'a, Result<Items, Failure>>;
}

/// A page of items.
#[derive(Clone, Debug, PartialEq)]
pub struct Items {
    /// The items, in order.
    pub items: Vec<Item>,
    /// Where the next page begins. `None`: this is the last page.
    pub next: Option<NextPage>,
}
