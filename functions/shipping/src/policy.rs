//! What is sent by itself, what waits for a person, and what is not sent.

use std::collections::BTreeSet;

use events::DispatchOrder;
use tidegate::config::Settings;

/// What is sent by itself, what waits for a person, and what is not sent.
///
/// Orders are sent as they are reserved. Whether an order may be reserved in part is the policy of
/// inventory (`PARTIAL_STOCK`), so shipping has none of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Countries that no carrier goes to, in lower case.
    unserved: BTreeSet<String>,
    held_above_units: i64,
}

/// What becomes of an order that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// It is sent.
    Send,
    /// It waits for a person.
    Hold,
    /// It is not sent.
    Refuse,
}

impl Policy {
    /// Reads the settings. `None` if one is missing or wrong, which the function reports.
    pub(crate) fn from_settings(settings: &mut Settings) -> Option<Self> {
        let unserved = settings.text("UNSERVED_COUNTRIES");
        let held_above = settings.number("HELD_ABOVE_UNITS", 0..=i64::MAX.unsigned_abs());
        Some(Self::new(&unserved?, i64::try_from(held_above?).ok()?))
    }

    /// Creates the policy. `unserved` has countries with commas between.
    pub(crate) fn new(unserved: &str, held_above_units: i64) -> Self {
        let unserved = unserved.split(',').map(normalised).filter(|country| !country.is_empty());
        Self { unserved: unserved.collect(), held_above_units }
    }

    /// Says what becomes of an order.
    pub(crate) fn ruling(&self, order: &DispatchOrder) -> Ruling {
        if self.unserved.contains(&normalised(&order.country)) {
            Ruling::Refuse
        } else if order.units > self.held_above_units {
            Ruling::Hold
        } else {
            Ruling::Send
        }
    }
}

/// Returns a country as it is compared: people write it with other spaces and capitals.
fn normalised(country: &str) -> String {
    country.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ruling(country: &str, units: i64) -> Ruling {
        let policy = Policy::new("Unspecified, European Community,,", 50);
        policy.ruling(&DispatchOrder {
            order_id: "7".into(),
            customer_id: None,
            country: country.to_owned(),
            units,
        })
    }

    #[test]
    fn a_country_that_no_carrier_goes_to_is_refused_whatever_its_spelling() {
        assert_eq!(ruling("European Community", 1), Ruling::Refuse);
        assert_eq!(ruling(" unspecified ", 51), Ruling::Refuse);
        assert_eq!(ruling("France", 1), Ruling::Send);
        assert_eq!(ruling("", 1), Ruling::Send, "an empty entry of the list is not a country");
    }

    #[test]
    fn only_more_units_than_the_limit_wait_for_a_person() {
        assert_eq!(ruling("France", 50), Ruling::Send);
        assert_eq!(ruling("France", 51), Ruling::Hold);
    }

    #[test]
    fn settings_that_are_missing_or_wrong_are_reported() {
        let variables = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let mut settings = Settings::from_variables(pairs);
            let policy = Policy::from_settings(&mut settings);
            settings.finish(|| policy).map_err(|error| error.to_string())
        };
        let good = [("UNSERVED_COUNTRIES", "Unspecified"), ("HELD_ABOVE_UNITS", "50000")];
        assert_eq!(variables(&good), Ok(Policy::new("Unspecified", 50000)));
        let error = variables(&[("HELD_ABOVE_UNITS", "-1")]).unwrap_err();
        assert!(error.contains("UNSERVED_COUNTRIES") && error.contains("HELD_ABOVE_UNITS"));
    }
}
