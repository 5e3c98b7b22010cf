//! Reads items of tables in DynamoDB.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use futures::future::{BoxFuture, FutureExt};
use serde_dynamo::Item;

use super::consistency::Consistency;
use super::expressions::{Built, Expressions};
use super::get::Get;
use super::page::NextPage;
use super::port::{Items, TableReader};
use super::request::{Part, Query};
use crate::aws::DynamoDb;
use crate::failure::{Failure, chain};
use crate::refusal;
use crate::store::Retry;

/// Code of all failures that have no code of their own.
const CODE: &str = "query";
/// Largest number of keys in one BatchGetItem.
const BATCH_GET_KEYS: usize = 100;

/// Parts of messages about the place where a page begins, which a client may have made up.
const OF_THE_PLACE: [&str; 3] = ["starting key", "exclusive start key", "exclusivestartkey"];

type Attributes = HashMap<String, AttributeValue>;

/// Reads items of tables in DynamoDB.
///
/// A topology grants `access = "read"`: items, partitions and indexes. A whole table needs
/// `dynamodb:Scan`, which no function gets; it is for the commands of an operator.
#[derive(Clone, Debug)]
pub struct DynamoDbTables {
    client: DynamoDb,
}

impl DynamoDbTables {
    /// Creates the reader.
    pub fn new(client: impl Into<DynamoDb>) -> Self {
        Self { client: client.into() }
    }

    async fn read_one(&self, get: &Get) -> Result<Option<Item>, Failure> {
        let key = key_of(get)?;
        let mut expressions = Expressions::default();
        let only = expressions.only(&get.only);
        let answer = self
            .client
            .get_item()
            .table_name(&get.table.name)
            .set_key(Some(key))
            .consistent_read(get.consistency.is_strong())
            .set_projection_expression(only)
            .set_expression_attribute_names(expressions.into_parts().0)
            .send()
            .await
            .map_err(|error| failure(&get.table.name, &error))?;
        Ok(answer.item.map(Item::from))
    }

    /// Reads the items of one chunk of keys, in the order of the gets.
    async fn read_chunk(&self, gets: &[Get]) -> Result<Vec<Option<Item>>, Failure> {
        let Some(first) = gets.first() else { return Ok(Vec::new()) };
        if gets.iter().any(|get| (&get.table, &get.only) != (&first.table, &first.only)) {
            return Err(invalid(first, "and another table, or other attributes, are read at once"));
        }
        let keys: Vec<Attributes> = gets.iter().map(key_of).collect::<Result<_, _>>()?;
        let (mut left, mut found) = (keys.clone(), Vec::with_capacity(keys.len()));
        let retry = Retry::default();
        for attempt in 0.. {
            let (items, unread) = self.batch_get(first, left).await?;
            found.extend(items);
            left = unread;
            if left.is_empty() {
                break;
            }
            if attempt == retry.attempts {
                let reason = "DynamoDB left keys of a BatchGetItem unprocessed in every attempt";
                return Err(Failure::transient(Failure::THROTTLED, reason));
            }
            tokio::time::sleep(retry.pause_after(attempt)).await;
        }
        let is = |item: &Attributes, key: &Attributes| {
            key.iter().all(|(name, value)| item.get(name) == Some(value))
        };
        // BatchGetItem returns items in any order.
        let mut items = Vec::with_capacity(keys.len());
        for key in &keys {
            let place = found.iter().position(|item| is(item, key));
            items.push(place.map(|place| Item::from(found.swap_remove(place))));
        }
        Ok(items)
    }

    async fn batch_get(
        &self,
        get: &Get,
        keys: Vec<Attributes>,
    ) -> Result<(Vec<Attributes>, Vec<Attributes>), Failure> {
        let table = &get.table.name;
        let mut expressions = Expressions::default();
        let only = expressions.only(&get.only);
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(get.consistency.is_strong())
            .set_projection_expression(only)
            .set_expression_attribute_names(expressions.into_parts().0)
            .build()
            .map_err(|error| Failure::permanent("invalid_request", error.to_string()))?;
        let answer = self
            .client
            .batch_get_item()
            .request_items(table, wanted)
            .send()
            .await
            .map_err(|error| failure(table, &error))?;
        let items = answer.responses.unwrap_or_default().remove(table).unwrap_or_default();
        let left = answer.unprocessed_keys.unwrap_or_default().remove(table);
        Ok((items, left.map(|left| left.keys).unwrap_or_default()))
    }

