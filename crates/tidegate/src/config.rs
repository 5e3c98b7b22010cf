//! Reads typed configuration from environment variables.
//!
//! All problems are reported at once, so that one deployment can correct them all.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Reads settings and collects the problems with them.
#[derive(Debug)]
pub struct Settings {
    variables: BTreeMap<String, String>,
    problems: Vec<String>,
}

impl Settings {
    /// Reads the settings of this process. A variable that is not Unicode counts as absent.
    pub fn from_env() -> Self {
        Self::from_variables(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    /// Creates settings from these variables, for tests.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: variables.into_iter().collect(), problems: Vec::new() }
    }

    /// Returns a required text, which must not be empty.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let value = self.variables.get(name).filter(|value| !value.trim().is_empty()).cloned();
        if value.is_none() {
            self.problems.push(format!("{name} is missing"));
        }
        value
    }

    /// Returns a required whole number within a range.
    pub fn number(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.text(name)?;
        self.parse_number(name, &text, range)
    }

    /// Returns a whole number within a range, or `None` if the variable is absent or empty.
    pub fn optional_number(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.variables.get(name).filter(|text| !text.trim().is_empty())?.clone();
        self.parse_number(name, &text, range)
    }

    /// Returns a required value, parsed from text.
    pub fn parsed<T: FromStr>(&mut self, name: &str) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        let text = self.text(name)?;
        self.parse(name, &text)
    }

    /// Returns a value parsed from text, or `None` if the variable is absent or empty.
    pub fn optional<T: FromStr>(&mut self, name: &str) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        let text = self.variables.get(name).filter(|text| !text.trim().is_empty())?.clone();
        self.parse(name, &text)
    }

    /// Returns a required value, parsed from a text that is a secret: a problem does not quote it.
    pub fn secret<T: FromStr>(&mut self, name: &str) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        match self.text(name)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(format!("{name} is wrong: {error}"));
                None
            }
        }
    }

    /// Adds another problem.
    #[cfg(any(feature = "http", feature = "otel", feature = "parameters"))]
    pub(crate) fn reject(&mut self, problem: &str) {
        self.problems.push(problem.to_owned());
    }

    /// Calls `build` and returns its result, unless there is a problem.
    ///
    /// # Errors
    /// All problems that were found; at least one. If `build` returned `None` although every
    /// setting is valid, that is a problem too.
    pub fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, ConfigError> {
        match build() {
            Some(config) if self.problems.is_empty() => Ok(config),
            Some(_) => Err(ConfigError { problems: self.problems }),
            None => {
                let mut problems = self.problems;
                if problems.is_empty() {
                    problems.push(
                        "`build` returned `None`, although every setting is valid".to_owned(),
                    );
                }
                Err(ConfigError { problems })
            }
        }
    }

    fn parse<T: FromStr>(&mut self, name: &str, text: &str) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(format!("{name} is `{text}`: {error}"));
                None
            }
        }
    }

    fn parse_number(&mut self, name: &str, text: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let number = text.trim().parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.problems.push(format!(
                "{name} is `{text}`, expected a whole number from {} to {}",
                range.start(),
                range.end()
            ));
        }
        number
    }
}

/// The problems with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// The problems, each a line of text.
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems = if self.problems.len() == 1 { "problem" } else { "problems" };
        write!(
            f,
            "the configuration has {} {problems}: {}",
            self.problems.len(),
            self.problems.join("; ")
        )
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        Settings::from_variables(
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let mut settings = settings(&[("SLICES", "many"), ("LIMIT", "0"), ("TABLE", " ")]);
        let table = settings.text("TABLE");
        let queue = settings.text("QUEUE");
        let slices = settings.number("SLICES", 1..=64);
        let limit = settings.optional_number("LIMIT", 1..=10);
        let error = settings.finish(|| Some((table?, queue?, slices?, limit))).unwrap_err();
        assert_eq!(
            error.problems,
            [
                "TABLE is missing",
                "QUEUE is missing",
                "SLICES is `many`, expected a whole number from 1 to 64",
                "LIMIT is `0`, expected a whole number from 1 to 10",
            ]
        );
    }

    #[test]
    fn an_error_counts_its_problems_and_never_has_none() {
        let said = |names: &[&str]| {
            let mut settings = settings(&[]);
            for name in names {
                settings.text(name);
            }
            settings.finish(|| None::<()>).unwrap_err().to_string()
        };
        assert_eq!(
            said(&["A", "B"]),
            "the configuration has 2 problems: A is missing; B is missing"
        );
        assert_eq!(said(&["A"]), "the configuration has 1 problem: A is missing");
        let none = "`build` returned `None`, although every setting is valid";
        assert_eq!(said(&[]), format!("the configuration has 1 problem: {none}"));
    }

    #[test]
    fn an_optional_setting_may_be_absent_or_empty_but_not_wrong() {
        let mut settings = settings(&[("EMPTY", " "), ("WRONG", "x"), ("RIGHT", "7")]);
        let read = ["ABSENT", "EMPTY", "RIGHT", "WRONG"].map(|name| settings.optional::<u8>(name));
        assert_eq!(read, [None, None, Some(7), None]);
        let error = settings.finish(|| Some(())).unwrap_err();
        assert_eq!(error.problems, ["WRONG is `x`: invalid digit found in string"]);
    }

    #[test]
    fn a_problem_with_a_secret_does_not_quote_it() {
        let mut settings = settings(&[("PIN", "hunter2"), ("GOOD", "7")]);
        assert_eq!((settings.secret::<u8>("PIN"), settings.secret("GOOD")), (None, Some(7)));
        let error = settings.finish(|| Some(())).unwrap_err();
        assert_eq!(error.problems, ["PIN is wrong: invalid digit found in string"]);
    }

    #[test]
    fn good_settings_are_put_together() {
        let mut settings = settings(&[("TABLE", "t"), ("SLICES", "4")]);
        let (table, slices) = (settings.text("TABLE"), settings.number("SLICES", 1..=64));
        let limit = settings.optional_number("LIMIT", 1..=10);
        assert_eq!(
            settings.finish(|| Some((table?, slices?, limit))),
            Ok(("t".to_owned(), 4, None))
        );
    }
}
