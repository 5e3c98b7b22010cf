//! Reads lists and lookups of a read model.

use serde::de::DeserializeOwned;

use super::consistency::Consistency;
use super::entry::{ENTRY_MARKS, Entry};
use super::get::Get;
use super::page::{NextPage, Page};
use super::request::{Query, invalid};
use super::table::Table;
use super::typed::page_of;
use super::view::View;
use crate::failure::Failure;
use crate::projection::EntryKey;

impl View {
    /// Reads an entry. `None`: there is none.
    ///
    /// # Errors
    /// Any failure to read it. `unreadable_row` (permanent): it does not have the type `T`.
    /// `invalid_query` (permanent): the view has no table of entries.
    pub async fn entry<T: DeserializeOwned>(
        &self,
        key: &EntryKey,
        consistency: Consistency,
    ) -> Result<Option<Entry<T>>, Failure> {
        let table = self.entries_table()?;
        let get = Get::new(table, key.list.as_str(), consistency).sorted_at(key.entry.as_str());
        self.tables.get(&get).await?.map(Entry::from_item).transpose()
    }

    /// Reads what a lookup with this key found. `None`: nothing.
    ///
    /// # Errors
    /// Same as [`Self::entry`].
    pub async fn lookup<T: DeserializeOwned>(
        &self,
        key: &str,
        consistency: Consistency,
    ) -> Result<Option<Entry<T>>, Failure> {
        self.entry(&EntryKey::of_lookup(key), consistency).await
    }

    /// Returns the query of a list, in the order of its entries.
    ///
    /// Narrow it with [`Query::sorted`], or turn it around with [`Query::descending`].
    pub fn list(&self, list: impl Into<String>, consistency: Consistency) -> Query {
        // Without a table, `Self::page_of_list` says what is missing.
        let table = self.entries.as_ref().unwrap_or(&self.counters);
        Query::of_partition(table, list.into(), consistency)
    }

    /// Reads a page of a list that begins at `from`, or the first one.
    ///
    /// # Errors
    /// Any failure to read it. An entry without the type `T` costs no other: [`Page::unreadable`]
    /// has its failure. `invalid_query` (permanent): the query is not of this view's entries, or
    /// the view has none.
    pub async fn page_of_list<T: DeserializeOwned>(
        &self,
        query: &Query,
        from: Option<&NextPage>,
    ) -> Result<Page<Entry<T>>, Failure> {
        let table = self.entries_table()?;
        if query.table != *table {
            let problem = format!("is not that of the entries, {}", table.name);
            return Err(invalid(&query.table, &problem));
        }
        let items = self.tables.page(&query.clone().with(&ENTRY_MARKS), from).await?;
        Ok(page_of(items, Entry::from_item))
    }

    fn entries_table(&self) -> Result<&Table, Failure> {
        self.entries.as_ref().ok_or_else(|| {
            Failure::permanent(
                "invalid_query",
                "the view has no table of entries; name it with `View::with_entries`",
            )
        })
    }
}
