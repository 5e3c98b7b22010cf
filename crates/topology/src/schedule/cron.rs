//! A cron expression: five fields and the optional year.

use std::fmt;

use jiff::civil::{Date, DateTime};

use super::days::Days;
use super::error::ExpressionError;
use super::field::{HOURS, MINUTES, MONTHS, YEARS};

/// A cron expression of Scheduler: minutes, hours, day-of-month, month, day-of-week, year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: Vec<u16>,
    hours: Vec<u16>,
    days: Days,
    months: Vec<u16>,
    years: Vec<u16>,
}

impl Cron {
    /// Parses what stands between the parentheses.
    ///
    /// # Errors
    /// AWS documents no such expression.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let (minutes, hours, month_day, months, week_day, years) = match *fields.as_slice() {
            [minutes, hours, day, months, week] => (minutes, hours, day, months, week, "*"),
            [minutes, hours, day, months, week, years] => {
                (minutes, hours, day, months, week, years)
            }
            _ => {
                let what = format!(
                    "cron({text}) has {} fields; it needs minutes, hours, day-of-month, month, \
                     day-of-week and year: cron(0 3 * * ? *)",
                    fields.len()
                );
                return Err(what.into());
            }
        };
        let of = |error: ExpressionError| ExpressionError(format!("cron({text}): {error}"));
        Ok(Self {
            minutes: MINUTES.parse(minutes).map_err(of)?,
            hours: HOURS.parse(hours).map_err(of)?,
            days: Days::parse(month_day, week_day).map_err(of)?,
            months: MONTHS.parse(months).map_err(of)?,
            years: YEARS.parse(years).map_err(of)?,
            text: text.to_owned(),
        })
    }

    /// Returns the local times of the expression that are later than `after`, in ascending order.
    ///
    /// Whether such a time exists in a time zone is not considered here.
    pub(super) fn after(&self, after: DateTime) -> impl Iterator<Item = DateTime> {
        let first = after.date();
        let days = self.days_from(first);
        let times = days.flat_map(move |date| {
            self.hours.iter().flat_map(move |hour| {
                self.minutes.iter().filter_map(move |minute| {
                    let (hour, minute) = (i8::try_from(*hour).ok()?, i8::try_from(*minute).ok()?);
                    Some(date.at(hour, minute, 0, 0))
                })
            })
        });
        times.filter(move |time| *time > after)
    }

    /// Returns the days of the expression from a day on.
    fn days_from(&self, first: Date) -> impl Iterator<Item = Date> {
        let years = self.years.iter().filter_map(|year| i16::try_from(*year).ok());
        let years = years.filter(move |year| *year >= first.year());
        let months = years.flat_map(|year| {
            let months = self.months.iter().filter_map(|month| i8::try_from(*month).ok());
            months.filter_map(move |month| Date::new(year, month, 1).ok())
        });
        let months = months.filter(move |month| month.last_of_month() >= first);
        let days = months.flat_map(|month| {
            month
                .series(jiff::Span::new().days(1))
                .take_while(move |date| date.month() == month.month())
        });
        days.filter(move |date| *date >= first && self.days.includes(*date))
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
