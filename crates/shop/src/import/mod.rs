//! `shop import`: puts the invoices of a file on the stream `orders`, as a producer would.

mod invoices;
mod pence;
mod record;
mod refused;
mod resend;
mod sender;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use terminal::account::Intent;
use terminal::connection::Connection;
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;

use crate::amount::count;
use crate::arguments;
use crate::input::Lines;

use self::invoices::{Gathered, Slot};
use self::record::{Kind, Record};
use self::resend::Resending;
use self::sender::{Sender, Step};

/// What was sent.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Summary {
    /// `PlaceOrder` commands.
    orders: u64,
    /// `RecordReturn` commands.
    returns: u64,
    /// Unchanged lines.
    raw_lines: u64,
    /// Records that were sent a second time, not counted above.
    resent: u64,
    /// Unchanged lines among these.
    resent_raw_lines: u64,
    /// Records that are too large for the stream.
    not_sent: u64,
    /// Time from the first request to the last response.
    seconds: f64,
    records_per_second: f64,
}

impl Summary {
    fn add(&mut self, kind: Kind, again: bool) {
        match (again, kind) {
            (false, Kind::Order) => self.orders += 1,
            (false, Kind::Return) => self.returns += 1,
            (false, Kind::Raw) => self.raw_lines += 1,
            (true, kind) => {
                self.resent += 1;
                self.resent_raw_lines += u64::from(kind == Kind::Raw);
            }
        }
    }

    fn records(&self) -> u64 {
        self.orders + self.returns + self.raw_lines + self.resent
    }

    fn text(&self) -> String {
        let mut text = format!(
            "sent {} orders, {} returns, {} malformed lines, {} repeated; {:.1} s, {:.0} records/s",
            count(self.orders),
            count(self.returns),
            count(self.raw_lines),
            count(self.resent),
            self.seconds,
            self.records_per_second
        );
        if self.not_sent > 0 {
            text.push_str(&format!("; {} not sent", count(self.not_sent)));
        }
        text
    }
}

