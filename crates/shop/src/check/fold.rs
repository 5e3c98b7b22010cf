//! What the read models must hold: a fold over the lines of the file.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use events::view::Dimension;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use terminal::problem::Problem;

use crate::input::{Lines, Row, date};
use crate::read_model::{SalesByKey, Totals};

/// The expected content of the read models.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// Orders and returns by stream.
    pub(super) orders: BTreeMap<String, ExpectedOrder>,
    pub(super) sales: SalesByKey,
    /// Lines that must become dead letters.
    pub(super) unreadable_lines: u64,
}

/// The expected row of one order or return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExpectedOrder {
    pub(super) status: &'static str,
    pub(super) lines: i128,
    /// Units and value; a rejected order or return has none.
    pub(super) totals: Option<(i128, i128)>,
}

/// The lines of one invoice number while the file is read.
struct Document {
    is_return: bool,
    customer: String,
    country: String,
    earliest: Timestamp,
    lines: Vec<Sold>,
}

struct Sold {
    product: String,
    /// Returned lines, if it is a return.
    quantity: i128,
    pence: i128,
}

impl Expected {
    /// Reads the first `limit` invoices of a file, or all.
    ///
    /// # Errors
    /// The file cannot be read to its end.
    pub(super) fn from_lines(lines: &mut Lines, limit: Option<usize>) -> Result<Self, Problem> {
        let mut expected = Self::default();
        let mut documents: HashMap<String, Document> = HashMap::new();
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
                Some((row, read)) => read.join(row, &mut documents),
                None => expected.unreadable_lines += 1,
            }
        }
        for (number, document) in documents {
            expected.settle(&number, document);
        }
        Ok(expected)
    }

    fn settle(&mut self, number: &str, document: Document) {
        let kind = if document.is_return { "return" } else { "order" };
        let stream = format!("{kind}#{number}");
        let lines = i128::try_from(document.lines.len()).unwrap_or(i128::MAX);
        let Some((units, value)) = accepted(&document.lines) else {
            self.orders.insert(stream, ExpectedOrder { status: "rejected", lines, totals: None });
            return;
        };
        let status = if document.is_return { "recorded" } else { "placed" };
        self.orders.insert(stream, ExpectedOrder { status, lines, totals: Some((units, value)) });

        let day = document.earliest.to_zoned(TimeZone::UTC).date().to_string();
        let mut add = |dimension, key: &str, documents, units, value| {
            let totals = if document.is_return {
                Totals {
                    returns: documents,
                    returned_units: units,
                    refunded: value,
                    ..Totals::default()
                }
            } else {
                Totals { orders: documents, units, revenue: value, ..Totals::default() }
            };
            self.sales.entry((dimension, key.to_owned())).or_default().add(&totals);
        };
        add(Dimension::Day, &day, 1, units, value);
        add(Dimension::Country, &document.country, 1, units, value);
        if !document.customer.is_empty() {
            add(Dimension::Customer, &document.customer, 1, units, value);
        }
        let products: BTreeSet<&str> =
            document.lines.iter().map(|line| line.product.as_str()).collect();
        for product in products {
            add(Dimension::Product, product, 1, 0, 0);
        }
        for line in &document.lines {
            add(Dimension::Product, &line.product, 0, line.quantity, line.quantity * line.pence);
        }
    }
}

/// Returns units and value. `None` if a line has no units or a negative price, or an amount is too
/// large.
fn accepted(lines: &[Sold]) -> Option<(i128, i128)> {
    let (mut units, mut value) = (0, 0);
    for line in lines {
        if line.quantity < 1 || line.pence < 0 {
            return None;
        }
        units += line.quantity;
        value += line.quantity * line.pence;
    }
    let most = i128::from(i64::MAX);
    (units <= most && value <= most).then_some((units, value))
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
    use std::io::Write;

    use super::*;
    use crate::input::COLUMNS;

    fn expected(content: &str, limit: Option<usize>) -> Expected {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "{}\n{content}", COLUMNS.join(",")).unwrap();
        Expected::from_lines(&mut Lines::open(file.path()).unwrap(), limit).unwrap()
    }

    fn totals(expected: &Expected, dimension: Dimension, key: &str) -> [i128; 6] {
        let totals = expected.sales.get(&(dimension, key.to_owned())).copied().unwrap_or_default();
        [
            totals.orders,
            totals.units,
            totals.revenue,
            totals.returns,
            totals.returned_units,
            totals.refunded,
        ]
    }

    const FILE: &str = "\
1,A,lamp,2,2010-12-02T00:10:00Z,1.005,7,France
2,A,lamp,0,2010-12-01T10:00:00Z,1.00,7,France
1,B,rug,1,2010-12-01T23:50:00Z,0,7,France
1,A,lamp,3,2010-12-02T00:20:00Z,1.00,7,France
C1,A,lamp,-1,2010-12-03T10:00:00Z,1.00,,France
C2,A,lamp,1,2010-12-03T10:00:00Z,1.00,,France
A1,A,lamp,1,2010-12-03T10:00:00Z,1.00,,France
1,A,lamp,much,2010-12-02T00:20:00Z,1.00,7,France
";

    #[test]
    fn orders_and_returns_are_settled_by_the_rules() {
        let expected = expected(FILE, None);
        let statuses: Vec<_> =
            expected.orders.iter().map(|(stream, order)| (stream.as_str(), order.status)).collect();
        assert_eq!(
            statuses,
            [
                ("order#1", "placed"),
                ("order#2", "rejected"),
                ("return#C1", "recorded"),
                ("return#C2", "rejected")
            ]
        );
        assert_eq!(expected.unreadable_lines, 2);
        assert_eq!(totals(&expected, Dimension::Day, "2010-12-01"), [1, 6, 502, 0, 0, 0]);
        assert_eq!(totals(&expected, Dimension::Day, "2010-12-02"), [0; 6]);
        assert_eq!(totals(&expected, Dimension::Product, "A"), [1, 5, 502, 1, 1, 100]);
        assert_eq!(totals(&expected, Dimension::Product, "B"), [1, 1, 0, 0, 0, 0]);
        assert_eq!(totals(&expected, Dimension::Country, "France"), [1, 6, 502, 1, 1, 100]);
        assert_eq!(totals(&expected, Dimension::Customer, "7"), [1, 6, 502, 0, 0, 0]);
        assert_eq!(
            expected
                .sales
                .keys()
                .filter(|(dimension, _)| *dimension == Dimension::Customer)
                .count(),
            1
        );
    }

    #[test]
    fn the_limit_counts_numbers_in_the_order_of_their_first_line() {
        let expected = expected(FILE, Some(1));
        assert_eq!(expected.orders.len(), 1);
        assert_eq!(expected.unreadable_lines, 1);
        assert_eq!(totals(&expected, Dimension::Product, "A"), [1, 5, 502, 0, 0, 0]);
    }

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
