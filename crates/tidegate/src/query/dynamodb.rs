//! Reads items of tables in DynamoDB.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
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

/// Code of all failures that have no code of their own.
const CODE: &str = "query";

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
}

fn invalid(get: &Get, problem: &str) -> Failure {
    super::request::invalid(&get.table, problem)
}

fn failure<E, R>(table: &str, error: &SdkError<E, R>) -> Failure
where
    E: Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    let failure = match error.code() {
        Some("ValidationException") => refusal::validation(CODE, error.message(), chain(error)),
        _ => Failure::aws(CODE, error),
    };
    failure.context(format_args!("table {table}"))
}
