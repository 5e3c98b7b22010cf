//! Compares what the read models hold with what the file says.

use std::collections::{BTreeMap, BTreeSet};

use events::view::Dimension;
use serde::Serialize;
use terminal::counted::counted;
use terminal::escape::escaped;

use super::fold::{Expected, ExpectedOrder};
use crate::amount::{count, money};
use crate::read_model::{OrderRow, Sales, Totals};

/// Most differences that are shown per read model.
const SHOWN: usize = 20;

/// The comparison of all read models.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) equal: bool,
    read_models: Vec<ReadModel>,
    /// Lines of the input that must become dead letters.
    unreadable_lines: u64,
}

/// The comparison of one read model.
#[derive(Debug, Serialize)]
struct ReadModel {
    name: String,
    equal: bool,
    /// Number of compared rows.
    rows: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    statuses: BTreeMap<&'static str, usize>,
    differences: usize,
    /// The first differences.
    shown: Vec<Difference>,
}

/// One wrong value.
#[derive(Debug, Serialize)]
struct Difference {
    row: String,
    field: &'static str,
    expected: String,
    found: String,
}

impl Comparison {
    pub(super) fn new(
        expected: &Expected,
        sales: &Sales,
        orders: &BTreeMap<String, OrderRow>,
    ) -> Self {
        let mut read_models = vec![compare_orders(expected, orders)];
        read_models
            .extend(Dimension::ALL.map(|dimension| compare_sales(expected, sales, dimension)));
        let mut foreign = ReadModel::new("sales, other rows".to_owned());
        for row in &sales.foreign {
            foreign.differ(row, "row", "none", "a row of no dimension");
        }
        for (row, reason) in &sales.aside {
            foreign.differ(row, "row", "counted", format!("amounts are set aside: {reason}"));
        }
        if !foreign.equal {
            read_models.push(foreign);
        }
        Self {
            equal: read_models.iter().all(|read_model| read_model.equal),
            read_models,
            unreadable_lines: expected.unreadable_lines,
        }
    }

    /// Text for the terminal.
    pub(crate) fn text(&self) -> String {
        let mut lines = Vec::new();
        for read_model in &self.read_models {
            lines.push(read_model.headline());
            for difference in &read_model.shown {
                let Difference { row, field, expected, found } = difference;
                let line = format!("{row}  {field}: expected {expected}, found {found}");
                lines.push(format!("    {}", escaped(&line)));
            }
            if read_model.differences > read_model.shown.len() {
                lines.push(format!(
                    "    … and {} more",
                    read_model.differences - read_model.shown.len()
                ));
            }
        }
        lines.push(match self.equal {
            true => "every read model is equal to the input".to_owned(),
            false => "the read models differ from the input".to_owned(),
        });
        lines.join("\n")
    }
}

impl ReadModel {
    fn new(name: String) -> Self {
        Self {
            name,
            equal: true,
            rows: 0,
            totals: None,
            statuses: BTreeMap::new(),
            differences: 0,
            shown: Vec::new(),
        }
    }

