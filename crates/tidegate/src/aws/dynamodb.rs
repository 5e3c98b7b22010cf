//! A DynamoDB client whose stores share requests.

use std::ops::Deref;

use aws_sdk_dynamodb::Client;

use crate::statement::{Reader, Writer};

/// A DynamoDB client whose stores share requests.
///
/// Writes of different records that wait at the same moment leave in one `BatchExecuteStatement`.
/// Each keeps its own condition, outcome and price. Clones share requests too, so give all stores
/// of a function clones of one handle, as [`AwsClients::dynamodb`](super::AwsClients::dynamodb)
/// does.
///
/// It dereferences to the SDK's client, for requests of your own.
#[derive(Clone, Debug)]
pub struct DynamoDb {
    client: Client,
    pub(crate) writer: Writer,
    pub(crate) reader: Reader,
}

impl DynamoDb {
    /// Creates a handle that sends every write by itself.
    ///
    /// For backends that cannot do `BatchExecuteStatement`.
    pub fn single(client: Client) -> Self {
        Self { reader: Reader::new(client.clone()), writer: Writer::single(), client }
    }
}

impl From<Client> for DynamoDb {
    fn from(client: Client) -> Self {
        let (reader, writer) = (Reader::new(client.clone()), Writer::batched(client.clone()));
        Self { client, writer, reader }
    }
}

impl Deref for DynamoDb {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
