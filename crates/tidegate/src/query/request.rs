//! A read of several items, page by page.

use super::condition::{Condition, Filter};
use super::consistency::Consistency;
use super::scalar::Scalar;
use super::table::{Index, Table};
use crate::failure::Failure;

/// A read of several items, page by page.
///
/// ```
/// use tidegate::query::{Condition, Consistency, Filter, Index, Query, Table};
///
/// let orders = Table::new("order-view", "stream");
/// let by_customer = Index::new("by-customer", "customer").sorted_by("at");
/// // The newest orders of a customer first. No `Consistency`: an index is eventually consistent.
/// let newest = Query::of_index(&orders, &by_customer, "17850")
///     .sorted(Condition::between("2010-12-01", "2010-12-31"))
///     .filtered(Filter::equals("status", "placed"))
///     .descending()
///     .limit(20);
/// let all = Query::of_whole_table(&orders, Consistency::Strong);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    pub(super) table: Table,
    pub(super) part: Part,
    pub(super) sort: Option<Condition>,
    pub(super) descending: bool,
    pub(super) filters: Vec<Filter>,
    pub(super) limit: u32,
    pub(super) only: Vec<String>,
    /// Segment of the whole table, and the number of segments.
    pub(super) segment: Option<(u32, u32)>,
}

/// What is read of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Whole(Consistency),
    Partition(Scalar, Consistency),
    Index(Index, Scalar),
}

impl Query {
    /// Most items that DynamoDB reads for a page; fewer if they have 1 MB.
    pub const MAX_LIMIT: u32 = 1_000;

    /// Reads a partition of a table, in the order of the sort key.
    pub fn of_partition(
        table: &Table,
        partition: impl Into<Scalar>,
        consistency: Consistency,
    ) -> Self {
        Self::new(table, Part::Partition(partition.into(), consistency))
    }

    /// Reads a partition of a global secondary index, in the order of its sort key.
    ///
    /// DynamoDB copies writes into an index later, usually within a second, so there is no
    /// [`Consistency`] to choose. Items with equal sort keys come in any order.
    pub fn of_index(table: &Table, index: &Index, partition: impl Into<Scalar>) -> Self {
        Self::new(table, Part::Index(index.clone(), partition.into()))
    }

    /// Reads every item of a table, in no order. Costs the read of the whole table, and needs the
    /// permission `dynamodb:Scan`.
    pub fn of_whole_table(table: &Table, consistency: Consistency) -> Self {
        Self::new(table, Part::Whole(consistency))
    }

    fn new(table: &Table, part: Part) -> Self {
        Self {
            table: table.clone(),
            part,
            sort: None,
            descending: false,
            filters: Vec::new(),
            limit: Self::MAX_LIMIT,
            only: Vec::new(),
            segment: None,
        }
    }

    /// Reads only items whose sort key holds this condition.
    #[must_use]
    pub fn sorted(self, condition: Condition) -> Self {
        Self { sort: Some(condition), ..self }
    }

    /// Reads the largest sort keys first.
    #[must_use]
    pub fn descending(self) -> Self {
        Self { descending: true, ..self }
    }

    /// Drops items that do not pass this filter and those before it.
    #[must_use]
    pub fn filtered(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Reads at most this many items for a page: 1 to [`Self::MAX_LIMIT`]; other numbers count as
    /// the nearest of these. What a filter drops counts too.
    #[must_use]
    pub fn limit(self, items: u32) -> Self {
        Self { limit: items.clamp(1, Self::MAX_LIMIT), ..self }
    }

    /// Reads only these attributes. The price is that of whole items, or of what the index has of
    /// them.
    #[must_use]
    pub fn only<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        Self { only: names.into_iter().map(Into::into).collect(), ..self }
    }

    /// Reads these attributes too, if it reads not all of them.
    pub(super) fn with(mut self, names: &[&str]) -> Self {
        if !self.only.is_empty() {
            let missing = names.iter().filter(|name| !self.only.iter().any(|own| own == *name));
            let missing: Vec<String> = missing.map(|name| (*name).to_owned()).collect();
            self.only.extend(missing);
        }
        self
    }

