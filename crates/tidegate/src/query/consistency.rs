//! How new what a read finds must be.

/// How new what a read finds must be. Every read of a table names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// Finds every write that was answered before the read began. One read unit for each 4 KB.
    Strong,
    /// May miss writes, usually those of the last second. Half the price.
    Eventual,
}

impl Consistency {
    pub(super) fn is_strong(self) -> bool {
        self == Self::Strong
    }
}
