//! `shop check --shop`: compares the whole shop with a fold over the input.
//!
//! The fold shares no code with the functions. What the file cannot know, such as a declined
//! payment, is taken from the events, and must be said by one.

mod amounts;
mod expected;
mod facts;
mod found;
mod goods;
mod letters;
mod money;
pub(crate) mod options;
mod orders;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use events::view::stock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use terminal::account::Intent;
use terminal::connection::Connection;
use terminal::name_prefix::PhysicalName;
use terminal::output;
use terminal::problem::Problem;
use tidegate::query::{Consistency, DynamoDbTables, Query, Table, page};

use self::amounts::ProviderReport;
use self::expected::Expected;
use self::facts::Facts;
use self::found::Found;
use self::goods::StockRow;
use self::letters::Letter;
use crate::arguments;
use crate::check::{Comparison, compare};
use crate::comparison::Part;
use crate::documents::Documents;
use crate::event_store::fold;
use crate::input::Lines;
use crate::ledger::books::Books;

/// The comparison of the whole shop.
#[derive(Debug, Serialize)]
struct Whole {
    equal: bool,
    /// The read models of orders and sales.
    views: Comparison,
    shop: Vec<Part>,
}

/// Compares the whole shop with the input.
///
/// # Errors
/// A file, a table or the event store cannot be read. A difference is not an error: the exit code
/// is 1.
pub(crate) async fn check(options: &arguments::Check) -> Result<ExitCode, Problem> {
    let (whole, place) = (&options.whole, &options.endpoint);
    let documents = Documents::from_lines(&mut Lines::open(&options.file)?, options.limit)?;
    let report: Option<ProviderReport> =
        whole.provider_report.as_deref().map(|file| json(file, REPORT)).transpose()?;
    let letters: Option<Vec<Letter>> =
        whole.letters.as_deref().map(|file| json(file, LETTERS)).transpose()?;
    let connection = Connection::open(place, Intent::Read).await?;
    let mut facts = Facts::default();
    for part in fold(&connection, &whole.store, place, Facts::take).await? {
        facts.merge(part);
    }
    let found = Found::from_facts(facts);
    let expected = Expected::from_documents(&documents);
    let rows = read_stock(&connection, &whole.stock(place)).await?;
    let books = Books::read(&connection, &whole.ledger, place).await?;
    let views = compare(options, &documents, &connection).await?;
    let mut shop = vec![
        orders::orders(&expected, &found),
        goods::goods(&expected, &found),
        goods::stock(&expected, &found, &rows),
        amounts::payments(&expected, &found),
        amounts::ledger(&expected, &found, &books.running),
    ];
    shop.extend(report.map(|report| amounts::provider(&report, &found)));
    shop.extend(letters.map(|letters| letters::letters(&letters, &documents.unreadable)));
    let equal = views.equal && shop.iter().all(|part| part.equal);
    let whole = Whole { equal, views, shop };
    if options.json {
        output::json(&whole)?;
    } else {
        output::line(&whole.text())?;
    }
    Ok(if whole.equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Whole {
    fn text(&self) -> String {
        let mut lines = vec![self.views.text()];
        lines.extend(self.shop.iter().flat_map(Part::lines));
        lines.push(match self.equal {
            true => "the whole shop is equal to the input".to_owned(),
            false => "the shop differs from the input".to_owned(),
        });
        lines.join("\n")
    }
}

/// What a file must be, and where it comes from.
const REPORT: &str = "the report of a payment simulator; take it from its `/report`";
const LETTERS: &str = "a list of dead letters; make one with `tidegate dlq --json`";

fn json<T: DeserializeOwned>(file: &Path, what: &str) -> Result<T, Problem> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Problem::new(format!("{} cannot be read: {error}", file.display())))?;
    serde_json::from_str(&text)
        .map_err(|error| Problem::new(format!("{} is not {what} ({error})", file.display())))
}

async fn read_stock(
    connection: &Connection,
    table: &PhysicalName,
) -> Result<BTreeMap<String, StockRow>, Problem> {
    let tables = DynamoDbTables::new(connection.dynamodb());
    let whole = Table::new(table.as_str(), stock::STOCK_CODE);
    let query = Query::of_whole_table(&whole, Consistency::Strong);
    let (mut rows, mut from) = (BTreeMap::new(), None);
    loop {
        let mut page = match page::<StockRow>(&tables, &query, from.as_ref()).await {
            Ok(page) => page,
            Err(failure) => return Err(connection.explain_table(table, failure.reason()).await),
        };
        if let Some(failure) = page.unreadable.pop() {
            return Err(connection.explain_table(table, failure.reason()).await);
        }
        rows.extend(page.rows.into_iter().map(|row| (row.stock_code.clone(), row)));
        if page.next.is_none() {
            return Ok(rows);
        }
        from = page.next;
    }
}
