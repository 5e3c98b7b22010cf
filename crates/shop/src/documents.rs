//! The invoices of a file as it says them, for folds that share no code with the functions.
//!
//! With the importer it shares how a line is split into columns and how its date is read.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use terminal::problem::Problem;

use crate::input::{Lines, Row, date};

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    /// Orders and returns by their number.
    pub(crate) by_number: HashMap<String, Document>,
    /// Lines that must become dead letters.
    pub(crate) unreadable: Vec<Vec<u8>>,
}

/// The lines of one invoice number.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) is_return: bool,
    pub(crate) customer: String,
    pub(crate) country: String,
    pub(crate) earliest: Timestamp,
    pub(crate) lines: Vec<Sold>,
}

/// One line of an invoice.
#[derive(Debug)]
pub(crate) struct Sold {
    pub(crate) product: String,
    /// Returned units, if it is a return.
    pub(crate) quantity: i128,
    pub(crate) pence: i128,
}

impl Documents {
    /// Reads the first `limit` invoices of a file, or all.
    ///
    /// # Errors
    /// The file cannot be read to its end.
    pub(crate) fn from_lines(lines: &mut Lines, limit: Option<usize>) -> Result<Self, Problem> {
        let mut documents = Self::default();
        let mut numbers: HashSet<String> = HashSet::new();
        let mut room = limit.unwrap_or(usize::MAX);
        while let Some(line) = lines.next_line()? {
            let row = Row::split(line);
            let number =
                row.as_ref().map(|row| row.invoice.as_ref()).filter(|number| !number.is_empty());
            let known = number.is_some_and(|number| numbers.contains(number));
            if !known {
                if room == 0 {
                    continue;
                }
                room -= 1;
                numbers.extend(number.map(str::to_owned));
            }
            let read = row
                .as_ref()
                .filter(|_| number.is_some())
                .and_then(|row| read_line(row).map(|read| (row, read)));
            match read {
                Some((row, read)) => read.join(row, &mut documents.by_number),
                None => documents.unreadable.push(line.to_vec()),
            }
        }
        Ok(documents)
    }
}

impl Document {
    /// Returns units and value. `None` if the shop rejects it: a line has no units or a negative
    /// price, or an amount is too large.
    pub(crate) fn accepted(&self) -> Option<(i128, i128)> {
        let (mut units, mut value) = (0, 0);
        for line in &self.lines {
            if line.quantity < 1 || line.pence < 0 {
                return None;
            }
            units += line.quantity;
            value += line.quantity * line.pence;
        }
        let most = i128::from(i64::MAX);
        (units <= most && value <= most).then_some((units, value))
    }
}

/// A line of an order or a return.
struct Read {
    is_return: bool,
    at: Timestamp,
    sold: Sold,
}

impl Read {
    fn join(self, row: &Row<'_>, documents: &mut HashMap<String, Document>) {
        let document = documents.entry(row.invoice.to_string()).or_insert_with(|| Document {
            is_return: self.is_return,
            customer: String::new(),
            country: row.country.to_string(),
            earliest: self.at,
            lines: Vec::new(),
        });
        if document.customer.is_empty() {
            document.customer = row.customer.to_string();
        }
        if self.at < document.earliest {
            document.earliest = self.at;
        }
        document.lines.push(self.sold);
    }
}

fn read_line(row: &Row<'_>) -> Option<Read> {
    let is_return = row.invoice.starts_with('C');
    let is_order = row.invoice.chars().all(|character| character.is_ascii_digit());
    if !(is_return || is_order) || row.invoice.len() > 200 {
        return None;
    }
    // Texts that are parts of keys.
    let missing = row.stock_code.is_empty() || row.country.is_empty();
    let longest =
        [&row.stock_code, &row.country, &row.customer].map(|text| text.len()).into_iter().max();
    if missing || longest > Some(1_000) {
        return None;
    }
    let written = i128::from(row.quantity.parse::<i64>().ok()?);
    let quantity = if is_return { -written } else { written };
    if quantity > i128::from(i64::MAX) || quantity < -i128::from(i64::MAX) {
        return None;
    }
    let sold =
        Sold { product: row.stock_code.to_string(), quantity, pence: whole_pence(&row.price)? };
    Some(Read { is_return, at: date::parse(&row.date)?, sold })
}

/// Converts pounds to pence: the digits as one integer, divided by its scale, rounded half away
/// from zero.
fn whole_pence(price: &str) -> Option<i128> {
    let unsigned = price.trim_start_matches('-');
    let sign = match price.len() - unsigned.len() {
        0 => 1,
        1 => -1,
        _ => return None,
    };
    let mut mantissa = 0_i128;
    let mut scale = 1_i128;
    let mut behind_point = false;
    for (index, character) in unsigned.chars().enumerate() {
        match character {
            '0'..='9' => {
                // Digits from the 12th decimal on cannot change the rounding of a half: cutting
                // them only removes a positive rest.
                if behind_point && scale >= 1_000_000_000_000 {
                    continue;
                }
                mantissa =
                    mantissa.checked_mul(10)?.checked_add(i128::from(character.to_digit(10)?))?;
                if behind_point {
                    scale *= 10;
                }
            }
            '.' if !behind_point && index > 0 => behind_point = true,
            _ => return None,
        }
    }
    if unsigned.is_empty() {
        return None;
    }
    let pence = (mantissa.checked_mul(200)?.checked_add(scale)?) / (2 * scale);
    (pence <= i128::from(i64::MAX)).then_some(sign * pence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_rounded_half_away_from_zero() {
        for (price, pence) in
            [("1.005", 101), ("-1.005", -101), ("0.0049999999999999", 0), ("3", 300), ("3.", 300)]
        {
            assert_eq!(whole_pence(price), Some(pence), "{price}");
        }
        for price in ["", "-", ".5", "1.1.1", "--1", "1e2", "92233720368547758.08"] {
            assert_eq!(whole_pence(price), None, "{price}");
        }
    }
}
