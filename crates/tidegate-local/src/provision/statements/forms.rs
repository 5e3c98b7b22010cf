//! Tries the forms of statements that the toolkit uses, in a table of its own.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementRequest, BatchStatementResponse,
    ReturnValuesOnConditionCheckFailure,
};

use super::streamed;
use crate::clients::Clients;
use crate::provision::tables::table;
use topology::{Key, KeyType, StreamView, Table};

/// Time that the forms may take. They take some hundredths of a second.
const LIMIT: Duration = Duration::from_secs(60);

/// A statement, and what DynamoDB makes of it.
struct Form {
    /// What the form does, for the message if an emulator lacks it.
    what: &'static str,
    text: String,
    parameters: Vec<AttributeValue>,
    outcome: Outcome,
}

/// What becomes of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// Refused because the key exists. No item is shown.
    Duplicate,
    /// Refused, with the item that failed the condition.
    RefusedWithItem,
    /// Refused, without an item: there is none.
    RefusedWithoutItem,
}

/// What was found about an emulator that carries out every form.
pub(super) enum Tried {
    /// It does so as DynamoDB does.
    Works,
    /// The stream of a table does not show what statements write. Says what is missing.
    NotInStreams(String),
}

/// Tries every form.
///
/// # Errors
/// Says which form the emulator lacks, or which call failed.
pub(super) async fn try_all(clients: &Clients) -> Result<Tried, String> {
    let name = format!("tidegate-forms-{}", uuid::Uuid::new_v4().simple());
    let key = Key { name: "key".to_owned(), kind: KeyType::S };
    let declared = Table {
        partition_key: key,
        sort_key: None,
        stream_view: Some(StreamView::KeysOnly),
        ttl_attribute: None,
        record_retention_days: None,
        cause_retention_days: None,
        commit_format: None,
        indexes: BTreeMap::new(),
    };
    let (_, made) = table(clients, &name, &declared).await.map_err(|error| error.to_string())?;
    let stream = made.stream_arn.unwrap_or_default();
    let tried = tokio::time::timeout(LIMIT, async {
        try_in(clients, &name).await?;
        streamed::look(clients, &name, &stream).await
    });
    let tried = tried.await;
    // The table is deleted whatever was found.
    if let Err(error) = clients.dynamodb.delete_table().table_name(&name).send().await {
        tracing::warn!(table = name, error = %DisplayErrorContext(error), "cannot delete a table that is no longer needed");
    }
    let missing = tried
        .unwrap_or_else(|_| Err(format!("it took longer than {} seconds", LIMIT.as_secs())))?;
    Ok(missing.map_or(Tried::Works, Tried::NotInStreams))
}

async fn try_in(clients: &Clients, table: &str) -> Result<(), String> {
    for batch in batches(table) {
        let requests: Result<_, _> = batch.iter().map(Form::request).collect();
        let requests = requests.map_err(|error| error.to_string())?;
        let call = clients.dynamodb.batch_execute_statement().set_statements(Some(requests));
        let answer = call.send().await.map_err(|error| {
            format!("BatchExecuteStatement failed: {}", DisplayErrorContext(error))
        })?;
        let answers = answer.responses();
        if answers.len() != batch.len() {
            return Err(format!("{} statements got {} answers", batch.len(), answers.len()));
        }
        for (form, answer) in batch.iter().zip(answers) {
            form.check(answer)?;
        }
    }
    for (key, expected) in stored() {
        let call = clients.dynamodb.get_item().table_name(table).consistent_read(true);
        let answer = call.key("key", text(key)).send().await;
        let answer =
            answer.map_err(|error| format!("GetItem failed: {}", DisplayErrorContext(error)))?;
        if answer.item != expected {
            return Err(format!("the statements left {:?} as the item {key}", answer.item));
        }
    }
    Ok(())
}

