//! Units by product: what the lines of a message add up to.

use std::collections::BTreeMap;

use events::{ReservationLine, StockLine};
use tidegate::failure::Failure;

use crate::stock::line;

/// Units by product, in the order of the codes. No product has zero units.
pub(crate) type Products = BTreeMap<String, i64>;

/// Largest number of units and largest value of a line, and of all lines together. Sums of
/// thousands of orders stay within an `i64`.
const LARGEST: i64 = 1_000_000_000_000_000;

/// Longest stock code in bytes: that of a key in DynamoDB.
const LONGEST: usize = 2048;

/// Adds up lines, each with a product and units.
///
/// # Errors
/// `invalid_lines` (permanent): there are no lines, a code is not the key of a row, or units are
/// not above zero and in range.
pub(crate) fn sum<'a>(
    lines: impl IntoIterator<Item = (&'a str, i64)>,
) -> Result<Products, Failure> {
    let mut products = Products::new();
    for (number, (product, units)) in (1..).zip(lines) {
        let sum = products.entry(product.to_owned()).or_insert(0);
        *sum = sum.saturating_add(units);
        if product.is_empty() || product.len() > LONGEST {
            return Err(invalid(format!(
                "line {number} has a stock code of {} bytes; a code has 1 to {LONGEST}",
                product.len()
            )));
        }
        if units <= 0 || *sum > LARGEST {
            return Err(invalid(format!(
                "line {number} ({product}) has {units} units; a product has 1 to {LARGEST}"
            )));
        }
    }
    if products.is_empty() {
        return Err(invalid("there are no lines".to_owned()));
    }
    Ok(products)
}

/// Returns the value of these units, which are among those of the lines. Lines of one product are
/// filled in their order.
///
/// # Errors
/// `invalid_lines` (permanent): a price is below zero, or the value is out of range.
pub(crate) fn value(lines: &[ReservationLine], reserved: &Products) -> Result<i64, Failure> {
    let mut left = reserved.clone();
    let mut value: i64 = 0;
    for (number, line) in (1..).zip(lines) {
        let units = left.get_mut(line.stock_code.as_str()).map_or(0, |left| {
            let units = line.units.min(*left);
            *left -= units;
            units
        });
        let sum = units.checked_mul(line.unit_price).and_then(|add| value.checked_add(add));
        value = sum.filter(|sum| line.unit_price >= 0 && *sum <= LARGEST).ok_or_else(|| {
            let (product, price) = (&line.stock_code, line.unit_price);
            invalid(format!("line {number} ({product}): a price of {price} is out of range"))
        })?;
    }
    Ok(value)
}

/// Returns the lines of these products.
pub(crate) fn lines<'a>(
    products: impl IntoIterator<Item = (&'a String, &'a i64)>,
) -> Vec<StockLine> {
    products.into_iter().map(|(product, units)| line(product, *units)).collect()
}

/// Takes these lines away. A product of which nothing is left is removed.
pub(crate) fn take_away(products: &mut Products, lines: &[StockLine]) {
    for line in lines {
        if let Some(left) = products.get_mut(line.stock_code.as_str()) {
            *left = left.saturating_sub(line.units);
            if *left <= 0 {
                products.remove(line.stock_code.as_str());
            }
        }
    }
}

/// Adds these lines.
pub(crate) fn add(products: &mut Products, lines: &[StockLine]) {
    for line in lines {
        let units = products.entry(line.stock_code.as_str().to_owned()).or_insert(0);
        *units = units.saturating_add(line.units);
    }
}

fn invalid(reason: String) -> Failure {
    Failure::permanent("invalid_lines", reason)
}
