//! Reads statements of PartiQL, DynamoDB's SQL: verb, table and values.
//!
//! It reads what calls of functions say and never refuses a call. What it does not understand stays
//! unknown.

mod statement;
mod token;

use serde_json::Value;

pub(crate) use statement::{Statement, Verb};

/// Operations with statements, and the field that has the list of them.
const LISTS: [(&str, Option<&str>); 3] = [
    ("DynamoDB.ExecuteStatement", None),
    ("DynamoDB.BatchExecuteStatement", Some("Statements")),
    ("DynamoDB.ExecuteTransaction", Some("TransactStatements")),
];

/// Returns whether the requests of an operation, such as `DynamoDB.ExecuteStatement`, have
/// statements.
pub(crate) fn has_statements(operation: &str) -> bool {
    LISTS.iter().any(|(name, _)| *name == operation)
}

/// Returns the statements of a request, in their order. `None` stands for a statement that cannot
/// be read.
pub(crate) fn statements(operation: &str, request: &Value) -> Vec<Option<Statement>> {
    let Some((_, list)) = LISTS.iter().find(|(name, _)| *name == operation) else {
        return Vec::new();
    };
    let requests = match list {
        None => std::slice::from_ref(request),
        Some(list) => request.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice),
    };
    requests.iter().map(statement_of).collect()
}

fn statement_of(request: &Value) -> Option<Statement> {
    let text = request.get("Statement")?.as_str()?;
    let parameters = request.get("Parameters").and_then(Value::as_array);
    Statement::parse(text, parameters.map_or(&[], Vec::as_slice))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_operation_has_its_statements_in_a_field_of_its_own() {
        let one =
            json!({"Statement": "DELETE FROM \"t\" WHERE \"k\" = ?", "Parameters": [{"S": "a"}]});
        for (operation, request, tables) in [
            ("DynamoDB.ExecuteStatement", one.clone(), vec![Some("t")]),
            (
                "DynamoDB.BatchExecuteStatement",
                json!({"Statements": [one, {"Statement": "?"}, 7, one]}),
                vec![Some("t"), None, None, Some("t")],
            ),
            ("DynamoDB.ExecuteTransaction", json!({"TransactStatements": [one]}), vec![Some("t")]),
            ("DynamoDB.ExecuteTransaction", json!({"Statements": [one]}), vec![]),
            ("DynamoDB.PutItem", one.clone(), vec![]),
        ] {
            let read = statements(operation, &request);
            let found: Vec<Option<&str>> =
                read.iter().map(|statement| Some(statement.as_ref()?.table.as_str())).collect();
            assert_eq!(found, tables, "{operation}");
        }
        assert!(has_statements("DynamoDB.ExecuteStatement"));
        assert!(!has_statements("DynamoDB.BatchWriteItem"));
    }
}