/// Returns the batches, in the order in which they are sent.
fn batches(table: &str) -> [Vec<Form>; 3] {
    let insert = |what, key, number_of, outcome| Form {
        what,
        text: format!(r#"INSERT INTO "{table}" VALUE {{'key': ?, 'n': ?, 'm': ?}}"#),
        parameters: vec![text(key), number(number_of), number(number_of)],
        outcome,
    };
    let update = |what, key, below, outcome| Form {
        what,
        text: format!(r#"UPDATE "{table}" SET "n" = "n" + ?, "m" = ? WHERE "key" = ? AND "m" < ?"#),
        parameters: vec![number(5), number(2), text(key), number(below)],
        outcome,
    };
    let owned = |what, key, n, outcome| Form {
        what,
        text: format!(
            "UPDATE \"{table}\" SET \"owner\" = ? SET \"done\" = ? REMOVE \"m\" REMOVE \"none\" \
             WHERE \"key\" = ? AND \"n\" = ?"
        ),
        parameters: vec![text("x"), number(1), text(key), number(n)],
        outcome,
    };
    let delete = |what, key, n, outcome| Form {
        what,
        text: format!(r#"DELETE FROM "{table}" WHERE "key" = ? AND "n" = ?"#),
        parameters: vec![text(key), number(n)],
        outcome,
    };
    use Outcome::{Done, Duplicate, RefusedWithItem, RefusedWithoutItem};
    [
        vec![
            insert("INSERT of a new item", "a", 1, Done),
            insert("INSERT of a new item", "b", 1, Done),
            insert("INSERT of a new item", "c", 1, Done),
        ],
        vec![
            insert("INSERT of an item that exists", "a", 9, Duplicate),
            update("UPDATE with a sum", "b", 2, Done),
            update("UPDATE of an item that does not exist", "missing", 2, RefusedWithoutItem),
            delete("DELETE with a condition", "c", 1, Done),
        ],
        vec![
            update("UPDATE whose condition fails", "b", 2, RefusedWithItem),
            insert("INSERT beside a statement that fails", "d", 1, Done),
            owned("UPDATE that removes an attribute", "a", 1, Done),
        ],
    ]
}

/// Returns the items that DynamoDB stores, by key.
fn stored() -> [(&'static str, Option<HashMap<String, AttributeValue>>); 5] {
    let item = |attributes: &[(&str, AttributeValue)]| {
        let attributes = attributes.iter().cloned();
        Some(attributes.map(|(name, value)| (name.to_owned(), value)).collect())
    };
    [
        (
            "a",
            item(&[
                ("key", text("a")),
                ("n", number(1)),
                ("owner", text("x")),
                ("done", number(1)),
            ]),
        ),
        ("b", item(&[("key", text("b")), ("n", number(6)), ("m", number(2))])),
        ("c", None),
        ("d", item(&[("key", text("d")), ("n", number(1)), ("m", number(1))])),
        ("missing", None),
    ]
}

impl Form {
    fn request(&self) -> Result<BatchStatementRequest, aws_sdk_dynamodb::error::BuildError> {
        let mut request = BatchStatementRequest::builder()
            .statement(&self.text)
            .set_parameters(Some(self.parameters.clone()));
        if self.text.starts_with("UPDATE") || self.text.starts_with("DELETE") {
            request = request.return_values_on_condition_check_failure(
                ReturnValuesOnConditionCheckFailure::AllOld,
            );
        }
        request.build()
    }

    fn check(&self, answer: &BatchStatementResponse) -> Result<(), String> {
        let error = answer.error();
        let shown = error.and_then(|error| error.item()).is_some_and(|item| !item.is_empty());
        let code = error.and_then(|error| error.code()).map(|code| code.as_str());
        let fits = match self.outcome {
            Outcome::Done => error.is_none(),
            Outcome::Duplicate => code == Some("DuplicateItem"),
            Outcome::RefusedWithItem => code == Some("ConditionalCheckFailed") && shown,
            Outcome::RefusedWithoutItem => code == Some("ConditionalCheckFailed") && !shown,
        };
        if fits {
            return Ok(());
        }
        let found = match error {
            None => "it was done".to_owned(),
            Some(error) => format!(
                "the error was {} ({}), {}",
                code.unwrap_or("without a code"),
                error.message().unwrap_or("no message"),
                if shown { "with the item" } else { "without an item" }
            ),
        };
        Err(format!("{}: {found}", self.what))
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: u32) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
