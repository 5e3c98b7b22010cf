//! Writes as PartiQL statements.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementRequest, ReturnValuesOnConditionCheckFailure,
};

use super::reader::Item;
use crate::failure::Failure;

/// A write with a condition, which can share a request with other writes.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(super) table: Arc<str>,
    /// The key of the item as text. Two writes to one key never share a request.
    pub(super) key: String,
    /// Estimated size of the values.
    pub(super) bytes: usize,
    /// Code of a failure of the request.
    pub(super) code: &'static str,
    write: Write,
}

#[derive(Clone, Debug)]
enum Write {
    /// Inserts the item if its key is free.
    Insert(Item),
    Change(Change),
}

/// A change of an existing item, as text with a parameter for each `?`.
///
/// The condition names the whole key, and is a list of comparisons joined by `AND`: emulators
/// understand no more.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) text: Cow<'static, str>,
    pub(crate) parameters: Vec<AttributeValue>,
}

impl Statement {
    /// Creates the insertion of an item, which is refused if the key is taken.
    pub(crate) fn insert(code: &'static str, table: &Arc<str>, key: String, item: Item) -> Self {
        Self { table: Arc::clone(table), key, bytes: 0, code, write: Write::Insert(item) }
    }

    /// Creates the change of an item, which is refused if its condition is false.
    ///
    /// The text begins behind the table's name, as in `SET "status" = ? WHERE "key" = ?`.
    pub(crate) fn update(
        code: &'static str,
        table: &Arc<str>,
        key: String,
        change: Change,
    ) -> Self {
        Self { table: Arc::clone(table), key, bytes: 0, code, write: Write::Change(change) }
    }

    /// Sets the estimated size of the values, if they may be large.
    #[must_use]
    pub(crate) fn bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    /// Returns the item of an insertion.
    pub(crate) fn into_item(self) -> Option<Item> {
        match self.write {
            Write::Insert(item) => Some(item),
            Write::Change(_) => None,
        }
    }

    /// Creates the entry of the batch.
    pub(super) fn into_request(self) -> Result<BatchStatementRequest, Failure> {
        let table = &self.table;
        let (text, parameters, returned) = match self.write {
            Write::Insert(item) => {
                let mut text = String::with_capacity(64 + item.len() * 16);
                let mut parameters = Vec::with_capacity(item.len());
                let _ = write!(text, "INSERT INTO \"{table}\" VALUE ");
                let mut before = '{';
                for (name, value) in item {
                    let _ = write!(text, "{before}'{name}':?");
                    parameters.push(value);
                    before = ',';
                }
                text.push('}');
                (text, parameters, None)
            }
            Write::Change(Change { text, parameters }) => {
                let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
                (format!("UPDATE \"{table}\" {text}"), parameters, Some(all_old))
            }
        };
        BatchStatementRequest::builder()
            .statement(text)
            .set_parameters(Some(parameters))
            .set_return_values_on_condition_check_failure(returned)
            .build()
            .map_err(|error| Failure::permanent("invalid_request", error.to_string()))
    }
}
