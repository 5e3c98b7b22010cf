//! Keeps pointers in a DynamoDB table.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::{BoxFuture, FutureExt};

use super::pointer::Pointer;
use super::port::{PointerReader, Pointers};
use crate::aws::DynamoDb;
use crate::failure::Failure;

/// Partition key of the table of pointers; a string. The table has no sort key.
pub const POINTER_KEY: &str = "projection";
/// Attribute with the number of the change.
const REVISION: &str = "revision";
/// Code of all failures that have no code of their own.
const CODE: &str = "pointer";

/// Pointers in a DynamoDB table.
#[derive(Clone, Debug)]
pub struct DynamoDbPointers {
    client: DynamoDb,
    table: String,
}

impl DynamoDbPointers {
    /// Creates the pointers in this table. Its key is [`POINTER_KEY`].
    pub fn new(client: impl Into<DynamoDb>, table: impl Into<String>) -> Self {
        Self { client: client.into(), table: table.into() }
    }

    async fn get(&self, projection: &str) -> Result<Pointer, Failure> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(POINTER_KEY, AttributeValue::S(projection.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Failure::aws(CODE, &error))?;
        let Some(item) = answer.item else { return Ok(Pointer::new(projection)) };
        serde_dynamo::aws_sdk_dynamodb_1::from_item(item).map_err(|error| {
            let what = "has a value that no command writes; another program may have changed it";
            let reason = format!("the pointer of {projection} {what}: {error}");
            Failure::permanent("corrupt_pointer", reason)
        })
    }

    async fn put(&self, pointer: &Pointer) -> Result<Option<Pointer>, Failure> {
        let written = Pointer { revision: pointer.revision.saturating_add(1), ..pointer.clone() };
        let item = serde_dynamo::aws_sdk_dynamodb_1::to_item(&written)
            .map_err(|error| Failure::permanent(CODE, error.to_string()))?;
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .expression_attribute_names("#revision", REVISION);
        let request = if pointer.revision == 0 {
            request.condition_expression("attribute_not_exists(#revision)")
        } else {
            let there = AttributeValue::N(pointer.revision.to_string());
            request
                .condition_expression("#revision = :there")
                .expression_attribute_values(":there", there)
        };
        match request.send().await {
            Ok(_) => Ok(Some(written)),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(None),
            Err(error) => Err(Failure::aws(CODE, &error)),
        }
    }
}

impl PointerReader for DynamoDbPointers {
    fn read<'a>(&'a self, projection: &'a str) -> BoxFuture<'a, Result<Pointer, Failure>> {
        self.get(projection).boxed()
    }
}

impl Pointers for DynamoDbPointers {
    fn write<'a>(
        &'a self,
        pointer: &'a Pointer,
    ) -> BoxFuture<'a, Result<Option<Pointer>, Failure>> {
        self.put(pointer).boxed()
    }
}
