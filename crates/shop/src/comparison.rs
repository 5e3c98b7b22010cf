//! Comparisons of what was expected with what was found, for people and programs.

use std::collections::BTreeMap;

use serde::Serialize;
use terminal::counted::counted;
use terminal::escape::escaped;

use crate::amount::count;

/// Most differences that are shown of a comparison.
const SHOWN: usize = 20;

/// A comparison of things of one kind.
#[derive(Debug, Serialize)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) equal: bool,
    /// Number of compared things.
    pub(crate) compared: usize,
    /// What is worth knowing, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) counts: BTreeMap<String, i128>,
    pub(crate) differences: usize,
    /// The first differences.
    pub(crate) shown: Vec<Difference>,
}

/// One wrong value.
#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    /// What has the wrong value, such as `order#536365`.
    pub(crate) of: String,
    pub(crate) field: &'static str,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Part {
    pub(crate) fn new(name: &'static str) -> Self {
        let (counts, shown) = (BTreeMap::new(), Vec::new());
        Self { name, equal: true, compared: 0, counts, differences: 0, shown }
    }

    /// Counts something.
    pub(crate) fn count(&mut self, name: impl Into<String>, number: impl Into<i128>) {
        *self.counts.entry(name.into()).or_default() += number.into();
    }

    /// Compares two values.
    pub(crate) fn compare<T: PartialEq + ToString>(
        &mut self,
        of: &str,
        field: &'static str,
        expected: &T,
        found: &T,
    ) {
        if expected != found {
            self.differ(of, field, expected.to_string(), found.to_string());
        }
    }

    /// Adds a difference.
    pub(crate) fn differ(
        &mut self,
        of: &str,
        field: &'static str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) {
        self.equal = false;
        self.differences += 1;
        if self.shown.len() < SHOWN {
            let (of, expected, found) = (of.to_owned(), expected.into(), found.into());
            self.shown.push(Difference { of, field, expected, found });
        }
    }

    /// Returns the lines for the terminal.
    pub(crate) fn lines(&self) -> Vec<String> {
        let verdict = match self.equal {
            true => "equal".to_owned(),
            false => counted(count(self.differences as u64), "difference", "differences"),
        };
        let counts: Vec<String> =
            self.counts.iter().map(|(name, number)| format!("{} {name}", count(*number))).collect();
        let compared = count(self.compared as u64);
        let line = format!("{:<18} {verdict:<6} {compared:>7}  {}", self.name, counts.join(", "));
        let mut lines = vec![escaped(line.trim_end()).to_string()];
        for Difference { of, field, expected, found } in &self.shown {
            let line = format!("{of}  {field}: expected {expected}, found {found}");
            lines.push(format!("    {}", escaped(&line)));
        }
        if self.differences > self.shown.len() {
            lines.push(format!("    … and {} more", self.differences - self.shown.len()));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_shown_with_its_place_and_moves_no_cursor() {
        let mut part = Part::new("stock");
        part.compare("85123A", "shipped", &3, &3);
        assert_eq!((part.equal, part.lines().len()), (true, 1));
        part.compare("A\x1b[2J\n", "shipped", &3, &4);
        let text = part.lines().join("\n");
        assert!(text.contains(r"A\u{1b}[2J\n  shipped: expected 3, found 4"), "{text}");
        assert!(text.contains("1 difference") && !text.contains('\x1b'), "{text}");
    }

    #[test]
    fn the_first_differences_are_shown_and_all_are_counted() {
        let mut part = Part::new("stock");
        for number in 0..25 {
            part.compare(&number.to_string(), "units", &0, &1);
        }
        assert_eq!((part.shown.len(), part.differences), (SHOWN, 25));
        assert_eq!(part.lines().last().unwrap(), "    … and 5 more");
    }
}
