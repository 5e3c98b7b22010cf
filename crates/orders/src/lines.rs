//! Checks and adds up the lines of orders and returns.

use events::limits::LARGEST;
use events::{Defect, OrderLine, Rejection};

/// Most reasons that a decision keeps: each line may have three, and a decision must fit into the
/// event store.
const KEPT_REASONS: usize = 100;

/// Units and value of all lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) units: i64,
    /// In minor units.
    pub(crate) value: i64,
}

/// Why lines are rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// The first reasons.
    pub(crate) reasons: Vec<Rejection>,
    /// Number of further reasons, if there are any.
    pub(crate) more: Option<u32>,
}

impl From<Vec<Rejection>> for Rejected {
    fn from(mut reasons: Vec<Rejection>) -> Self {
        let more = reasons.len().checked_sub(KEPT_REASONS).filter(|more| *more > 0);
        reasons.truncate(KEPT_REASONS);
        Self { reasons, more: more.map(|more| u32::try_from(more).unwrap_or(u32::MAX)) }
    }
}

/// Adds up the units and the value of the lines.
///
/// # Errors
/// The reasons why the lines cannot be accepted: no lines, a quantity that is not positive, a
/// negative price, amounts out of range.
pub(crate) fn sums(lines: &[OrderLine]) -> Result<Sums, Rejected> {
    let mut rejections = Vec::new();
    if lines.is_empty() {
        rejections.push(Rejection { line: None, stock_code: None, defect: Defect::NoLines });
    }
    let mut sums = Some(Sums { units: 0, value: 0 });
    for (number, line) in (1..).zip(lines) {
        let mut reject = |defect| {
            rejections.push(Rejection {
                line: Some(number),
                stock_code: Some(line.stock_code.clone()),
                defect,
            })
        };
        if line.quantity <= 0 {
            reject(Defect::QuantityNotPositive { quantity: line.quantity });
        }
        if line.unit_price < 0 {
            reject(Defect::PriceNegative { unit_price: line.unit_price });
        }
        let value = line.value().filter(|value| *value <= LARGEST && line.quantity <= LARGEST);
        if value.is_none() {
            reject(Defect::AmountTooLarge);
        }
        // After a line out of range the sum is unknown, and the reasons name that line already.
        sums = sums.zip(value).and_then(|(sums, value)| {
            Some(Sums {
                units: sums.units.checked_add(line.quantity)?,
                value: sums.value.checked_add(value)?,
            })
        });
    }
    let sums = sums.filter(|sums| sums.units <= LARGEST && sums.value <= LARGEST);
    match sums {
        Some(sums) if rejections.is_empty() => Ok(sums),
        None if rejections.is_empty() => {
            rejections.push(Rejection {
                line: None,
                stock_code: None,
                defect: Defect::AmountTooLarge,
            });
            Err(rejections.into())
        }
        _ => Err(rejections.into()),
    }
}

/// Returns the only reason against an order or a return that was accepted before.
pub(crate) fn already_accepted() -> Rejected {
    vec![Rejection { line: None, stock_code: None, defect: Defect::AlreadyAccepted }].into()
}

#[cfg(test)]
pub(crate) fn line(code: &str, quantity: i64, unit_price: i64) -> OrderLine {
    OrderLine { stock_code: code.into(), description: String::new(), quantity, unit_price }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[OrderLine]) -> Vec<String> {
        sums(lines).unwrap_err().reasons.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_offending_line_is_named_with_every_reason() {
        let lines = [line("A", 1, 100), line("B", 0, -5), line("C", -3, 0)];
        assert_eq!(
            texts(&lines),
            [
                "line 2 (B): quantity 0 is not positive",
                "line 2 (B): price -5 is negative",
                "line 3 (C): quantity -3 is not positive"
            ]
        );
    }

    #[test]
    fn a_price_of_zero_is_allowed() {
        assert_eq!(sums(&[line("A", 2, 0), line("B", 3, 7)]), Ok(Sums { units: 5, value: 21 }));
    }

    #[test]
    fn of_very_many_reasons_the_first_are_kept_and_the_others_are_counted() {
        let rejected = sums(&vec![line("A", 0, -1); 2000]).unwrap_err();
        assert_eq!((rejected.reasons.len(), rejected.more), (KEPT_REASONS, Some(3900)));
        assert_eq!(rejected.reasons[KEPT_REASONS - 1].line, Some(50));
        let rejected = sums(&vec![line("A", 0, 0); KEPT_REASONS]).unwrap_err();
        assert_eq!((rejected.reasons.len(), rejected.more), (KEPT_REASONS, None));
    }

    #[test]
    fn no_lines_are_a_reason() {
        assert_eq!(texts(&[]), ["there are no lines"]);
    }

    #[test]
    fn amounts_out_of_range_are_refused_not_wrapped() {
        assert_eq!(texts(&[line("A", i64::MAX, 2)]), ["line 1 (A): the amount is too large"]);
        assert_eq!(texts(&[line("A", 1, LARGEST + 1)]), ["line 1 (A): the amount is too large"]);
        assert_eq!(texts(&[line("A", 1, LARGEST), line("B", 1, 1)]), ["the amount is too large"]);
        assert_eq!(texts(&[line("A", LARGEST, 0), line("B", 1, 1)]), ["the amount is too large"]);
    }
}
