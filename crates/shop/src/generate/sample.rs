//! The lines of a sample file.

use jiff::{Span, Timestamp};

use super::catalogue::{Product, catalogue};
use super::random::Random;
use crate::input::COLUMNS;

const COUNTRIES: [&str; 9] = [
    "Germany",
    "France",
    "EIRE",
    "Spain",
    "Netherlands",
    "Belgium",
    "Channel Islands",
    "USA",
    "Hong Kong",
];

/// First number of an order.
const FIRST_ORDER: u32 = 700_001;

/// Text that makes the descriptions of a large order long.
const LONG_TEXT: &str =
    "hand painted in the old manner, each piece a little different from the other, packed in straw";

/// A sample file as lines, header first.
pub(super) fn sample(seed: u64, orders: u32) -> Vec<String> {
    let mut random = Random::new(seed);
    let catalogue = catalogue(&mut random);
    let mut writer = Writer {
        random,
        catalogue,
        lines: vec![COLUMNS.join(",")],
        held: Vec::new(),
        at: opening(),
    };
    for index in 0..orders {
        let number = FIRST_ORDER + index;
        writer.order(number);
        // Large orders and malformed lines have fixed positions, so that every sample has all of
        // them.
        if index == orders / 4 {
            writer.large(&(FIRST_ORDER + orders).to_string(), 1_200, 0);
        } else if index == orders / 2 {
            writer.large(&(FIRST_ORDER + orders + 1).to_string(), 300, 10);
        } else if index == orders * 3 / 4 {
            writer.large(&(FIRST_ORDER + orders + 2).to_string(), 450, 11);
        }
        if index % 60 == 20 {
            writer.malformed(number, index / 60);
        }
    }
    writer.finish()
}

fn opening() -> Timestamp {
    Timestamp::constant(1_291_190_760, 0)
}

struct Invoice {
    number: String,
    customer: String,
    country: String,
    at: Timestamp,
}

struct Writer {
    random: Random,
    catalogue: Vec<Product>,
    lines: Vec<String>,
    /// Lines that follow after this many further invoices.
    held: Vec<(u64, String)>,
    at: Timestamp,
}

impl Writer {
    fn order(&mut self, number: u32) {
        let minutes = i64::try_from(3 + self.random.below(70)).unwrap_or(3);
        self.at = self.at.checked_add(Span::new().minutes(minutes)).unwrap_or(self.at);
        let invoice = self.invoice(number.to_string());
        let count = 1 + self.random.skewed(40);
        let whole = 3 + self.random.below(5);
        let defect = self.random.percent(4).then(|| self.random.below(4));
        let tail_later = self.random.percent(10);
        for index in 0..count {
            let quantity = i64::try_from(1 + self.random.skewed(24)).unwrap_or(1);
            let mut text = self.line(&invoice, quantity, index == whole);
            if index == count / 2 {
                text = self.defective(&invoice, defect).unwrap_or(text);
            }
            if tail_later && index * 2 > count {
                let distance = 1 + self.random.below(3);
                self.held.push((distance, text));
            } else {
                self.lines.push(text);
            }
        }
        if self.random.percent(3) {
            // Every line is out of range.
            let bad = self.invoice((number + 500_000).to_string());
            for quantity in [0, -3] {
                let text = self.line(&bad, quantity, false);
                self.lines.push(text);
            }
        }
        if self.random.percent(12) {
            self.returned(&invoice, number);
        }
        self.release();
    }

    /// Adds a line that makes the order invalid, or none.
    fn defective(&mut self, invoice: &Invoice, defect: Option<u64>) -> Option<String> {
        match defect? {
            0 => Some(self.line(invoice, 0, false)),
            1 => Some(self.line(invoice, -4, false)),
            _ => Some(fields(invoice, "ADJUST", "Adjust bad debt", "1", "-11.06")),
        }
    }

    fn returned(&mut self, invoice: &Invoice, number: u32) {
        let back = Invoice {
            number: format!("C{}", number + 100_000),
            customer: invoice.customer.clone(),
            country: invoice.country.clone(),
            at: self.at,
        };
        for _ in 0..=self.random.below(3) {
            // A positive quantity is not a returned one, so such a return is rejected.
            let sign = if self.random.percent(8) { 1 } else { -1 };
            let quantity = sign * i64::try_from(1 + self.random.skewed(6)).unwrap_or(1);
            let text = self.line(&back, quantity, false);
            self.lines.push(text);
        }
    }

