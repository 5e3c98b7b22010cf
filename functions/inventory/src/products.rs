//! Units by product: what the lines of a message add up to.

use std::collections::BTreeMap;

use events::limits::{LARGEST, key_text_defect};
use events::{ReservationLine, StockLine};
use tidegate::failure::Failure;

use crate::stock::line;

/// Units by product, in the order of the codes. No product has zero units.
pub(crate) type Products = BTreeMap<String, i64>;

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
        if let Some(defect) = key_text_defect(product) {
            return Err(invalid(format!("line {number}: the stock code {defect}")));
        }
        if units <= 0 {
            let reason =
                format!("line {number} ({product}) has {units} units; a line has 1 or more");
            return Err(invalid(reason));
        }
        let sum = products.entry(product.to_owned()).or_insert(0);
        *sum = sum.saturating_add(units);
        if *sum > LARGEST {
            return Err(invalid(format!(
                "line {number} ({product}): with it, the product has {sum} units; {LARGEST} fit"
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
        let (product, price) = (&line.stock_code, line.unit_price);
        if price < 0 {
            return Err(invalid(format!(
                "line {number} ({product}): the price {price} is negative"
            )));
        }
        // An `i128` holds the product of any two `i64`, so the reason can name the sum.
        let sum = i128::from(value) + i128::from(units) * i128::from(price);
        value = i64::try_from(sum).ok().filter(|sum| *sum <= LARGEST).ok_or_else(|| {
            invalid(format!(
                "line {number} ({product}): with it, the value of all lines is {sum}; {LARGEST} \
                 fit"
            ))
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
