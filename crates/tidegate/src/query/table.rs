//! Names of tables and indexes, and of their keys.

/// Name of a table, and of its keys.
///
/// ```
/// use tidegate::query::Table;
///
/// let readings = Table::new("readings", "sensor").sorted_by("at");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    pub(super) name: String,
    pub(super) partition_key: String,
    pub(super) sort_key: Option<String>,
    /// Generation of the read model, if its projection has generations.
    pub(super) generation: Option<u32>,
}

/// Name of a global secondary index, and of its keys.
///
/// An item that lacks one of the keys is not in the index.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Index {
    pub(super) name: String,
    pub(super) partition_key: String,
    pub(super) sort_key: Option<String>,
}

impl Table {
    /// Names a table without a sort key.
    pub fn new(name: impl Into<String>, partition_key: impl Into<String>) -> Self {
        let (name, partition_key) = (name.into(), partition_key.into());
        Self { name, partition_key, sort_key: None, generation: None }
    }

    /// Names its sort key.
    #[must_use]
    pub fn sorted_by(self, sort_key: impl Into<String>) -> Self {
        Self { sort_key: Some(sort_key.into()), ..self }
    }
}

impl Index {
    /// Names an index without a sort key.
    pub fn new(name: impl Into<String>, partition_key: impl Into<String>) -> Self {
        Self { name: name.into(), partition_key: partition_key.into(), sort_key: None }
    }

    /// Names its sort key.
    #[must_use]
    pub fn sorted_by(self, sort_key: impl Into<String>) -> Self {
        Self { sort_key: Some(sort_key.into()), ..self }
    }
}
