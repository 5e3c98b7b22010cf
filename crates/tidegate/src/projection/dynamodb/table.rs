//! The table of counters.

use std::str::FromStr;
use std::sync::Arc;

use aws_sdk_dynamodb::types::Update;

use super::super::answer::row_error;
use super::super::apply_error::ApplyError;
use super::super::row::Key;
use super::names::COUNTER_PARTITION_KEY;
use crate::aws::DynamoDb;
use crate::failure::Failure;

/// The table of counters.
#[derive(Clone, Debug)]
pub(super) struct Counters {
    pub(super) client: DynamoDb,
    pub(super) table: Arc<str>,
}

impl Counters {
    pub(super) fn new(client: DynamoDb, table: &str) -> Self {
        Self { client, table: table.into() }
    }

    /// Makes an update by itself. It costs half the write units of an update in a transaction.
    pub(super) async fn alone(&self, update: Update) -> Result<(), ApplyError> {
        let _turn = self.client.turn().await;
        let written = self.client.update(update).send().await;
        written.map(drop).map_err(|error| row_error(&error))
    }
}

pub(super) fn text_of<'a>(item: &'a Key, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(super) fn number_of<N: FromStr>(item: &Key, name: &str) -> Result<N, Failure> {
    let number = item.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
    number.ok_or_else(|| unreadable(item, name))
}

pub(super) fn unreadable(item: &Key, name: &str) -> Failure {
    let key = text_of(item, COUNTER_PARTITION_KEY).unwrap_or_default();
    Failure::transient(
        "corrupt_delta",
        format!("the attribute `{name}` of an item `{key}` has a value that no projector writes"),
    )
}
