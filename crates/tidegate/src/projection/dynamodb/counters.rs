//! Slices, deltas and counters in the table of counters.
//!
//! | partition key | sort key | item |
//! |---|---|---|
//! | `#deltas` | slice | head of the slice |
//! | `#deltas/<slice>` | number modulo [`WAITING_DELTAS`] | delta of the slice |
//! | `#aside` | hash of slice and key | amounts that are set aside |
//! | any other, but `#parked` | slice | counter |

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};

use super::super::answer::{apply_error, failure};
use super::super::apply_error::ApplyError;
use super::super::delta::{
    ASIDE_KEY, Added, Addition, Aside, COUNTED, Delta, HEADS_KEY, Head, WAITING_DELTAS, deltas_key,
};
use super::super::expression::Expression;
use super::super::row::Key;
use super::super::transaction::Transaction;
use super::additions::conflict;
use super::names::{
    COUNTER_PARTITION_KEY, COUNTER_SORT_KEY, REASON_CHARACTERS, key, number, transact,
};
use super::table::{Counters, number_of, text_of, unreadable};
use crate::failure::Failure;
use crate::ids::content_uuid;

/// Attributes of a head.
const LAST: &str = "last";
const APPLIED: &str = "applied";
/// Attributes of a delta.
const NUMBER: &str = "number";
const COUNTERS: &str = "counters";
/// Attributes of amounts that are set aside. The amounts have the names of the counter's attributes
/// behind [`AMOUNT`].
const OF_KEY: &str = "of_key";
const OF_SLICE: &str = "of_slice";
const REASON: &str = "reason";
const AMOUNT: &str = "+";

impl Counters {
    /// Returns the actions of a transaction that store its delta.
    pub(super) fn store(
        &self,
        transaction: &Transaction,
    ) -> Result<Vec<TransactWriteItem>, ApplyError> {
        let Some(delta) = &transaction.delta else { return Ok(Vec::new()) };
        let mut item = key(&deltas_key(delta.slice), delta.number % WAITING_DELTAS);
        item.insert(NUMBER.to_owned(), number(delta.number));
        item.insert(COUNTERS.to_owned(), AttributeValue::S(delta.encoded()));
        let put = Put::builder().table_name(&*self.table).set_item(Some(item)).build();
        let put = put.map_err(|error| Failure::permanent("invalid_request", error.to_string()))?;
        let mut head = Expression::default();
        head.set(LAST, number(delta.number));
        head.set(APPLIED, number(transaction.applied));
        head.require(LAST, (delta.number > 1).then(|| number(delta.number - 1)));
        if delta.number > 1 {
            head.require_at_most(APPLIED, number(transaction.applied));
        }
        let head = head.into_update(&self.table, key(HEADS_KEY, delta.slice))?;
        Ok(vec![TransactWriteItem::builder().put(put).build(), transact(head)])
    }

    pub(super) async fn head(&self, slice: u32) -> Result<Head, Failure> {
        let answer = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(key(HEADS_KEY, slice)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failure(&error))?;
        answer.item.map_or(Ok(Head { slice, ..Head::default() }), |item| head_of(&item))
    }

    pub(super) async fn heads(&self) -> Result<Vec<Head>, Failure> {
        self.query(HEADS_KEY).await?.iter().map(head_of).collect()
    }

    pub(super) async fn deltas(&self, slice: u32) -> Result<Vec<Delta>, Failure> {
        let delta = |item: &Key| {
            let text = text_of(item, COUNTERS).ok_or_else(|| unreadable(item, COUNTERS))?;
            Delta::decode(slice, number_of(item, NUMBER)?, text)
        };
        self.query(&deltas_key(slice)).await?.iter().map(delta).collect()
    }

