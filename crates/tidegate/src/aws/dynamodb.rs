//! A DynamoDB client whose stores share requests.

use std::ops::Deref;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::Update;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::statement::{Reader, Writer};

/// Most requests of single records at a time. Each needs a connection of its own, and opening one
/// costs a small function much of its processor.
const SINGLE_REQUESTS: usize = 16;

/// A DynamoDB client whose stores share requests.
///
/// Writes of different records that wait at the same moment leave in one `BatchExecuteStatement`.
/// Each keeps its own condition, outcome and price. Clones share requests too, so give all stores
/// of a function clones of one handle, as [`AwsClients::dynamodb`](super::AwsClients::dynamodb)
/// does.
///
/// At most 16 requests of single records run at a time, such as reads of streams, however many
/// records are handled at a time.
///
/// It dereferences to the SDK's client, for requests of your own.
#[derive(Clone, Debug)]
pub struct DynamoDb {
    client: Client,
    pub(crate) writer: Writer,
    pub(crate) reader: Reader,
    singles: Arc<Semaphore>,
}

impl DynamoDb {
    /// Creates a handle that sends every write by itself.
    ///
    /// For backends that cannot do `BatchExecuteStatement`.
    pub fn single(client: Client) -> Self {
        Self { writer: Writer::single(), ..Self::from(client) }
    }

    /// Waits until another request of a single record may be sent. Hold the permit while it runs.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.singles.acquire().await.ok()
    }

    /// Creates the request that makes this update by itself.
    pub(crate) fn update(&self, update: Update) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
    }
}

impl From<Client> for DynamoDb {
    fn from(client: Client) -> Self {
        let (reader, writer) = (Reader::new(client.clone()), Writer::batched(client.clone()));
        Self { client, writer, reader, singles: Arc::new(Semaphore::new(SINGLE_REQUESTS)) }
    }
}

impl Deref for DynamoDb {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
