//! Writes amounts to counters, many in one request.
//!
//! Each counter is changed by a statement. A statement creates neither a counter nor an attribute,
//! so it is refused for a new counter, which is then inserted. That costs one write unit more, once
//! in the life of a counter. What is left, such as a counter without one of the attributes, is
//! written by itself, with an update that creates what is missing.

use std::fmt::Write as _;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use futures::future::join_all;

use super::super::answer::{CODE, failure};
use super::super::apply_error::ApplyError;
use super::super::delta::{Added, Addition, COUNTED};
use super::super::expression::Expression;
use super::super::row::Key;
use super::names::{COUNTER_PARTITION_KEY, COUNTER_SORT_KEY, key, number};
use super::table::{Counters, number_of};
use crate::failure::{Class, Failure};
use crate::refusal::UNSTORABLE;
use crate::statement::{Answer, Change, Statement};

/// Number of counters that are written at a time: 40 requests.
const AT_A_TIME: usize = 1_000;

impl Counters {
    pub(super) async fn add(&self, slice: u32, additions: &[Addition]) -> Vec<Added> {
        let mut added = Vec::with_capacity(additions.len());
        for additions in additions.chunks(AT_A_TIME) {
            added.extend(join_all(additions.iter().map(|one| self.add_one(slice, one))).await);
        }
        added
    }

    async fn add_one(&self, slice: u32, addition: &Addition) -> Added {
        // A name with a quotation mark is not written in statements.
        if addition.add.keys().all(|name| !name.contains(['"', '\'']))
            && let Some(added) = self.add_in_batch(slice, addition).await
        {
            return added;
        }
        let mut expression = Expression::default();
        for (name, amount) in &addition.add {
            expression.add(name, *amount);
        }
        self.update(key(&addition.key, slice), expression, addition).await
    }

    /// Adds amounts together with the additions that wait at the same moment. Returns `None` if the
    /// addition has to be written by itself.
    async fn add_in_batch(&self, slice: u32, addition: &Addition) -> Option<Added> {
        let place = || format!("{slice}/{}", addition.key);
        let change = change(slice, addition);
        let statement = Statement::update(CODE, &self.table, place(), change);
        match self.client.writer.write(statement).await {
            Answer::Written => return Some(Added::Done),
            Answer::Refused(Some(item)) => match counted(&item, addition) {
                added @ Added::Counted(_) => return Some(added),
                // It has no number yet.
                _ => return None,
            },
            // There is no such counter, or the emulator does not return it.
            Answer::Refused(None) => {}
            Answer::BeingWritten => return Some(Added::Failed(conflict())),
            Answer::Failed(failure) => return Some(Added::Failed(failure)),
            Answer::Alone(_) | Answer::Singly => return None,
        }
        let mut item = key(&addition.key, slice);
        item.extend(addition.add.iter().map(|(name, amount)| (name.to_string(), number(amount))));
        item.insert(COUNTED.to_owned(), number(addition.number));
        match self.client.writer.write(Statement::insert(CODE, &self.table, place(), item)).await {
            Answer::Written => Some(Added::Done),
            Answer::Failed(failure) => Some(Added::Failed(failure)),
            _ => None,
        }
    }

    /// Changes an item whose number must be below the first delta of the addition. Creates it if it
    /// does not exist.
    pub(super) async fn update(
        &self,
        key: Key,
        mut expression: Expression,
        addition: &Addition,
    ) -> Added {
        let at = key.clone();
        expression.set(COUNTED, number(addition.number));
        expression.require_absent_or_below(COUNTED, number(addition.first));
        let update = match expression.into_update(&self.table, key) {
            Ok(update) => update,
            Err(ApplyError::Refused { failure, .. } | ApplyError::Failed(failure)) => {
                return Added::Failed(failure);
            }
            Err(ApplyError::GuardMoved | ApplyError::Conflict) => return Added::Failed(conflict()),
        };
        let turn = self.client.turn().await;
        let written = self
            .client
            .update(update)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        drop(turn);
        let Err(error) = written else { return Added::Done };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                match refused.item() {
                    Some(item) => counted(item, addition),
                    // Some emulators do not return the item.
                    None => self.counted(at, addition).await,
                }
            }
            Some(UpdateItemError::TransactionConflictException(_)) => Added::Failed(conflict()),
            _ => sorted(failure(&error)),
        }
    }

    /// Reads the number of an item that refused an addition.
    pub(super) async fn counted(&self, key: Key, addition: &Addition) -> Added {
        let read = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(key))
            .consistent_read(true)
            .send()
            .await;
        match read {
            Ok(answer) => answer
                .item
                .map_or_else(|| Added::Failed(conflict()), |item| counted(&item, addition)),
            Err(error) => Added::Failed(failure(&error)),
        }
    }
}

/// Writes an addition as a statement. Every attribute of the counter must exist.
fn change(slice: u32, addition: &Addition) -> Change {
    let mut text = String::new();
    let mut parameters = Vec::with_capacity(addition.add.len() + 4);
    for (name, amount) in &addition.add {
        // Writing to a string cannot fail.
        let _ = write!(text, "SET \"{name}\" = \"{name}\" + ? ");
        parameters.push(number(amount));
    }
    let _ = write!(
        text,
        "SET \"{COUNTED}\" = ? WHERE \"{COUNTER_PARTITION_KEY}\" = ? \
         AND \"{COUNTER_SORT_KEY}\" = ? AND \"{COUNTED}\" < ?"
    );
    let partition = aws_sdk_dynamodb::types::AttributeValue::S(addition.key.clone());
    parameters.extend([number(addition.number), partition, number(slice), number(addition.first)]);
    Change { text: text.into(), parameters }
}

/// Returns the result of an addition that an item refused.
fn counted(item: &Key, addition: &Addition) -> Added {
    match number_of(item, COUNTED) {
        Ok(number) if number >= addition.first => Added::Counted(number),
        // The item was changed meanwhile.
        Ok(_) => Added::Failed(conflict()),
        Err(_) => Added::Refused(Failure::permanent(
            UNSTORABLE,
            format!("the attribute `{COUNTED}` of the counter is not the number of a delta"),
        )),
    }
}

fn sorted(failure: Failure) -> Added {
    match failure.class() {
        Class::Permanent => Added::Refused(failure),
        _ => Added::Failed(failure),
    }
}

pub(super) fn conflict() -> Failure {
    Failure::transient("transaction_conflict", "a transaction was changing the same counter")
}
