//! What is wanted, and whether it was found.

use std::fmt;

use crate::table::Table;

/// A measured time may lie this far beyond its budget before the run fails: a machine has its moods. What is counted has no such margin.
pub const MARGIN: f64 = 2.0;

/// One budget and what was found.
#[derive(Clone, Debug)]
pub struct Budget {
    what: String,
    budget: String,
    found: String,
    met: bool,
    fails: bool,
}

impl Budget {
    /// The run fails with it.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.fails
    }

    /// A ratio that must not be smaller.
    #[must_use]
    pub fn at_least(what: &str, wanted: f64, found: f64) -> Self {
        Budget {
            what: what.to_owned(),
            budget: format!("≥ {wanted:.0} ×"),
            found: format!("{found:.1} ×"),
            met: found >= wanted,
            fails: found * MARGIN < wanted,
        }
    }

    /// A measured value that must not be larger.
    #[must_use]
    pub fn at_most(what: &str, unit: &str, wanted: f64, found: f64) -> Self {
        Budget {
            what: what.to_owned(),
            budget: format!("≤ {wanted:.0} {unit}"),
            found: format!("{found:.2} {unit}"),
            met: found <= wanted,
            fails: found > wanted * MARGIN,
        }
    }

    /// Something counted, of which the caller knows whether it is as wanted.
    #[must_use]
    pub fn counted(what: &str, budget: &str, found: String, met: bool) -> Self {
        Budget { what: what.to_owned(), budget: budget.to_owned(), found, met, fails: !met }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.met { "met   " } else { "MISSED" };
        write!(f, "{verdict}  {}: {} (budget {})", self.what, self.found, self.budget)
    }
}

/// All of them as a table.
#[must_use]
pub fn table(budgets: &[Budget]) -> String {
    let mut table = Table::new(&["budget", "wanted", "found", ""]);
    for budget in budgets {
        let verdict = if budget.met { "met" } else { "**missed**" };
        table.row(&[budget.what.clone(), budget.budget.clone(), budget.found.clone(), verdict.to_owned()]);
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
