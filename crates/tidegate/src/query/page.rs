//! A page of what was read, and where the next one begins.

use std::fmt;

use serde_dynamo::Item;

use crate::failure::Failure;

/// A page of what was read.
///
/// A page ends at the limit or at 1 MB, before the filter. So a page may have fewer rows than the
/// limit, or none, and still not be the last: only `next` says so.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// What was read, in order.
    pub rows: Vec<T>,
    /// Failures `unreadable_row` (permanent): items of the page that do not have the expected type.
    pub unreadable: Vec<Failure>,
    /// Where the next page begins. `None`: this is the last page.
    pub next: Option<NextPage>,
}

impl<T> Page<T> {
    /// Returns whether there is no further page. An empty page may not be the last.
    pub fn is_last(&self) -> bool {
        self.next.is_none()
    }
}

/// Where the next page of a query begins: the keys of the last item that was read.
///
/// Give it to the same query. It does not leave the process: `PageTokens` (feature `page-tokens`)
/// seals it for a client.
#[derive(Clone, PartialEq)]
pub struct NextPage(pub(super) Item);

/// Keys may be confidential, so their values are not shown.
impl fmt::Debug for NextPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&String> = self.0.keys().collect();
        names.sort();
        f.debug_tuple("NextPage").field(&names).finish()
    }
}
