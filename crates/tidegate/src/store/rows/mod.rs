//! Commits that change rows of another table in the same transaction.
//!
//! A decision may depend on rows that many streams share, such as the stock of a product. It says
//! which rows it changes, and what must hold for each of them. One transaction stores the commit
//! and changes the rows, or does neither.

mod aggregate;
mod execute;
#[cfg(any(test, feature = "test-kit"))]
pub(crate) mod memory;
mod port;
mod row_change;
mod stage;
mod stage_cause;
mod turns;

pub use aggregate::RowAggregate;
pub use execute::execute_with_rows;
pub use port::{RowOutcome, RowStore};
pub use row_change::RowChange;
pub(super) use row_change::check;
pub use stage::Stage;
#[cfg(feature = "timeline")]
pub(crate) use stage_cause::command_of;
pub(super) use turns::Turns;

#[cfg(test)]
mod tests;