    /// Reads only one of several segments of a whole table, so that segments are read at the same
    /// time. Each item is in one of them: `segment` is 0 to `segments - 1`.
    #[must_use]
    pub fn segment(self, segment: u32, segments: u32) -> Self {
        Self { segment: Some((segment, segments)), ..self }
    }

    /// Checks what DynamoDB would refuse, or silently read otherwise.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.sort.is_some() && (self.partition().is_none() || self.sort_key().is_none()) {
            return Err(invalid(&self.table, "has no sort key in what is read"));
        }
        if self.segment.is_some_and(|(segment, segments)| segment >= segments) {
            return Err(invalid(&self.table, "has fewer segments than that"));
        }
        if self.segment.is_some() && self.partition().is_some() {
            return Err(invalid(&self.table, "has segments only as a whole"));
        }
        if self.descending && self.partition().is_none() {
            return Err(invalid(&self.table, "is read as a whole, which has no order"));
        }
        let partition = self.partition().map(|(name, _)| name);
        let keys = [partition, self.sort_key().filter(|_| partition.is_some())];
        let of_filter = |filter: &Filter| match filter {
            Filter::Attribute(name, _) | Filter::Exists(name) | Filter::Absent(name) => {
                name.clone()
            }
        };
        match self.filters.iter().map(of_filter).find(|name| keys.contains(&Some(name.as_str()))) {
            Some(name) => Err(invalid(&self.table, &format!("cannot filter its key {name}"))),
            None => Ok(()),
        }
    }

    /// Returns the name of the table.
    #[cfg(any(test, feature = "test-kit"))]
    pub(crate) fn table_name(&self) -> &str {
        &self.table.name
    }

    /// Returns the sort key of what is read.
    pub(super) fn sort_key(&self) -> Option<&str> {
        match &self.part {
            Part::Index(index, _) => index.sort_key.as_deref(),
            _ => self.table.sort_key.as_deref(),
        }
    }

    /// Returns the partition that is read: its key and its value.
    pub(super) fn partition(&self) -> Option<(&str, &Scalar)> {
        match &self.part {
            Part::Whole(_) => None,
            Part::Partition(value, _) => Some((&self.table.partition_key, value)),
            Part::Index(index, value) => Some((&index.partition_key, value)),
        }
    }

    /// Returns the names of the keys that tell where a page ended, without the partition that is
    /// read.
    pub(super) fn places(&self) -> Vec<&str> {
        let index = match &self.part {
            Part::Index(index, _) => Some(index),
            _ => None,
        };
        let known = self.partition().map(|(name, _)| name);
        let names = [
            index.and_then(|index| index.sort_key.as_deref()),
            Some(self.table.partition_key.as_str()),
            self.table.sort_key.as_deref(),
        ];
        let mut places: Vec<&str> = Vec::new();
        for name in names.into_iter().flatten() {
            if Some(name) != known && !places.contains(&name) {
                places.push(name);
            }
        }
        places
    }
}

/// Returns the failure of a read that does not fit its table.
pub(super) fn invalid(table: &Table, problem: &str) -> Failure {
    Failure::permanent("invalid_query", format!("table {} {problem}", table.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_at_least_one_and_at_most_a_thousand() {
        let query = || Query::of_whole_table(&Table::new("t", "k"), Consistency::Strong);
        let limits = [0, 1, 1_000, u32::MAX].map(|limit| query().limit(limit).limit);
        assert_eq!(limits, [1, 1, 1_000, 1_000]);
        assert_eq!(query().limit, 1_000);
    }

    #[test]
    fn a_place_has_every_key_once_and_not_the_partition_that_is_read() {
        let table = Table::new("t", "stream").sorted_by("at");
        let by_customer = Index::new("i", "customer").sorted_by("at");
        let query = Query::of_index(&table, &by_customer, "7");
        assert_eq!(query.places(), ["at", "stream"]);
        assert_eq!(Query::of_partition(&table, "s", Consistency::Strong).places(), ["at"]);
        let whole = Query::of_whole_table(&table, Consistency::Strong);
        assert_eq!(whole.places(), ["stream", "at"]);
    }
}
