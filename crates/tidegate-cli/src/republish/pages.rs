//! Reads the items of the event store, page by page.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::AttributeValue;
use terminal::name_prefix::PhysicalName;
use tidegate::ids::StreamId;
use tidegate::store::{PARTITION_KEY, SORT_KEY};

use crate::arguments::CommitKey;
use crate::commit_stream::Item;

/// Pages of a whole table, or of one stream.
///
/// Without changes of the table, the order of a scan is always the same. So a scan can go on behind
/// any commit.
pub(super) struct Pages<'a> {
    client: Client,
    table: &'a PhysicalName,
    stream: Option<&'a StreamId>,
    from: Option<Item>,
    is_over: bool,
}

impl<'a> Pages<'a> {
    pub(super) fn new(
        client: Client,
        table: &'a PhysicalName,
        stream: Option<&'a StreamId>,
        after: Option<&CommitKey>,
    ) -> Self {
        let from = after.map(|key| {
            HashMap::from([
                (PARTITION_KEY.to_owned(), AttributeValue::S(key.stream.to_string())),
                (SORT_KEY.to_owned(), AttributeValue::N(key.version.to_string())),
            ])
        });
        Self { client, table, stream, from, is_over: false }
    }

    /// Returns the next page; `None` after the last.
    ///
    /// # Errors
    /// Why the table cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Item>>, String> {
        if self.is_over {
            return Ok(None);
        }
        let (items, last) = match self.stream {
            Some(stream) => {
                let asked = self
                    .client
                    .query()
                    .table_name(self.table.as_str())
                    .key_condition_expression("#stream = :stream")
                    .expression_attribute_names("#stream", PARTITION_KEY)
                    .expression_attribute_values(":stream", AttributeValue::S(stream.to_string()))
                    .set_exclusive_start_key(self.from.take())
                    .consistent_read(true);
                let page = asked.send().await.map_err(|error| said(&error))?;
                (page.items, page.last_evaluated_key)
            }
            None => {
                let asked = self
                    .client
                    .scan()
                    .table_name(self.table.as_str())
                    .set_exclusive_start_key(self.from.take())
                    .consistent_read(true);
                let page = asked.send().await.map_err(|error| said(&error))?;
                (page.items, page.last_evaluated_key)
            }
        };
        self.is_over = last.is_none();
        self.from = last;
        Ok(Some(items.unwrap_or_default()))
    }
}

fn said<E: std::error::Error>(error: &E) -> String {
    DisplayErrorContext(error).to_string()
}
