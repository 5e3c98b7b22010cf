//! Finds the tables that a call of DynamoDB has written to.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::target::{Written, resource};
use crate::partiql::{self, Verb};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InTable {
    table_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    request_items: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Transaction {
    transact_items: Vec<Write>,
}

/// A write of a transaction. Its condition checks write nothing.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Write {
    put: Option<InTable>,
    update: Option<InTable>,
    delete: Option<InTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    statement: String,
}

#[derive(Deserialize)]
struct Statements {
    #[serde(rename = "Statements", alias = "TransactStatements")]
    statements: Vec<Statement>,
}

/// Returns the tables; `None` if the call cannot be read.
pub(super) fn tables(operation: &str, body: &[u8]) -> Option<Vec<Written>> {
    let names = match operation {
        "DynamoDB.BatchWriteItem" => {
            let batch: Batch = serde_json::from_slice(body).ok()?;
            batch.request_items.into_keys().collect()
        }
        "DynamoDB.TransactWriteItems" => {
            let transaction: Transaction = serde_json::from_slice(body).ok()?;
            let writes = transaction.transact_items.into_iter();
            let tables = writes.flat_map(|write| [write.put, write.update, write.delete]);
            tables.flatten().map(|write| write.table_name).collect()
        }
        "DynamoDB.ExecuteStatement" => {
            let statement: Statement = serde_json::from_slice(body).ok()?;
            in_statements(&[statement])
        }
        "DynamoDB.BatchExecuteStatement" | "DynamoDB.ExecuteTransaction" => {
            let statements: Statements = serde_json::from_slice(body).ok()?;
            in_statements(&statements.statements)
        }
        _ => {
            let write: InTable = serde_json::from_slice(body).ok()?;
            vec![write.table_name]
        }
    };
    Some(names.iter().map(|name| Written::Table(resource(name).to_owned())).collect())
}

fn in_statements(statements: &[Statement]) -> Vec<String> {
    let read = statements.iter().filter_map(|of| partiql::Statement::parse(&of.statement, &[]));
    read.filter(|statement| statement.verb != Verb::Select)
        .map(|statement| statement.table)
        .collect()
}
