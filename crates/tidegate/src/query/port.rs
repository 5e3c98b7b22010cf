//! The port of what reads tables.

use futures::future::{BoxFuture, FutureExt};
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

    /// Reads different items of one table, all with the same attributes. Returns them in the order
    /// of the reads.
    ///
    /// The default implementation reads one after the other.
    ///
    /// # Errors
    /// Same as [`Self::get`].
    fn get_all<'a>(&'a self, gets: &'a [Get]) -> BoxFuture<'a, Result<Vec<Option<Item>>, Failure>> {
        async move {
            let mut items = Vec::with_capacity(gets.len());
            for get in gets {
                items.push(self.get(get).await?);
            }
            Ok(items)
        }
        .boxed()
    }
}

/// A page of items.
#[derive(Clone, Debug, PartialEq)]
pub struct Items {
    /// The items, in order.
    pub items: Vec<Item>,
    /// Where the next page begins. `None`: this is the last page.
    pub next: Option<NextPage>,
}
