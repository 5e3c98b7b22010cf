//! What the read models must hold: a fold over the lines of the file.

use std::collections::{BTreeMap, BTreeSet};

use events::view::Dimension;
use jiff::tz::TimeZone;

use crate::documents::{Document, Documents};
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

impl Expected {
    /// Folds what a file says.
    pub(super) fn from_documents(documents: &Documents) -> Self {
        let unreadable = documents.unreadable.len();
        let mut expected = Self {
            unreadable_lines: u64::try_from(unreadable).unwrap_or(u64::MAX),
            ..Self::default()
        };
        for (number, document) in &documents.by_number {
            expected.settle(number, document);
        }
        expected
    }

    fn settle(&mut self, number: &str, document: &Document) {
        let kind = if document.is_return { "return" } else { "order" };
        let stream = format!("{kind}#{number}");
        let lines = i128::try_from(document.lines.len()).unwrap_or(i128::MAX);
        let Some((units, value)) = document.accepted() else {
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::input::{COLUMNS, Lines};

    fn expected(content: &str, limit: Option<usize>) -> Expected {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "{}\n{content}", COLUMNS.join(",")).unwrap();
        let mut lines = Lines::open(file.path()).unwrap();
        Expected::from_documents(&Documents::from_lines(&mut lines, limit).unwrap())
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
4,,lamp,1,2010-12-02T00:20:00Z,1.00,7,France
3,A,lamp,1,2010-12-02T00:20:00Z,1.00,7,
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
        assert_eq!(expected.unreadable_lines, 4);
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
}
