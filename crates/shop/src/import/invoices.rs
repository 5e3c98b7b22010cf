//! Gathers the lines of a file into invoices.

use std::collections::HashMap;
use std::path::Path;

use events::limits::key_text_defect;
use jiff::Timestamp;
use terminal::problem::Problem;

use super::pence;
use crate::amount::count;
use crate::input::{Lines, Row, date};

/// Longest invoice number in bytes, because Kinesis allows 256 characters in a partition key.
///
/// A longer number is not that of an order or a return.
const NUMBER_BYTES: usize = 200;

/// The invoices of a file, in the order of their first lines.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) slots: Vec<Slot>,
}

impl Gathered {
    /// Returns the invoices without the first `skipped`.
    pub(super) fn behind(mut self, skipped: usize) -> Self {
        self.slots.drain(..skipped.min(self.slots.len()));
        self
    }

    /// Number of records for these invoices.
    pub(super) fn records(&self) -> u64 {
        self.slots
            .iter()
            .map(|slot| u64::from(slot.invoice.is_some()) + slot.raw.len() as u64)
            .sum()
    }
}

/// One invoice, or one line without a readable number.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Content of the command. `None` if no line is readable.
    pub(super) invoice: Option<Invoice>,
    /// Number of the invoice, if it can be read.
    pub(super) number: Option<String>,
    /// Lines that are sent to the stream unchanged.
    pub(super) raw: Vec<Vec<u8>>,
}

/// Content of an invoice, from all of its lines.
#[derive(Debug)]
pub(super) struct Invoice {
    pub(super) kind: InvoiceKind,
    /// The first customer that a line names.
    pub(super) customer: Option<String>,
    /// Country of the first line.
    pub(super) country: String,
    /// Time of the earliest line.
    pub(super) at: Timestamp,
    pub(super) lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InvoiceKind {
    Order,
    Return,
}

impl InvoiceKind {
    fn from_number(number: &str) -> Option<Self> {
        if number.len() > NUMBER_BYTES {
            None
        } else if number.bytes().all(|byte| byte.is_ascii_digit()) {
            Some(Self::Order)
        } else {
            number.starts_with('C').then_some(Self::Return)
        }
    }
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) stock_code: String,
    pub(super) description: String,
    /// Quantity as written. For a return, the command has the negated value.
    pub(super) quantity: i64,
    /// In pence.
    pub(super) unit_price: i64,
}

/// Collects the first `limit` invoices, or all.
///
/// The lines of one invoice need not be adjacent, so it reads the file to its end.
///
/// # Errors
/// Fails if the file cannot be read to its end, or if no line is one of an order or a return. Such
/// a file has another format, and its lines would only become dead letters.
pub(super) fn gather(lines: &mut Lines, limit: Option<usize>) -> Result<Gathered, Problem> {
    let limit = limit.unwrap_or(usize::MAX);
    let mut slots: Vec<Slot> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut unreadable = Unreadable::default();
    while let Some(line) = lines.next_line()? {
        let row = Row::split(line).filter(|row| !row.invoice.is_empty());
        let place = match &row {
            Some(row) => match places.get(row.invoice.as_ref()) {
                Some(place) => *place,
                None if slots.len() >= limit => continue,
                None => {
                    places.insert(row.invoice.to_string(), slots.len());
                    slots.push(Slot { number: Some(row.invoice.to_string()), ..Slot::default() });
                    slots.len() - 1
                }
            },
            None if slots.len() >= limit => continue,
            None => {
                slots.push(Slot::default());
                slots.len() - 1
            }
        };
        let Some(slot) = slots.get_mut(place) else { continue };
        match row.as_ref().ok_or_else(no_row).and_then(Parsed::parse) {
            Ok(parsed) => parsed.add_to(slot),
            Err(why) => {
                unreadable.note(line, why);
                slot.raw.push(line.to_owned());
            }
        }
    }
    if slots.iter().any(|slot| slot.invoice.is_some()) || limit == 0 {
        return Ok(Gathered { slots });
    }
    Err(unreadable.problem(lines.path()))
}

/// The lines that are not of an order or a return.
#[derive(Default)]
struct Unreadable {
    lines: u64,
    /// The first such line, and what is wrong with it.
    first: Option<(String, String)>,
}

impl Unreadable {
    fn note(&mut self, line: &[u8], why: String) {
        self.lines += 1;
        self.first.get_or_insert_with(|| (excerpt(&String::from_utf8_lossy(line)), why));
    }

    fn problem(self, path: &Path) -> Problem {
        let path = path.display();
        Problem::new(match self.first {
            None => format!("{path} has no line after its header"),
            Some((line, why)) => format!(
                "{path} has no readable line, so nothing was sent: of {} lines, the first is `{line}`, and {why}",
                count(self.lines)
            ),
        })
    }
}

/// Returns the first characters of text from outside, escaped for a terminal.
fn excerpt(text: &str) -> String {
    const CHARACTERS: usize = 80;
    let mut shown: String = text.chars().take(CHARACTERS).flat_map(char::escape_debug).collect();
    if text.chars().nth(CHARACTERS).is_some() {
        shown.push('…');
    }
    shown
}

fn no_row() -> String {
    "it does not have eight columns with an invoice number".to_owned()
}

/// A row in which every column is readable.
struct Parsed<'a> {
    kind: InvoiceKind,
    at: Timestamp,
    row: &'a Row<'a>,
    line: Line,
}

impl<'a> Parsed<'a> {
    /// Reads every column.
    ///
    /// # Errors
    /// What is wrong with the first column that cannot be read.
    fn parse(row: &'a Row<'a>) -> Result<Self, String> {
        let wrong = |column: &str, text: &str, wanted: &str| {
            format!("its {column} `{}` is not {wanted}", excerpt(text))
        };
        let kind = InvoiceKind::from_number(&row.invoice).ok_or_else(|| {
            wrong("InvoiceNo", &row.invoice, "digits, or a `C` with more behind it")
        })?;
        // The shop refuses an order or a return with such a text as a whole.
        let customer = Some(("CustomerID", &row.customer)).filter(|(_, text)| !text.is_empty());
        let keys = [("StockCode", &row.stock_code), ("Country", &row.country)];
        for (column, text) in keys.into_iter().chain(customer) {
            if let Some(defect) = key_text_defect(text) {
                return Err(format!("its {column} {defect}"));
            }
        }
        // A return negates the quantity, so the number without a negative counterpart is out of
        // range.
        let quantity = row.quantity.parse().ok().filter(|quantity| *quantity != i64::MIN);
        let unit_price = pence::parse(&row.price)
            .ok_or_else(|| wrong("UnitPrice", &row.price, "an amount of pounds"))?;
        let line = Line {
            stock_code: row.stock_code.to_string(),
            description: row.description.to_string(),
            quantity: quantity.ok_or_else(|| wrong("Quantity", &row.quantity, "a whole number"))?,
            unit_price,
        };
        let at =
            date::parse(&row.date).ok_or_else(|| wrong("InvoiceDate", &row.date, date::FORMS))?;
        Ok(Parsed { kind, at, row, line })
    }

    fn add_to(self, slot: &mut Slot) {
        let invoice = slot.invoice.get_or_insert_with(|| Invoice {
            kind: self.kind,
            customer: None,
            country: self.row.country.to_string(),
            at: self.at,
            lines: Vec::new(),
        });
        if invoice.customer.is_none() && !self.row.customer.is_empty() {
            invoice.customer = Some(self.row.customer.to_string());
        }
        invoice.at = invoice.at.min(self.at);
        invoice.lines.push(self.line);
    }
}
