//! Compares measurements with their budgets.

use std::fmt;

use crate::table::Table;

/// A time or a ratio may miss its budget by this factor before the run fails.
///
/// Times vary between runs on the same machine. Counts have no such margin.
pub const MARGIN: f64 = 2.0;

/// One budget and its result.
#[derive(Clone, Debug)]
pub struct Budget {
    what: String,
    budget: String,
    found: String,
    met: bool,
    fails: bool,
}

impl Budget {
    /// Returns whether the budget fails the run.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.fails
    }

    /// Creates the budget of a ratio that must be at least `wanted`.
    #[must_use]
    pub fn at_least(what: &str, wanted: f64, found: f64) -> Self {
        Self {
            what: what.to_owned(),
            budget: format!("≥ {wanted:.0} ×"),
            found: format!("{found:.1} ×"),
            met: found >= wanted,
            fails: found * MARGIN < wanted,
        }
    }

    /// Creates the budget of a measured value that must be at most `wanted`.
    #[must_use]
    pub fn at_most(what: &str, unit: &str, wanted: f64, found: f64) -> Self {
        Self {
            what: what.to_owned(),
            budget: format!("≤ {wanted} {unit}"),
            found: format!("{found:.2} {unit}"),
            met: found <= wanted,
            fails: found > wanted * MARGIN,
        }
    }

    /// Creates the budget of a count. `met` says whether the count is right.
    #[must_use]
    pub fn counted(what: &str, budget: &str, found: String, met: bool) -> Self {
        Self { what: what.to_owned(), budget: budget.to_owned(), found, met, fails: !met }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.met { "met   " } else { "MISSED" };
        write!(f, "{verdict}  {}: {} (budget {})", self.what, self.found, self.budget)
    }
}

/// Returns the budgets as a table.
#[must_use]
pub fn table(budgets: &[Budget]) -> String {
    let mut table = Table::new(&["budget", "wanted", "found", ""]);
    for budget in budgets {
        let verdict = if budget.met { "met" } else { "**missed**" };
        table.row(&[
            budget.what.clone(),
            budget.budget.clone(),
            budget.found.clone(),
            verdict.to_owned(),
        ]);
    }
    table.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_budget_fails_the_run_when_it_is_missed_by_far() {
        let verdicts = |budget: Budget| (budget.met, budget.fails());
        assert_eq!(verdicts(Budget::at_least("r", 20.0, 20.0)), (true, false));
        assert_eq!(verdicts(Budget::at_least("r", 20.0, 10.0)), (false, false));
        assert_eq!(verdicts(Budget::at_least("r", 20.0, 9.9)), (false, true));
        assert_eq!(verdicts(Budget::at_most("t", "%", 2.0, 2.0)), (true, false));
        assert_eq!(verdicts(Budget::at_most("t", "%", 2.0, 4.0)), (false, false));
        assert_eq!(verdicts(Budget::at_most("t", "%", 2.0, 4.1)), (false, true));
    }

    #[test]
    fn a_count_that_is_off_fails_the_run() {
        let of = |met| Budget::counted("c", "1", "1".to_owned(), met).fails();
        assert_eq!([of(true), of(false)], [false, true]);
    }
}
