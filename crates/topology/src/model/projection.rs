//! Projections whose read models can be rebuilt.

use serde::Deserialize;

/// A projection, and the generations of its tables.
///
/// Generation 1 is the declared tables themselves. Generation 2 of the table `order-view` is the
/// table `order-view.g2`, with the keys, indexes and settings of `order-view`.
///
/// Every function that uses a table of the projection has the same access to the table in all
/// generations, may read the pointer, and gets these variables:
///
/// | variable | value |
/// |---|---|
/// | `TIDEGATE_GENERATIONS_<NAME>` | numbers of the generations, such as `1,2` |
/// | `TIDEGATE_POINTERS_TABLE` | name of the table of pointers |
///
/// `<NAME>` is that of the projection in capitals, with `_` for `-`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Projection {
    /// Function that feeds the projection.
    pub function: String,
    /// Table of the event store that the projection folds.
    pub store: String,
    /// Table of its rows.
    pub rows: String,
    /// Table of its counters.
    pub counters: Option<String>,
    /// Table of its entries: several rows of one aggregate, or rows by other keys.
    pub entries: Option<String>,
    /// Table of the pointers, which say which generation readers see.
    pub pointers: String,
    /// Numbers of the generations; 1 alone by default.
    #[serde(default = "first")]
    pub generations: Vec<u32>,
}

fn first() -> Vec<u32> {
    vec![1]
}
