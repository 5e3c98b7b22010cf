//! Reads read models: rows, pages, counters, and what a version led to.
//!
//! A [`projection`](crate::projection) writes the tables; a [`View`] reads them:
//!
//! - [`View::row`] reads the row of an aggregate, with its version and whether it is parked.
//! - [`View::page`] reads a page over an index or the whole table, and [`View::index`] begins such
//!   a [`Query`]. A page over an index is eventually consistent, so its constructor takes no
//!   [`Consistency`].
//! - [`View::list`] begins the query of a list, and [`View::page_of_list`] reads a page of it.
//!   [`View::lookup`] reads what a lookup found.
//! - [`View::counter`] sums the slices of a counter and adds what is not counted yet.
//! - [`View::wait_for`] waits until a version of an aggregate is in the view. [`VersionToken`] is
//!   the form in which a client carries a version from its write to its read.
//! - `PageTokens` (feature `page-tokens`) seals where a page ended into a text that a client cannot
//!   forge, read or use elsewhere.
//!
//! - [`Views`] gives the view of the [generation](crate::generation) that is live.
//!
//! [`TableReader`] is the port below. [`one`] and [`page()`] read tables of your own through it.

mod condition;
mod consistency;
mod counter;
mod dynamodb;
mod entry;
mod expressions;
mod get;
mod lists;
#[cfg(any(test, feature = "test-kit"))]
pub(crate) mod memory;
#[cfg(any(test, feature = "test-kit"))]
mod memory_view;
mod page;
mod place;
mod port;
mod reached;
mod request;
mod row;
mod scalar;
mod table;
#[cfg(feature = "page-tokens")]
mod token;
mod typed;
mod version_token;
mod view;
mod views;
mod wait;

pub use condition::{Condition, Filter};
pub use consistency::Consistency;
pub use counter::{Counter, Counters};
pub use dynamodb::DynamoDbTables;
pub use entry::Entry;
pub use get::Get;
pub use page::{NextPage, Page};
pub use port::{Items, TableReader};
pub use reached::Reached;
pub use request::Query;
pub use row::{Parked, Row};
pub use scalar::Scalar;
pub use table::{Index, Table};
#[cfg(feature = "page-tokens")]
pub use token::{InvalidTokenKeys, PageTokens, TokenError, TokenKeys};
pub use typed::{one, page};
pub use version_token::{InvalidVersionToken, VersionToken};
pub use view::View;
pub use views::Views;

#[cfg(test)]
mod tests;
