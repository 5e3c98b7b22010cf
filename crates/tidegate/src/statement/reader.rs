//! Reads items that are wanted at the same moment in one `BatchGetItem`.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use futures::future::join_all;

use super::gather::{Asked, Gather, all_gone};
use crate::failure::Failure;

/// An item of a table, or its key.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Most keys in one request. DynamoDB allows 100, but an answer has at most 16 MB, and an item up
/// to 400 KB.
const KEYS: usize = 25;

/// Reads the items that are wanted at the same moment together, strongly consistent.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    client: Client,
    gather: Gather<Wanted, Option<Found>>,
}

struct Wanted {
    table: Arc<str>,
    key: Item,
}

/// The answer to a read: the item, if there is one.
type Found = Result<Option<Item>, Failure>;

impl Reader {
    pub(crate) fn new(client: Client) -> Self {
        let batches = client.clone();
        let gather = Gather::new(KEYS, move |asked| serve(batches.clone(), asked));
        Self { client, gather }
    }

    /// Reads the item with this key.
    ///
    /// # Errors
    /// Any failure of the read, with this code (transient).
    pub(crate) async fn read(
        &self,
        code: &'static str,
        table: &Arc<str>,
        key: Item,
    ) -> Result<Option<Item>, Failure> {
        let wanted = Wanted { table: Arc::clone(table), key: key.clone() };
        match self.gather.ask(wanted).await.flatten() {
            Some(found) => found,
            None => self.read_alone(code, table, key).await,
        }
    }

    async fn read_alone(
        &self,
        code: &'static str,
        table: &Arc<str>,
        key: Item,
    ) -> Result<Option<Item>, Failure> {
        let read = self.client.get_item().table_name(&**table).set_key(Some(key));
        let read = read.consistent_read(true).send().await;
        Ok(read.map_err(|error| Failure::aws(code, &error))?.item)
    }
}

type Waiting = Asked<Wanted, Option<Found>>;

async fn serve(client: Client, asked: Vec<Waiting>) {
    let mut tables: HashMap<Arc<str>, Vec<Waiting>> = HashMap::new();
    for asked in asked {
        tables.entry(Arc::clone(&asked.input.table)).or_default().push(asked);
    }
    let mut requests = Vec::new();
    for (table, mut waiting) in tables {
        while !waiting.is_empty() {
            let batch = waiting.split_off(waiting.len().saturating_sub(KEYS));
            requests.push(fetch(&client, Arc::clone(&table), batch));
        }
    }
    join_all(requests).await;
}

/// Reads the items of one table. Whoever gets no answer reads alone: a single read, a key that
/// occurs twice, and what DynamoDB left out or refused.
async fn fetch(client: &Client, table: Arc<str>, batch: Vec<Waiting>) {
    let (mut keys, mut callers): (Vec<Item>, Vec<_>) = (Vec::new(), Vec::new());
    for asked in batch {
        if keys.contains(&asked.input.key) {
            asked.answer(None);
            continue;
        }
        let (wanted, caller) = asked.split();
        keys.push(wanted.key);
        callers.push(caller);
    }
    let wanted =
        KeysAndAttributes::builder().set_keys(Some(keys.clone())).consistent_read(true).build();
    let answered = match wanted {
        Ok(wanted) if keys.len() > 1 => {
            let request = client.batch_get_item().request_items(&*table, wanted).send();
            tokio::select! {
                biased;
                answered = request => answered.ok(),
                () = all_gone(&mut callers) => return,
            }
        }
        _ => None,
    };
    let (items, left) = answered.map_or_else(Default::default, |answered| {
        let items = answered.responses.and_then(|mut tables| tables.remove(&*table));
        let left = answered.unprocessed_keys.and_then(|mut tables| tables.remove(&*table));
        (items, left.map(|left| left.keys).unwrap_or_default())
    });
    let mut items: Vec<Option<Item>> = match items {
        Some(items) => items.into_iter().map(Some).collect(),
        None => return,
    };
    for (key, caller) in keys.iter().zip(callers) {
        let is_it = |item: &Item| key.iter().all(|(name, value)| item.get(name) == Some(value));
        let found = items.iter_mut().find(|item| item.as_ref().is_some_and(is_it));
        let found = found.and_then(Option::take);
        let answer = (found.is_some() || !left.contains(key)).then_some(Ok(found));
        let _ = caller.send(answer);
    }
}
