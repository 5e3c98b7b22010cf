//! `shop sales`: shows sums over the slices of the table of sales.

use std::collections::HashSet;
use std::process::ExitCode;

use comfy_table::Cell;
use events::view::Dimension;
use serde::Serialize;
use terminal::account::Intent;
use terminal::connection::Connection;
use terminal::output;
use terminal::problem::Problem;

use crate::amount::{count, money};
use crate::arguments;
use crate::read_model::{SalesByKey, Totals, read_sales};

/// Sums of one key.
#[derive(Debug, PartialEq, Serialize)]
struct KeySales {
    key: String,
    #[serde(flatten)]
    totals: Totals,
}

/// Shows sales by one dimension.
///
/// # Errors
/// When the table cannot be read.
pub(crate) async fn show(options: &arguments::Sales) -> Result<ExitCode, Problem> {
    let dimension: Dimension = options.by.parse().map_err(Problem::new)?;
    let connection = Connection::open(&options.endpoint, Intent::Read).await?;
    let sales = read_sales(&connection, &options.sales.table(&options.endpoint)).await?;
    let rows = of_dimension(sales.totals, dimension, options.top);
    if options.json {
        output::json(&rows)?;
    } else {
        output::line(&table(&rows, dimension))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the keys of a dimension, sorted.
///
/// With `top`, it returns only that many keys: those with the most revenue after refunds, equal
/// ones by key.
fn of_dimension(totals: SalesByKey, dimension: Dimension, top: Option<usize>) -> Vec<KeySales> {
    let mut rows: Vec<KeySales> = totals
        .into_iter()
        .filter(|((of, _), _)| *of == dimension)
        .map(|((_, key), totals)| KeySales { key, totals })
        .collect();
    if let Some(top) = top {
        let mut ranked: Vec<(i128, String)> = rows
            .iter()
            .map(|row| (row.totals.refunded - row.totals.revenue, row.key.clone()))
            .collect();
        ranked.sort();
        let kept: HashSet<String> = ranked.into_iter().take(top).map(|(_, key)| key).collect();
        rows.retain(|row| kept.contains(&row.key));
    }
    rows
}

fn table(rows: &[KeySales], dimension: Dimension) -> String {
    let mut table = terminal::table::table([
        dimension.as_str(),
        "orders",
        "units",
        "revenue",
        "returns",
        "units",
        "refunded",
    ]);
    let mut sum = Totals::default();
    for row in rows {
        sum.add(&row.totals);
        table.add_row(cells(&row.key, &row.totals));
    }
    // An order has many products, so their counts do not add up to a number of orders.
    if rows.len() > 1 && dimension != Dimension::Product {
        table.add_row(cells("sum", &sum));
    }
    table.trim_fmt()
}

fn cells(key: &str, totals: &Totals) -> Vec<Cell> {
    let numbers = [
        count(totals.orders),
        count(totals.units),
        money(totals.revenue),
        count(totals.returns),
        count(totals.returned_units),
        money(totals.refunded),
    ];
    std::iter::once(terminal::table::cell(key))
        .chain(numbers.into_iter().map(terminal::table::right))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_sales() -> SalesByKey {
        let row = |revenue, refunded| Totals {
            orders: 1,
            units: 2,
            revenue,
            refunded,
            ..Totals::default()
        };
        [("c", row(500, 450)), ("b", row(100, 0)), ("a", row(100, 0)), ("d", row(90, 0))]
            .into_iter()
            .map(|(key, totals)| ((Dimension::Product, key.to_owned()), totals))
            .chain([((Dimension::Day, "2010-12-01".to_owned()), row(1, 0))])
            .collect()
    }

    #[test]
    fn rows_are_sorted_by_key_and_have_the_agreed_fields() {
        let rows = of_dimension(some_sales(), Dimension::Day, None);
        assert_eq!(
            serde_json::to_string(&rows).unwrap(),
            r#"[{"key":"2010-12-01","orders":1,"units":2,"revenue":1,"returns":0,"returned_units":0,"refunded":0}]"#
        );
        let keys: Vec<_> = of_dimension(some_sales(), Dimension::Product, None)
            .into_iter()
            .map(|row| row.key)
            .collect();
        assert_eq!(keys, ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_key_from_outside_moves_no_cursor_and_makes_no_further_row() {
        let rows =
            [KeySales { key: "\x1b[2J\u{202e}UK\nFrance".to_owned(), totals: Totals::default() }];
        let shown = table(&rows, Dimension::Country);
        assert!(shown.contains(r"\u{1b}[2J\u{202e}UK\nFrance"), "{shown}");
    }

    #[test]
    fn the_top_is_by_revenue_after_refunds_and_stays_sorted_by_key() {
        let top = |n| -> Vec<String> {
            of_dimension(some_sales(), Dimension::Product, Some(n))
                .into_iter()
                .map(|row| row.key)
                .collect()
        };
        assert_eq!(top(3), ["a", "b", "d"]);
        assert_eq!(top(1), ["a"]);
        assert_eq!(top(0), [""; 0]);
        assert_eq!(top(99).len(), 4);
    }

    #[test]
    fn a_table_fits_80_columns_and_sums_what_can_be_summed() {
        let rows: Vec<KeySales> = (0..3)
            .map(|n| KeySales {
                key: format!("United Kingdom {n}"),
                totals: Totals {
                    orders: 22_064,
                    units: 5_176_450,
                    revenue: 1_064_456_022,
                    ..Totals::default()
                },
            })
            .collect();
        let shown = table(&rows, Dimension::Country);
        assert!(shown.contains("31,933,680.66"), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        assert!(!table(&rows, Dimension::Product).contains("sum"));
    }
}
