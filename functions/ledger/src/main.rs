//! Keeps the books: double entry from the events of payments.

mod postings;
mod projection;

use std::process::ExitCode;

use mimalloc::MiMalloc;
use tidegate::function::Function;
use tidegate::generation::Generations;
use tidegate::projection::{ReadModelTables, own_slice};
use tidegate::rebuild::Projectors;
use tidegate::source::Source;

use crate::projection::Books;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let settings = &mut function.settings;
    let store = settings.text("EVENT_STORE_TABLE");
    let rows = settings.text("LEDGER_TABLE");
    let counters = settings.text("BALANCES_TABLE");
    let journal = settings.text("JOURNAL_TABLE");
    let slice = settings.number("LEDGER_SLICES", 1..=256).map(own_slice);
    let books = Generations::from_settings(settings, "ledger");
    function
        .run(Source::Sqs, |aws| {
            let tables = ReadModelTables { rows: rows?, counters: counters?, slice: slice? };
            let (aws, entries) = (aws.dynamodb(), journal?);
            let projectors = Projectors::from_dynamodb_with_entries;
            Some(projectors(aws, store?, tables, entries, books?, Books))
        })
        .await
}
