//! `shop generate`: writes a sample file in the online-retail format.
//!
//! The file has every kind of good and bad line.

mod catalogue;
mod random;
mod sample;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use flate2::{Compression, write::GzEncoder};
use terminal::output;
use terminal::problem::Problem;

use crate::amount::count;
use crate::arguments::Generate;

/// Writes a sample file.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(options: &Generate) -> Result<ExitCode, Problem> {
    let lines = sample::sample(options.seed, options.orders);
    let compressed = options.file.extension().is_some_and(|extension| extension == "gz");
    write_lines(&options.file, &lines, compressed).map_err(|error| {
        Problem::new(format!("{} cannot be written: {error}", options.file.display()))
    })?;
    let records = u64::try_from(lines.len().saturating_sub(1)).unwrap_or(u64::MAX);
    output::line(&format!(
        "{}: {} lines, seed {}",
        options.file.display(),
        count(records),
        options.seed
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn write_lines(path: &Path, lines: &[String], compressed: bool) -> io::Result<()> {
    let file = BufWriter::new(File::create(path)?);
    if compressed {
        let mut encoder = GzEncoder::new(file, Compression::best());
        write_all(&mut encoder, lines)?;
        encoder.finish()?.flush()
    } else {
        let mut file = file;
        write_all(&mut file, lines)?;
        file.flush()
    }
}

fn write_all(out: &mut impl Write, lines: &[String]) -> io::Result<()> {
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::PathBuf;

    use super::*;
    use crate::arguments::{ORDERS, SEED};
    use crate::input::{Lines, Row};

    fn committed() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../events/invoices/online-retail-sample.csv.gz")
    }

    #[test]
    fn the_committed_sample_is_what_its_seed_gives() {
        let file = committed();
        let mut lines = Lines::open(&file).unwrap();
        let mut committed = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            committed.push(String::from_utf8(line.to_vec()).unwrap());
        }
        assert!(
            committed == sample::sample(SEED, ORDERS)[1..],
            "the committed sample is another one: run `cargo run -p shop -- generate events/invoices/online-retail-sample.csv.gz`"
        );
        assert!(std::fs::metadata(file).unwrap().len() < 150_000);
    }

    #[test]
    fn another_seed_gives_another_sample() {
        assert_ne!(sample::sample(1, 20), sample::sample(2, 20));
        assert_eq!(sample::sample(2, 20), sample::sample(2, 20));
    }

    #[test]
    fn a_sample_has_every_kind_of_line() {
        let lines = sample::sample(SEED, ORDERS);
        let rows: Vec<Row<'_>> =
            lines[1..].iter().filter_map(|line| Row::split(line.as_bytes())).collect();
        assert!(rows.len() < lines.len() - 1, "no broken line");
        let of =
            |predicate: &dyn Fn(&Row<'_>) -> bool| rows.iter().filter(|row| predicate(row)).count();
        let distinct = |column: &dyn Fn(&Row<'_>) -> String| {
            rows.iter().map(column).collect::<HashSet<_>>().len()
        };
        let is_order = |row: &Row<'_>| {
            !row.invoice.is_empty() && row.invoice.bytes().all(|byte| byte.is_ascii_digit())
        };
        assert!(of(&|row| row.customer.is_empty()) > 100, "guests");
        assert!(of(&|row| row.price == "0") > 10, "prices of zero");
        assert!(
            of(&|row| is_order(row) && row.quantity.starts_with('-')) > 3,
            "negative quantities"
        );
        assert!(of(&|row| is_order(row) && row.quantity == "0") > 3, "quantities of zero");
        assert!(of(&|row| is_order(row) && row.price.starts_with('-')) > 3, "negative prices");
        assert!(
            of(&|row| row.invoice.starts_with('C') && row.quantity.starts_with('-')) > 20,
            "returns"
        );
        assert!(
            of(&|row| row.invoice.starts_with('C') && !row.quantity.starts_with('-')) > 0,
            "returns of nothing"
        );
        assert!(
            of(&|row| row.invoice.starts_with('A') || row.invoice.starts_with('X')) > 1,
            "other numbers"
        );
        assert!(of(&|row| row.quantity == "two") > 0, "unreadable quantities");
        assert!(distinct(&|row| row.country.to_string()) > 6, "countries");
        assert!(distinct(&|row| row.date.get(..10).unwrap_or("").to_owned()) > 5, "days");
        let mut finished = HashSet::new();
        let mut apart = 0;
        for pair in rows.windows(2) {
            if pair[0].invoice != pair[1].invoice {
                finished.insert(pair[0].invoice.to_string());
                apart += usize::from(finished.contains(pair[1].invoice.as_ref()));
            }
        }
        assert!(apart > 5, "invoices whose lines are apart: {apart}");
    }
}
