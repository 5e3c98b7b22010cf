//! One field of a cron expression: the numbers that it includes.

use std::ops::RangeInclusive;

use super::error::ExpressionError;

/// A field of a cron expression, by name, range and names of its values.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) range: RangeInclusive<u16>,
    /// Names of the values, from the smallest.
    pub(super) names: &'static [&'static str],
    /// Whether AWS documents `/` for it.
    pub(super) steps: bool,
}

pub(super) const MINUTES: Field = Field { name: "minutes", range: 0..=59, names: &[], steps: true };
pub(super) const HOURS: Field = Field { name: "hours", range: 0..=23, names: &[], steps: true };
pub(super) const MONTH_DAY: Field =
    Field { name: "day-of-month", range: 1..=31, names: &[], steps: true };
pub(super) const MONTHS: Field = Field {
    name: "month",
    range: 1..=12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    steps: true,
};
pub(super) const WEEK_DAY: Field = Field {
    name: "day-of-week",
    range: 1..=7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    steps: false,
};
pub(super) const YEARS: Field = Field { name: "year", range: 1970..=2199, names: &[], steps: true };

impl Field {
    /// Parses a list of numbers, ranges and steps, and returns the numbers in ascending order.
    pub(super) fn parse(&self, text: &str) -> Result<Vec<u16>, ExpressionError> {
        let mut values = Vec::new();
        for part in text.split(',') {
            values.extend(self.part(part)?);
        }
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    /// Parses `*`, `5`, `1-5`, `1/10`, `*/10` or `1-30/10`.
    fn part(&self, part: &str) -> Result<Vec<u16>, ExpressionError> {
        let (from_to, step) = match part.split_once('/') {
            None => (part, None),
            Some(_) if !self.steps => {
                return Err(
                    format!("{} {part} has a step; AWS documents none there", self.name).into()
                );
            }
            Some((from_to, step)) => (from_to, Some(self.step(part, step)?)),
        };
        let (first, last) = match from_to.split_once('-') {
            _ if from_to == "*" => (*self.range.start(), *self.range.end()),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None => {
                let value = self.value(from_to)?;
                (value, if step.is_some() { *self.range.end() } else { value })
            }
        };
        if first > last {
            let what = format!("{} {part} ends before it begins; write two ranges", self.name);
            return Err(what.into());
        }
        Ok((first..=last).step_by(usize::from(step.unwrap_or(1))).collect())
    }

    fn step(&self, part: &str, step: &str) -> Result<u16, ExpressionError> {
        let width = self.range.end() - self.range.start() + 1;
        let step = step.parse::<u16>().ok().filter(|step| (1..=width).contains(step));
        let wrong = || format!("{} {part} has no step from 1 to {width}", self.name);
        Ok(step.ok_or_else(wrong)?)
    }

    /// Parses one number or name.
    pub(super) fn value(&self, text: &str) -> Result<u16, ExpressionError> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let named = named.and_then(|index| u16::try_from(index).ok());
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = match named {
            Some(index) => Some(index + self.range.start()),
            None if digits => text.parse().ok(),
            None => None,
        };
        let value = value.filter(|value| self.range.contains(value));
        let wrong = || {
            let (first, last) = (self.range.start(), self.range.end());
            let names = match (self.names.first(), self.names.last()) {
                (Some(from), Some(to)) => format!(" or {from} to {to}"),
                _ => String::new(),
            };
            format!("{} has {text:?}; use {first} to {last}{names}", self.name)
        };
        Ok(value.ok_or_else(wrong)?)
    }
}
