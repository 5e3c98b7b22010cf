//! The days of a cron expression: by their number in the month, or by their weekday.

use jiff::civil::{Date, Weekday};

use super::error::ExpressionError;
use super::field::{MONTH_DAY, WEEK_DAY};

/// Which days a cron expression includes.
///
/// One of the fields day-of-month and day-of-week is always `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Days {
    /// These days of the month.
    OfMonth(Vec<u16>),
    /// The last day of the month: `L`.
    LastOfMonth,
    /// The weekday, Monday to Friday, that is nearest to a day of the month: `15W`.
    ///
    /// It is in the same month. A month without that day has none.
    NearestWeekday(u16),
    /// These days of the week; 1 is Sunday.
    OfWeek(Vec<u16>),
    /// The last such day of the week in the month: `6L`.
    LastOfWeek(u16),
    /// The nth such day of the week in the month: `3#2`.
    NthOfWeek(u16, i8),
}

impl Days {
    /// Parses the fields day-of-month and day-of-week.
    pub(super) fn parse(month: &str, week: &str) -> Result<Self, ExpressionError> {
        match (month, week) {
            ("?", "?") => Err("day-of-month and day-of-week are both ?; one must name days".into()),
            ("?", week) => Self::week(week),
            (month, "?") => Self::month(month),
            (month, week) => Err(format!(
                "day-of-month is {month} and day-of-week is {week}; one of them must be ?"
            )
            .into()),
        }
    }

    fn month(text: &str) -> Result<Self, ExpressionError> {
        if text == "L" {
            return Ok(Self::LastOfMonth);
        }
        if let Some(day) = text.strip_suffix('W')
            && day.bytes().all(|byte| byte.is_ascii_digit())
        {
            return MONTH_DAY.value(day).map(Self::NearestWeekday);
        }
        if text.contains(['L', 'W']) {
            let what = format!(
                "day-of-month {text} uses L or W together with other values; AWS documents them \
                 alone: L, or 15W"
            );
            return Err(what.into());
        }
        MONTH_DAY.parse(text).map(Self::OfMonth)
    }

    fn week(text: &str) -> Result<Self, ExpressionError> {
        if text == "L" {
            // The last day of the week.
            return Ok(Self::OfWeek(vec![7]));
        }
        if let Some((day, nth)) = text.split_once('#') {
            let day = WEEK_DAY.value(day)?;
            let nth = nth.parse::<i8>().ok().filter(|nth| (1..=5).contains(nth));
            let wrong = || {
                format!(
                    "day-of-week {text} is not one day and its number in the month, such as 3#2; \
                     with # no other value is allowed"
                )
            };
            return Ok(Self::NthOfWeek(day, nth.ok_or_else(wrong)?));
        }
        if let Some(day) = text.strip_suffix('L')
            && !day.contains([',', '-'])
        {
            return WEEK_DAY.value(day).map(Self::LastOfWeek);
        }
        WEEK_DAY.parse(text).map(Self::OfWeek)
    }

    /// Returns whether the expression includes a day.
    pub(super) fn includes(&self, date: Date) -> bool {
        let (day, weekday) = (unsigned(date.day()), number(date.weekday()));
        match self {
            Self::OfMonth(days) => days.binary_search(&day).is_ok(),
            Self::LastOfMonth => date.day() == date.days_in_month(),
            Self::NearestWeekday(nearest) => nearest_weekday(date, *nearest) == Some(date),
            Self::OfWeek(days) => days.binary_search(&weekday).is_ok(),
            Self::LastOfWeek(last) => weekday == *last && date.day() + 7 > date.days_in_month(),
            Self::NthOfWeek(of_week, nth) => {
                weekday == *of_week && (date.day() - 1) / 7 + 1 == *nth
            }
        }
    }
}

/// Returns the weekday nearest to a day in the month of `date`.
fn nearest_weekday(date: Date, day: u16) -> Option<Date> {
    let day = i8::try_from(day).ok().filter(|day| *day <= date.days_in_month())?;
    let near = date.with().day(day).build().ok()?;
    let last = date.days_in_month();
    let nearest = match near.weekday() {
        Weekday::Saturday if day == 1 => day + 2,
        Weekday::Saturday => day - 1,
        Weekday::Sunday if day == last => day - 2,
        Weekday::Sunday => day + 1,
        _ => day,
    };
    near.with().day(nearest).build().ok()
}

/// Returns AWS's number of a weekday, from 1 for Sunday.
fn number(weekday: Weekday) -> u16 {
    unsigned(weekday.to_sunday_one_offset())
}

fn unsigned(day: i8) -> u16 {
    u16::try_from(day).unwrap_or_default()
}
