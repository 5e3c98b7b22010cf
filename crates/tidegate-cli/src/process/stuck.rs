//! Reads the view: rows of instances, and which of them wait for an operator.

use futures::StreamExt as _;
use futures::stream;
use serde::Deserialize;
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;
use tidegate::failure::Failure;
use tidegate::ids::StreamId;
use tidegate::process::ProcessRow;
use tidegate::query::{Consistency, DynamoDbTables, Filter, Get, NextPage, Query, one, page};

use super::places::{Place, Places};

/// Rows that are read at a time.
const READS: usize = 8;

/// A key of the index.
#[derive(Deserialize)]
struct Key {
    stream: StreamId,
}

/// Returns the rows of instances that wait for an operator, at most `limit` of each process, those
/// that wait longest first.
///
/// The index may be behind, so each row is read from the table.
///
/// # Errors
/// The view cannot be read.
pub(super) async fn stuck(
    places: &Places,
    of: &[&Place],
    limit: usize,
) -> Result<Vec<ProcessRow>, Problem> {
    let tables = places.tables();
    let mut rows = Vec::new();
    for place in of {
        let (mut from, mut found): (Option<NextPage>, usize) = (None, 0);
        let query = ProcessRow::stuck(&place.table(), &place.process);
        while found < limit {
            let keys = match page::<Key>(&tables, &query, from.as_ref()).await {
                Ok(keys) => keys,
                Err(failure) => return Err(explained(places, place, &failure).await),
            };
            let read = stream::iter(keys.rows.into_iter().map(|key| key.stream));
            let read = read.map(|instance| row(&tables, place, instance)).buffered(READS);
            let read: Vec<_> = read.collect().await;
            for read in read {
                match read {
                    Ok(Some(row)) if row.stuck_at.is_some() && found < limit => {
                        found += 1;
                        rows.push(row);
                    }
                    Ok(_) => {}
                    Err(failure) => return Err(explained(places, place, &failure).await),
                }
            }
            from = keys.next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok(rows)
}

async fn row(
    tables: &DynamoDbTables,
    place: &Place,
    instance: StreamId,
) -> Result<Option<ProcessRow>, Failure> {
    let get = Get::new(&place.table(), instance.as_str(), Consistency::Strong);
    one::<ProcessRow>(tables, &get).await
}

/// Reads a page of the view, with the rows of the process alone.
///
/// # Errors
/// The view cannot be read.
pub(super) async fn all(
    places: &Places,
    place: &Place,
    from: Option<&NextPage>,
) -> Result<(Vec<ProcessRow>, Option<NextPage>), Problem> {
    let query = Query::of_whole_table(&place.table(), Consistency::Eventual)
        .filtered(Filter::equals("process", place.process.as_str()));
    match page::<ProcessRow>(&places.tables(), &query, from).await {
        Ok(page) => {
            page.unreadable.iter().for_each(|failure| output::note(&escaped(failure.reason())));
            Ok((page.rows, page.next))
        }
        Err(failure) => Err(explained(places, place, &failure).await),
    }
}

async fn explained(places: &Places, place: &Place, failure: &Failure) -> Problem {
    places.system.explain_table(&place.view, failure.reason()).await
}

/// Counts the instances of a process that the index lists, and whether there may be more.
///
/// # Errors
/// The view cannot be read.
pub(crate) async fn count(
    dynamodb: aws_sdk_dynamodb::Client,
    view: &str,
    process: &str,
    pages: usize,
) -> Result<(u64, bool), Failure> {
    let tables = DynamoDbTables::new(dynamodb);
    let query = ProcessRow::stuck(&ProcessRow::table(view), process);
    let (mut count, mut from): (u64, Option<NextPage>) = (0, None);
    for _ in 0..pages {
        let keys = page::<Key>(&tables, &query, from.as_ref()).await?;
        count += keys.rows.len() as u64;
        from = keys.next;
        if from.is_none() {
            return Ok((count, false));
        }
    }
    Ok((count, true))
}