/// Imports an online-retail file.
///
/// # Errors
/// The file cannot be read, or the stream refuses the records.
pub(crate) async fn online_retail(
    options: &arguments::Import,
    file: &Path,
) -> Result<ExitCode, Problem> {
    let gathered = invoices::gather(&mut Lines::open(file)?, options.limit)?.behind(options.skip);
    let connection = Connection::open(&options.endpoint, Intent::Change).await?;
    let sender = Sender::new(connection.kinesis(), options.stream());
    sender.probe().await.map_err(|problem| connection.explain(problem))?;

    let records = gathered.records();
    let resent = options.resend_every.map_or(0, |every| records / every);
    let bar = progress_bar(records + resent);
    let records = Resending::new(records_of(gathered), options.resend_every);
    let mut summary = Summary::default();
    let started = Instant::now();
    sender
        .send(records, |step| match step {
            Step::Sent { kind, again } => {
                summary.add(kind, again);
                bar.inc(1);
            }
            Step::TooLarge { partition_key, bytes } => {
                summary.not_sent += 1;
                bar.suspend(|| {
                    output::note(&format!(
                        "shop: {} has {} bytes and was not sent: a record may have {}",
                        escaped(&partition_key),
                        count(u64::try_from(bytes).unwrap_or(u64::MAX)),
                        count(u64::try_from(sender::RECORD_BYTES).unwrap_or(u64::MAX))
                    ));
                });
            }
        })
        .await
        .map_err(|problem| connection.explain(problem))?;
    summary.seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "an import has far less than 2^52 records")]
    let records_sent = summary.records() as f64;
    summary.records_per_second =
        if summary.seconds > 0.0 { records_sent / summary.seconds } else { 0.0 };
    bar.finish_and_clear();
    if options.json {
        output::json(&summary)?;
    } else {
        output::line(&summary.text())?;
    }
    Ok(if summary.not_sent == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn records_of(gathered: Gathered) -> impl Iterator<Item = Record> + Send {
    gathered.slots.into_iter().flat_map(Slot::into_records)
}

/// A progress bar on a terminal. Elsewhere there is none, and the final line is enough.
fn progress_bar(records: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(records), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(
        "{bar:30} {human_pos}/{human_len} records  {per_sec:.0}  {eta} left",
    ) {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Write;
    use std::path::PathBuf;

    use tidegate::envelope::Envelope;

    use super::*;
    use crate::input::COLUMNS;

    const HAND_MADE: &str = "\
536365,85123A,LAMP,6,2010-12-01T08:27:00Z,2.555,17850,United Kingdom
536366,22633,\"WARMER, RED\",1,2010-12-01T08:26:00Z,1.85,,France
C536379,D,Discount,-1,2010-12-01T09:41:00Z,27.50,14527,United Kingdom
536365,71053,LANTERN,8,2010-12-01T08:26:00Z,0,17850,United Kingdom
A563185,B,Adjust bad debt,1,2011-08-12T14:50:00Z,11062.06,,United Kingdom
536366,22632,WARMER,many,2010-12-01T08:28:00Z,1.85,,France
broken
536367,1,X,1,yesterday,1.85,,France
C536380,D,Came back,2,2010-12-01T09:41:00Z,1.005,,Spain
";

    fn import(content: &str, limit: Option<usize>) -> Vec<Record> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "{}\n{content}", COLUMNS.join(",")).unwrap();
        import_file(file.path(), limit)
    }

    fn import_file(path: &Path, limit: Option<usize>) -> Vec<Record> {
        records_of(invoices::gather(&mut Lines::open(path).unwrap(), limit).unwrap()).collect()
    }

    fn shown(record: &Record) -> String {
        match record.kind {
            Kind::Raw => String::from_utf8_lossy(&record.data).into_owned(),
            _ => Envelope::parse(&record.data).unwrap().subject.to_string(),
        }
    }

    #[test]
    fn invoices_become_commands_and_everything_else_goes_as_it_is() {
        let sent: Vec<String> = import(HAND_MADE, None).iter().map(shown).collect();
        assert_eq!(
            sent,
            [
                "order#536365",
                "order#536366",
                "536366,22632,WARMER,many,2010-12-01T08:28:00Z,1.85,,France",
                "return#C536379",
                "A563185,B,Adjust bad debt,1,2011-08-12T14:50:00Z,11062.06,,United Kingdom",
                "broken",
                "536367,1,X,1,yesterday,1.85,,France",
                "return#C536380",
            ]
        );
    }

    /// The file as UCI and Kaggle publish it: American dates, ISO 8859-1.
    const AS_PUBLISHED: &[u8] = b"\
900001,10001A,RED LAMP,6,12/1/2010 8:26,2.55,10001,United Kingdom
900002,10002,BLUE LAMP,2,2010-12-01 08:28:00,1.85,10002,France
900003,10003,SET OF 3 FOR \xa310,1,12/1/2010 8:34,10.00,,United Kingdom
";

    fn published(lines: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "{}", COLUMNS.join(",")).unwrap();
        file.write_all(lines).unwrap();
        file
    }

    #[test]
    fn the_file_is_read_as_it_is_published() {
        let sent = import_file(published(AS_PUBLISHED).path(), None);
        let read: Vec<(String, String)> = sent
            .iter()
            .map(|record| {
                let envelope: serde_json::Value = serde_json::from_slice(&record.data).unwrap();
                let text =
                    |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                (text(&envelope["time"]), text(&envelope["data"]["lines"][0]["description"]))
            })
            .collect();
        let expected = [
            ("2010-12-01T08:26:00Z", "RED LAMP"),
            ("2010-12-01T08:28:00Z", "BLUE LAMP"),
            ("2010-12-01T08:34:00Z", "SET OF 3 FOR £10"),
        ];
        assert_eq!(read, expected.map(|(time, text)| (time.to_owned(), text.to_owned())));
    }

    #[test]
    fn a_file_of_which_nothing_can_be_read_is_an_error_that_names_the_reason() {
        for (lines, reason) in [
            (
                &b"1,A,LAMP,1,1.12.2010,2.55,7,France\n2,A,LAMP,1,2.12.2010,2.55,7,France\n"[..],
                "of 2 lines",
            ),
            (
                b"1,A,LAMP,1,1.12.2010,2.55,7,France\n",
                "its InvoiceDate `1.12.2010` is not `2010-12-01T08:26:00Z`",
            ),
            (b"1;A;LAMP\n", "it does not have eight columns"),
            (b"1,,LAMP,1,2010-12-01T08:26:00Z,2.55,7,France\n", "its StockCode is empty"),
            (b"1,A,LAMP,1,2010-12-01T08:26:00Z,2.55,7,\n", "its Country is empty"),
            (b"\x1b[31m\n", "\\u{1b}[31m"),
            (b"", "has no line after its header"),
        ] {
            let file = published(lines);
            let problem = invoices::gather(&mut Lines::open(file.path()).unwrap(), None)
                .unwrap_err()
                .to_string();
            assert!(problem.contains(reason) && !problem.contains(['\n', '\x1b']), "{problem}");
        }
    }

    #[test]
    fn the_limit_counts_invoices_of_any_kind_and_takes_all_their_lines() {
        for (limit, records) in [(1, 1), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8), (100, 8)] {
            assert_eq!(import(HAND_MADE, Some(limit)).len(), records, "limit {limit}");
        }
    }

    #[test]
    fn a_file_that_is_sent_in_parts_is_sent_once() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "{}\n{HAND_MADE}", COLUMNS.join(",")).unwrap();
        let part = |limit: Option<usize>, skip: usize| -> Vec<Record> {
            let gathered = invoices::gather(&mut Lines::open(file.path()).unwrap(), limit).unwrap();
            records_of(gathered.behind(skip)).collect()
        };
        let parts = [part(Some(3), 0), part(Some(5), 3), part(None, 5)].concat();
        assert_eq!(parts, part(None, 0));
        assert_eq!(part(None, 100), [], "there are no more invoices");
    }

    #[test]
    fn an_order_has_all_its_lines_its_earliest_time_and_prices_in_pence() {
        let first = &import(HAND_MADE, Some(1))[0];
        let envelope: serde_json::Value = serde_json::from_slice(&first.data).unwrap();
        assert_eq!(envelope["type"], "PlaceOrder");
        assert_eq!(envelope["source"], "shop.import");
        assert_eq!(envelope["time"], "2010-12-01T08:26:00Z");
        assert_eq!(envelope["correlationid"], envelope["id"]);
        assert_eq!(first.partition_key, "order#536365");
        assert_eq!(
            envelope["data"],
            serde_json::json!({
                "order_id": "536365", "customer_id": "17850", "country": "United Kingdom", "currency": "GBP",
                "ordered_at": "2010-12-01T08:26:00Z",
                "lines": [
                    {"stock_code": "85123A", "description": "LAMP", "quantity": 6, "unit_price": 256},
                    {"stock_code": "71053", "description": "LANTERN", "quantity": 8, "unit_price": 0},
                ],
            })
        );
    }

    #[test]
    fn a_return_has_the_quantities_negated_whatever_their_sign() {
        let sent = import(HAND_MADE, None);
        let quantities: Vec<_> = sent
            .iter()
            .filter(|record| record.kind == Kind::Return)
            .map(|record| {
                serde_json::from_slice::<serde_json::Value>(&record.data).unwrap()["data"]["lines"]
                    [0]
                .clone()
            })
            .map(|line| (line["quantity"].as_i64().unwrap(), line["unit_price"].as_i64().unwrap()))
            .collect();
        assert_eq!(quantities, [(1, 2750), (-2, 101)]);
    }

    #[test]
    fn importing_twice_sends_the_same_ids_and_other_content_other_ids() {
        let ids = |content: &str| -> Vec<String> {
            import(content, None)
                .iter()
                .filter(|record| record.kind != Kind::Raw)
                .map(|record| Envelope::parse(&record.data).unwrap().id)
                .collect()
        };
        let first = ids(HAND_MADE);
        assert_eq!(first, ids(HAND_MADE));
        assert_eq!(first.iter().collect::<HashSet<_>>().len(), 4);
        assert_ne!(first[0], ids(&HAND_MADE.replace("LANTERN,8", "LANTERN,9"))[0]);
    }

    #[test]
    fn the_sample_has_one_order_of_each_size_that_matters() {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../events/invoices/online-retail-sample.csv.gz");
        let mut sizes = Vec::new();
        for record in import_file(&file, None).iter().filter(|record| record.kind == Kind::Order) {
            assert!(record.data.len() < 1_000_000, "{}", record.partition_key);
            let envelope: serde_json::Value = serde_json::from_slice(&record.data).unwrap();
            let lines = envelope["data"]["lines"].as_array().unwrap().len();
            sizes.push((lines, envelope["data"].to_string().len()));
        }
        let of = |predicate: &dyn Fn(&(usize, usize)) -> bool| {
            sizes.iter().filter(|size| predicate(size)).count()
        };
        assert_eq!(of(&|(lines, _)| *lines == 1_200), 1);
        assert_eq!(of(&|(_, bytes)| (256 * 1024..400_000).contains(bytes)), 1);
        assert_eq!(of(&|(_, bytes)| *bytes > 400 * 1024), 1);
    }

    /// `TIDEGATE_RETAIL` is the path of the "Online Retail" data set of UCI, as `shop import
    /// online-retail` takes it.
    #[test]
    fn the_first_2_000_invoices_of_the_real_file_are_what_they_are() {
        let Some(file) = std::env::var_os("TIDEGATE_RETAIL") else {
            println!("skipped: TIDEGATE_RETAIL does not name UCI's online-retail.csv.gz");
            return;
        };
        let sent = import_file(Path::new(&file), Some(2000));
        assert_eq!(sent.len(), 2000);
        let lines: usize = sent
            .iter()
            .map(|record| {
                serde_json::from_slice::<serde_json::Value>(&record.data).unwrap()["data"]["lines"]
                    .as_array()
                    .unwrap()
                    .len()
            })
            .sum();
        assert_eq!(lines, 41_621);
    }
}