    /// Writes an order with many lines, each with the long text several times in its description.
    fn large(&mut self, number: &str, lines: usize, texts: usize) {
        let invoice = self.invoice(number.to_owned());
        let text = vec![LONG_TEXT; texts].join("; ");
        for index in 0..lines {
            let product = self.catalogue.get(index * 7 % self.catalogue.len());
            let Some(Product { stock_code, description, price }) = product else { continue };
            let description = if text.is_empty() {
                description.clone()
            } else {
                format!("{description}: {text}")
            };
            let quantity = (1 + index % 5).to_string();
            let line = fields(&invoice, stock_code, &description, &quantity, price);
            self.lines.push(line);
        }
    }

    /// Writes lines that must become dead letters, a different set each time.
    fn malformed(&mut self, number: u32, turn: u32) {
        let mut invoice = self.invoice(number.to_string());
        let (quantity, price) = ("1", "1.25");
        let lines = match turn % 5 {
            // An unreadable line among the good lines of the previous order.
            0 => vec![fields(&invoice, "22423", "REGENCY CAKESTAND", "two", price)],
            1 => {
                invoice.number = format!("A{number}");
                vec![fields(&invoice, "B", "Adjust bad debt", quantity, "11062.06")]
            }
            2 => vec![format!("{number},22423,REGENCY CAKESTAND,1"), "???".to_owned()],
            3 => {
                invoice.number = format!("X-{number}");
                vec![
                    fields(&invoice, "22423", "REGENCY CAKESTAND", quantity, "a pound"),
                    format!(
                        "{number},22423,\"REGENCY CAKESTAND,1,2010-12-01T08:26:00Z,1.25,,France"
                    ),
                ]
            }
            _ => vec![
                format!(
                    ",22423,REGENCY CAKESTAND,1,2010-12-01T08:26:00Z,1.25,,{}",
                    invoice.country
                ),
                format!(
                    "{number},22423,REGENCY CAKESTAND,1,1.12.2010 8:26,1.25,,{}",
                    invoice.country
                ),
            ],
        };
        self.lines.extend(lines);
    }

    fn invoice(&mut self, number: String) -> Invoice {
        let customer = 12_346 + self.random.skewed(150) * 37;
        let abroad = customer % 10 == 3 || self.random.percent(5);
        let country =
            if abroad { self.random.pick(&COUNTRIES, "France") } else { "United Kingdom" };
        let guest = self.random.percent(22);
        Invoice {
            number,
            customer: if guest { String::new() } else { customer.to_string() },
            country: country.to_owned(),
            at: self.at,
        }
    }

    fn line(&mut self, invoice: &Invoice, quantity: i64, free: bool) -> String {
        let index = usize::try_from(self.random.skewed(self.catalogue.len() as u64)).unwrap_or(0);
        let later = i64::try_from(self.random.below(20) / 19).unwrap_or(0);
        let at = invoice.at.checked_add(Span::new().minutes(later)).unwrap_or(invoice.at);
        let Some(product) = self.catalogue.get(index) else { return String::new() };
        let price = if free { "0" } else { &product.price };
        let stamped = Invoice {
            at,
            number: invoice.number.clone(),
            customer: invoice.customer.clone(),
            country: invoice.country.clone(),
        };
        fields(&stamped, &product.stock_code, &product.description, &quantity.to_string(), price)
    }

    /// Counts one more invoice, and writes the lines that are due.
    fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        for (distance, line) in held {
            if distance == 0 {
                self.lines.push(line);
            } else {
                self.held.push((distance - 1, line));
            }
        }
    }

    fn finish(mut self) -> Vec<String> {
        self.lines.extend(self.held.into_iter().map(|(_, line)| line));
        self.lines
    }
}

fn fields(
    invoice: &Invoice,
    stock_code: &str,
    description: &str,
    quantity: &str,
    price: &str,
) -> String {
    let at = invoice.at.to_string();
    [
        &invoice.number,
        stock_code,
        description,
        quantity,
        &at,
        price,
        &invoice.customer,
        &invoice.country,
    ]
    .map(quoted)
    .join(",")
}

fn quoted(field: &str) -> String {
    if field.contains(['"', ',']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