    fn differ(
        &mut self,
        row: &str,
        field: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) {
        self.equal = false;
        self.differences += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(Difference {
                row: row.to_owned(),
                field,
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
    }

    fn headline(&self) -> String {
        let verdict = match self.equal {
            true => "equal".to_owned(),
            false => counted(count(self.differences as u64), "difference", "differences"),
        };
        let mut text =
            format!("{:<18} {verdict:<6} {:>7} rows", self.name, count(self.rows as u64));
        if let Some(totals) = &self.totals {
            text.push_str(&format!(
                "  {} units {}, returned {} units {}",
                count(totals.units),
                money(totals.revenue),
                count(totals.returned_units),
                money(totals.refunded)
            ));
        }
        let statuses: Vec<String> = self
            .statuses
            .iter()
            .map(|(status, number)| format!("{} {status}", count(*number as u64)))
            .collect();
        if !statuses.is_empty() {
            text.push_str("  ");
            text.push_str(&statuses.join(", "));
        }
        text
    }
}

fn compare_orders(expected: &Expected, found: &BTreeMap<String, OrderRow>) -> ReadModel {
    let mut read_model = ReadModel::new("order-view".to_owned());
    let streams: BTreeSet<&String> = expected.orders.keys().chain(found.keys()).collect();
    read_model.rows = streams.len();
    for stream in streams {
        match (expected.orders.get(stream), found.get(stream)) {
            (Some(expected), Some(found)) => {
                compare_order(&mut read_model, stream, expected, found)
            }
            (Some(expected), None) => {
                read_model.differ(stream, "status", expected.status, "no row")
            }
            (None, Some(found)) => read_model.differ(stream, "status", "no row", &found.status),
            (None, None) => {}
        }
    }
    for order in expected.orders.values() {
        *read_model.statuses.entry(order.status).or_default() += 1;
    }
    read_model
}

fn compare_order(
    read_model: &mut ReadModel,
    stream: &str,
    expected: &ExpectedOrder,
    found: &OrderRow,
) {
    if expected.status != found.status {
        read_model.differ(stream, "status", expected.status, &found.status);
        return;
    }
    let Some((units, total)) = expected.totals else { return };
    let numbers = [
        ("lines", expected.lines, found.lines),
        ("units", units, found.units),
        ("total", total, found.total),
    ];
    for (field, expected, found) in numbers {
        if Some(expected) != found {
            let found = found.map_or_else(|| "nothing".to_owned(), |found| found.to_string());
            read_model.differ(stream, field, expected, found);
        }
    }
}

fn compare_sales(expected: &Expected, found: &Sales, dimension: Dimension) -> ReadModel {
    let mut read_model = ReadModel::new(format!("sales by {dimension}"));
    let keys: BTreeSet<_> = expected
        .sales
        .keys()
        .chain(found.totals.keys())
        .filter(|(of, _)| *of == dimension)
        .collect();
    read_model.rows = keys.len();
    let mut sum = Totals::default();
    for key in keys {
        let (expected, found) = (expected.sales.get(key), found.totals.get(key));
        if let Some(expected) = expected {
            sum.add(expected);
        }
        match (expected, found) {
            (Some(expected), Some(found)) => {
                compare_totals(&mut read_model, &key.1, expected, found)
            }
            (Some(_), None) => read_model.differ(&key.1, "row", "a row", "none"),
            (None, Some(_)) => read_model.differ(&key.1, "row", "none", "a row"),
            (None, None) => {}
        }
    }
    read_model.totals = Some(sum);
    read_model
}

fn compare_totals(read_model: &mut ReadModel, key: &str, expected: &Totals, found: &Totals) {
    for (field, expected, found) in [
        ("orders", expected.orders, found.orders),
        ("units", expected.units, found.units),
        ("revenue", expected.revenue, found.revenue),
        ("returns", expected.returns, found.returns),
        ("returned_units", expected.returned_units, found.returned_units),
        ("refunded", expected.refunded, found.refunded),
    ] {
        if expected != found {
            read_model.differ(key, field, expected, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected() -> Expected {
        let mut expected = Expected::default();
        let placed = ExpectedOrder { status: "placed", lines: 1, totals: Some((3, 300)) };
        expected.orders.insert("order#1".to_owned(), placed);
        let totals = Totals { orders: 1, units: 3, revenue: 300, ..Totals::default() };
        expected.sales.insert((Dimension::Day, "2010-12-01".to_owned()), totals);
        expected
    }

    fn found() -> (Sales, BTreeMap<String, OrderRow>) {
        let row = OrderRow {
            stream: "order#1".to_owned(),
            status: "placed".to_owned(),
            lines: Some(1),
            units: Some(3),
            total: Some(300),
            ..OrderRow::default()
        };
        let sales = Sales { totals: expected().sales, ..Sales::default() };
        (sales, BTreeMap::from([(row.stream.clone(), row)]))
    }

    #[test]
    fn what_is_equal_is_said_with_its_totals() {
        let (sales, orders) = found();
        let comparison = Comparison::new(&expected(), &sales, &orders);
        assert!(comparison.equal, "{comparison:?}");
        assert!(comparison.text().contains("sales by day       equal"), "{}", comparison.text());
        assert!(comparison.text().contains("3 units 3.00"), "{}", comparison.text());
    }

    #[test]
    fn a_row_from_outside_moves_no_cursor_and_makes_no_further_line() {
        let (sales, mut orders) = found();
        let row =
            OrderRow { status: "\x1b[2J\u{202e}sent\nequal".to_owned(), ..OrderRow::default() };
        orders.insert("order#\x1b[1m\n2".to_owned(), row);
        let text = Comparison::new(&expected(), &sales, &orders).text();
        assert!(
            text.contains(
                r"order#\u{1b}[1m\n2  status: expected no row, found \u{1b}[2J\u{202e}sent\nequal"
            ),
            "{text}"
        );
        assert!(!text.contains(['\x1b', '\u{202e}']), "{text:?}");
    }

    #[test]
    fn every_kind_of_difference_is_found() {
        type Change = fn(&mut Sales, &mut BTreeMap<String, OrderRow>);
        let changes: [(Change, &str); 7] = [
            (
                |sales, _| sales.totals.values_mut().for_each(|totals| totals.revenue += 1),
                "revenue: expected 300, found 301",
            ),
            (|sales, _| sales.totals.clear(), "row: expected a row, found none"),
            (
                |sales, _| {
                    sales.totals.insert((Dimension::Product, "X".to_owned()), Totals::default());
                },
                "X  row: expected none, found a row",
            ),
            (|sales, _| sales.foreign.push("?".to_owned()), "a row of no dimension"),
            (
                |sales, _| sales.aside.push(("day#1".to_owned(), "a text".to_owned())),
                "amounts are set aside: a text",
            ),
            (|_, orders| orders.clear(), "expected placed, found no row"),
            (
                |_, orders| orders.values_mut().for_each(|row| row.total = Some(299)),
                "order#1  total: expected 300, found 299",
            ),
        ];
        for (change, part) in changes {
            let (mut sales, mut orders) = found();
            change(&mut sales, &mut orders);
            let comparison = Comparison::new(&expected(), &sales, &orders);
            assert!(
                !comparison.equal && comparison.text().contains(part),
                "{part}: {}",
                comparison.text()
            );
        }
    }
}
