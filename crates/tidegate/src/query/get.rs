//! A read of one item.

use super::consistency::Consistency;
use super::scalar::Scalar;
use super::table::Table;

/// A read of one item, by its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Get {
    pub(super) table: Table,
    pub(super) partition: Scalar,
    pub(super) sort: Option<Scalar>,
    pub(super) consistency: Consistency,
    pub(super) only: Vec<String>,
}

impl Get {
    /// Reads the item with this partition key.
    pub fn new(table: &Table, partition: impl Into<Scalar>, consistency: Consistency) -> Self {
        let (table, partition) = (table.clone(), partition.into());
        Self { table, partition, sort: None, consistency, only: Vec::new() }
    }

    /// Reads the item with this sort key.
    #[must_use]
    pub fn sorted_at(self, sort: impl Into<Scalar>) -> Self {
        Self { sort: Some(sort.into()), ..self }
    }

    /// Returns the name of the table.
    #[cfg(any(test, feature = "test-kit"))]
    pub(crate) fn table_name(&self) -> &str {
        &self.table.name
    }

    /// Reads only these attributes. The price is that of the whole item.
    #[must_use]
    pub fn only<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        Self { only: names.into_iter().map(Into::into).collect(), ..self }
    }
}