    async fn read_page(&self, query: &Query, from: Option<&NextPage>) -> Result<Items, Failure> {
        query.check()?;
        let from = from.map(|from| Attributes::from(from.0.clone()));
        let limit = i32::try_from(query.limit).unwrap_or(i32::MAX);
        let (items, next) = match &query.part {
            Part::Whole(consistency) => self.scan(query, *consistency, limit, from).await?,
            Part::Partition(_, consistency) => {
                self.query(query, None, *consistency, limit, from).await?
            }
            Part::Index(index, _) => {
                let name = Some(index.name.clone());
                self.query(query, name, Consistency::Eventual, limit, from).await?
            }
        };
        let next = next.filter(|key| !key.is_empty()).map(|key| NextPage(Item::from(key)));
        Ok(Items { items: items.unwrap_or_default().into_iter().map(Item::from).collect(), next })
    }

    async fn scan(
        &self,
        query: &Query,
        consistency: Consistency,
        limit: i32,
        from: Option<Attributes>,
    ) -> Result<(Option<Vec<Attributes>>, Option<Attributes>), Failure> {
        let built = Built::from_query(query);
        let answer = self
            .client
            .scan()
            .table_name(&query.table.name)
            .consistent_read(consistency.is_strong())
            .limit(limit)
            .set_segment(query.segment.and_then(|(segment, _)| i32::try_from(segment).ok()))
            .set_total_segments(query.segment.and_then(|(_, all)| i32::try_from(all).ok()))
            .set_exclusive_start_key(from)
            .set_filter_expression(built.filter)
            .set_projection_expression(built.only)
            .set_expression_attribute_names(built.names)
            .set_expression_attribute_values(built.values)
            .send()
            .await
            .map_err(|error| failure(&query.table.name, &error))?;
        Ok((answer.items, answer.last_evaluated_key))
    }

    async fn query(
        &self,
        query: &Query,
        index: Option<String>,
        consistency: Consistency,
        limit: i32,
        from: Option<Attributes>,
    ) -> Result<(Option<Vec<Attributes>>, Option<Attributes>), Failure> {
        let built = Built::from_query(query);
        let answer = self
            .client
            .query()
            .table_name(&query.table.name)
            .set_index_name(index)
            .consistent_read(consistency.is_strong())
            .scan_index_forward(!query.descending)
            .limit(limit)
            .set_exclusive_start_key(from)
            .set_key_condition_expression(built.key)
            .set_filter_expression(built.filter)
            .set_projection_expression(built.only)
            .set_expression_attribute_names(built.names)
            .set_expression_attribute_values(built.values)
            .send()
            .await
            .map_err(|error| failure(&query.table.name, &error))?;
        Ok((answer.items, answer.last_evaluated_key))
    }
}

impl TableReader for DynamoDbTables {
    fn get<'a>(&'a self, get: &'a Get) -> BoxFuture<'a, Result<Option<Item>, Failure>> {
        self.read_one(get).boxed()
    }

    fn page<'a>(
        &'a self,
        query: &'a Query,
        from: Option<&'a NextPage>,
    ) -> BoxFuture<'a, Result<Items, Failure>> {
        self.read_page(query, from).boxed()
    }

    fn get_all<'a>(&'a self, gets: &'a [Get]) -> BoxFuture<'a, Result<Vec<Option<Item>>, Failure>> {
        async move {
            let mut items = Vec::with_capacity(gets.len());
            for gets in gets.chunks(BATCH_GET_KEYS) {
                items.extend(self.read_chunk(gets).await?);
            }
            Ok(items)
        }
        .boxed()
    }
}

fn key_of(get: &Get) -> Result<Attributes, Failure> {
    let mut key =
        Attributes::from([(get.table.partition_key.clone(), get.partition.attribute().into())]);
    match (&get.table.sort_key, &get.sort) {
        (Some(name), Some(value)) => {
            key.insert(name.clone(), value.attribute().into());
        }
        (None, None) => {}
        (Some(name), None) => return Err(invalid(get, &format!("needs its sort key {name}"))),
        (None, Some(_)) => return Err(invalid(get, "has no sort key")),
    }
    Ok(key)
}

fn invalid(get: &Get, problem: &str) -> Failure {
    super::request::invalid(&get.table, problem)
}

fn failure<E, R>(table: &str, error: &SdkError<E, R>) -> Failure
where
    E: Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    let message = error.message().unwrap_or_default().to_lowercase();
    let failure = match error.code() {
        Some("ValidationException") if OF_THE_PLACE.iter().any(|part| message.contains(part)) => {
            Failure::permanent("invalid_query", chain(error))
        }
        Some("ValidationException") => refusal::validation(CODE, error.message(), chain(error)),
        _ => Failure::aws(CODE, error),
    };
    failure.context(format_args!("table {table}"))
}
