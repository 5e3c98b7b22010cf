//! Writes entries.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};

use super::super::apply_error::ApplyError;
use super::super::entry::{
    ENTRY_OWNER, ENTRY_PARTITION_KEY, ENTRY_SORT_KEY, EntryChange, EntryKey, EntryUpdate,
};
use super::super::expression::Expression;
use super::super::row::Key;
use super::names::{attribute, set_row, transact};
use crate::failure::Failure;
use crate::ids::StreamId;

/// The entry does not exist, or belongs to the aggregate.
const CONDITION: &str = "attribute_not_exists(#list) OR #owner = :owner";

/// Returns the action of a transaction that changes an entry. It fails with the old item if the
/// entry belongs to another aggregate.
pub(super) fn entry_action(
    table: Option<&str>,
    owner: &StreamId,
    update: &EntryUpdate,
) -> Result<TransactWriteItem, ApplyError> {
    let table = table.ok_or_else(|| {
        Failure::transient(
            "no_entries_table",
            "the projection changes entries, and its read model has no table for them; name the \
             table with `DynamoDbReadModel::with_entries`",
        )
    })?;
    let invalid = |error: aws_sdk_dynamodb::error::BuildError| {
        ApplyError::Failed(Failure::permanent("invalid_request", error.to_string()))
    };
    let old = ReturnValuesOnConditionCheckFailure::AllOld;
    let names = HashMap::from([
        ("#list".to_owned(), ENTRY_PARTITION_KEY.to_owned()),
        ("#owner".to_owned(), ENTRY_OWNER.to_owned()),
    ]);
    let owner = AttributeValue::S(owner.to_string());
    let values = HashMap::from([(":owner".to_owned(), owner.clone())]);
    let key = key_of(&update.key);
    Ok(match &update.change {
        EntryChange::Write(row) => {
            let mut expression = Expression::default();
            set_row(&mut expression, row);
            expression.require_absent_or(ENTRY_PARTITION_KEY, ENTRY_OWNER, owner.clone());
            expression.set(ENTRY_OWNER, owner);
            let mut update = expression.into_update(table, key)?;
            update.return_values_on_condition_check_failure = Some(old);
            transact(update)
        }
        EntryChange::Replace(row) => {
            let mut item = key;
            item.insert(ENTRY_OWNER.to_owned(), owner);
            let set = row.set.iter().map(|(name, value)| ((*name).to_owned(), attribute(value)));
            item.extend(set);
            let put = Put::builder()
                .table_name(table)
                .set_item(Some(item))
                .condition_expression(CONDITION)
                .set_expression_attribute_names(Some(names))
                .set_expression_attribute_values(Some(values))
                .return_values_on_condition_check_failure(old);
            TransactWriteItem::builder().put(put.build().map_err(invalid)?).build()
        }
        EntryChange::Delete => {
            let delete = Delete::builder()
                .table_name(table)
                .set_key(Some(key))
                .condition_expression(CONDITION)
                .set_expression_attribute_names(Some(names))
                .set_expression_attribute_values(Some(values))
                .return_values_on_condition_check_failure(old);
            TransactWriteItem::builder().delete(delete.build().map_err(invalid)?).build()
        }
    })
}

fn key_of(key: &EntryKey) -> Key {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    HashMap::from([
        (ENTRY_PARTITION_KEY.to_owned(), text(&key.list)),
        (ENTRY_SORT_KEY.to_owned(), text(&key.entry)),
    ])
}