    /// Reads all items of a partition, strongly consistent.
    async fn query(&self, partition: &str) -> Result<Vec<Key>, Failure> {
        let mut pages = self
            .client
            .query()
            .table_name(&*self.table)
            .consistent_read(true)
            .key_condition_expression("#key = :key")
            .expression_attribute_names("#key", COUNTER_PARTITION_KEY)
            .expression_attribute_values(":key", AttributeValue::S(partition.to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| failure(&error))?);
        }
        Ok(items)
    }

    pub(super) async fn confirm(&self, slice: u32, confirmed: u64) -> Result<(), Failure> {
        let written = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(key(HEADS_KEY, slice)))
            .update_expression("SET #applied = :number")
            .condition_expression("#applied < :number")
            .expression_attribute_names("#applied", APPLIED)
            .expression_attribute_values(":number", number(confirmed))
            .send()
            .await;
        match written {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(failure(&error)),
        }
    }

    /// Sets amounts aside. One transaction raises the number of the counter and adds the amounts to
    /// the item of what is set aside, so that a late write of the counter is refused all the same.
    pub(super) async fn set_aside(&self, slice: u32, addition: &Addition, why: &Failure) -> Added {
        let mut counter = Expression::default();
        counter.set(COUNTED, number(addition.number));
        counter.require_absent_or_below(COUNTED, number(addition.first));
        let update = counter.into_update(&self.table, key(&addition.key, slice));
        let mut aside = aside(slice, addition, why);
        aside.set(COUNTED, number(addition.number));
        let aside = aside.into_update(&self.table, aside_key(slice, &addition.key));
        let (update, put) = match (update, aside) {
            (Ok(update), Ok(aside)) => (update, aside),
            (Err(error), _) | (_, Err(error)) => {
                let failure = error.failure().cloned();
                return Added::Failed(failure.unwrap_or_else(conflict));
            }
        };
        match self.transact(vec![transact(update), transact(put)]).await {
            Ok(()) => Added::Done,
            Err(ApplyError::GuardMoved) => {
                match self.counted(key(&addition.key, slice), addition).await {
                    Added::Refused(_) => self.aside_alone(slice, addition, why).await,
                    added => added,
                }
            }
            Err(ApplyError::Conflict) => Added::Failed(conflict()),
            Err(ApplyError::Refused { .. }) => self.aside_alone(slice, addition, why).await,
            Err(ApplyError::Failed(failure)) => Added::Failed(failure),
        }
    }

    /// Sets amounts aside for a counter that cannot even take a number. The item of what is set
    /// aside keeps the number for it.
    async fn aside_alone(&self, slice: u32, addition: &Addition, why: &Failure) -> Added {
        let expression = aside(slice, addition, why);
        self.update(aside_key(slice, &addition.key), expression, addition).await
    }

    pub(super) async fn aside(&self) -> Result<Vec<Aside>, Failure> {
        let aside = |item: &Key| {
            let amounts = item.iter().filter_map(|(name, value)| {
                let name = name.strip_prefix(AMOUNT)?.to_owned();
                Some((name, value.as_n().ok()?.parse().ok()?))
            });
            Ok(Aside {
                slice: number_of(item, OF_SLICE)?,
                key: text_of(item, OF_KEY).ok_or_else(|| unreadable(item, OF_KEY))?.to_owned(),
                add: amounts.collect(),
                number: number_of(item, COUNTED)?,
                reason: text_of(item, REASON).unwrap_or_default().to_owned(),
            })
        };
        self.query(ASIDE_KEY).await?.iter().map(aside).collect()
    }

    pub(super) async fn restore(&self, aside: &Aside) -> Result<(), ApplyError> {
        let mut counter = Expression::default();
        for (name, amount) in &aside.add {
            counter.add(name, *amount);
        }
        // Without a number of its own, only what is set aside proves what was counted.
        counter.require_number(COUNTED);
        let update = counter.into_update(&self.table, key(&aside.key, aside.slice))?;
        let delete = Delete::builder()
            .table_name(&*self.table)
            .set_key(Some(aside_key(aside.slice, &aside.key)))
            .condition_expression("#counted = :number")
            .expression_attribute_names("#counted", COUNTED)
            .expression_attribute_values(":number", number(aside.number))
            .build()
            .map_err(|error| Failure::permanent("invalid_request", error.to_string()))?;
        let delete = TransactWriteItem::builder().delete(delete).build();
        self.transact(vec![transact(update), delete]).await
    }

    pub(super) async fn transact(&self, actions: Vec<TransactWriteItem>) -> Result<(), ApplyError> {
        self.send(actions).await.map_err(|error| apply_error(&error))
    }

    pub(super) async fn send(
        &self,
        actions: Vec<TransactWriteItem>,
    ) -> Result<(), SdkError<TransactWriteItemsError>> {
        let transaction = self.client.transact_write_items().set_transact_items(Some(actions));
        transaction.send().await.map(drop)
    }
}

/// Starts the update of what is set aside for a counter.
fn aside(slice: u32, addition: &Addition, why: &Failure) -> Expression {
    let mut aside = Expression::default();
    aside.set(OF_KEY, AttributeValue::S(addition.key.clone()));
    aside.set(OF_SLICE, number(slice));
    let reason = why.reason().chars().take(REASON_CHARACTERS).collect();
    aside.set(REASON, AttributeValue::S(reason));
    for (name, amount) in &addition.add {
        aside.add(&format!("{AMOUNT}{name}"), *amount);
    }
    aside
}

fn aside_key(slice: u32, of: &str) -> Key {
    key(ASIDE_KEY, content_uuid(&[&slice.to_string(), of]).as_u64_pair().0)
}

fn head_of(item: &Key) -> Result<Head, Failure> {
    Ok(Head {
        slice: number_of(item, COUNTER_SORT_KEY)?,
        last: number_of(item, LAST)?,
        applied: number_of(item, APPLIED)?,
    })
}
