//! The policies of the stock: what a product starts with, when more is ordered, and what a shortage
//! leads to.

use std::str::FromStr;

use tidegate::config::Settings;

/// Largest number of units in a setting.
const LARGEST: u64 = 1_000_000_000_000;

/// The policies of the stock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// Units of each product when it is first touched.
    pub(crate) opening: i64,
    /// More is ordered when fewer units are available or on order.
    pub(crate) reorder_below: i64,
    /// How many units are ordered: a multiple of this.
    pub(crate) reorder_units: i64,
    /// What a shortage leads to.
    pub(crate) partial: PartialStock,
}

/// What a shortage leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartialStock {
    /// An order is reserved whole or not at all.
    Whole,
    /// As much as is available is reserved. An order of which nothing is available is rejected.
    Available,
}

impl Policy {
    /// Reads the settings. `None` if one is missing or wrong, which the function reports.
    pub(crate) fn from_settings(settings: &mut Settings) -> Option<Self> {
        let opening = settings.number("OPENING_STOCK", 0..=LARGEST);
        let below = settings.number("REORDER_BELOW", 0..=LARGEST);
        let units = settings.number("REORDER_UNITS", 1..=LARGEST);
        let partial = settings.parsed("PARTIAL_STOCK");
        Some(Self {
            opening: i64::try_from(opening?).ok()?,
            reorder_below: i64::try_from(below?).ok()?,
            reorder_units: i64::try_from(units?).ok()?,
            partial: partial?,
        })
    }

    /// Returns how many units are to be ordered when so many are available or on order.
    ///
    /// The result brings the product up to the threshold, so that it is not ordered again before it
    /// falls below once more.
    pub(crate) fn reorder(&self, units: i64) -> Option<i64> {
        let lacking = self.reorder_below.checked_sub(units).filter(|lacking| *lacking > 0)?;
        let times = lacking / self.reorder_units + i64::from(lacking % self.reorder_units > 0);
        times.checked_mul(self.reorder_units)
    }
}

impl FromStr for PartialStock {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "whole" => Ok(Self::Whole),
            "available" => Ok(Self::Available),
            _ => Err(format!("unknown policy `{word}`, expected whole or available")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_much_is_ordered_that_the_threshold_is_reached() {
        let policy = Policy {
            opening: 0,
            reorder_below: 50,
            reorder_units: 20,
            partial: PartialStock::Whole,
        };
        let ordered: Vec<_> = [80, 50, 49, 30, 29, 0].map(|units| policy.reorder(units)).into();
        assert_eq!(ordered, [None, None, Some(20), Some(20), Some(40), Some(60)]);
    }

    #[test]
    fn settings_are_read_or_all_reported() {
        let variables = [
            ("OPENING_STOCK", "10"),
            ("REORDER_BELOW", "5"),
            ("REORDER_UNITS", "0"),
            ("PARTIAL_STOCK", "some"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut settings = Settings::from_variables(variables);
        let policy = Policy::from_settings(&mut settings);
        let errors = settings.finish(|| policy).unwrap_err().to_string();
        assert!(errors.contains("REORDER_UNITS"), "{errors}");
        assert!(errors.contains("unknown policy `some`, expected whole or available"), "{errors}");
    }
}
