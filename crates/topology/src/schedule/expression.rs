//! An expression of Scheduler: once, at a rate, or by calendar.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::DateTime;

use super::cron::Cron;
use super::error::ExpressionError;

/// Most characters of an expression (AWS docs: CreateSchedule).
pub const LONGEST_EXPRESSION: usize = 256;

/// When a schedule fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Once, at this local time: `at(2026-12-01T08:00:00)`.
    At(DateTime),
    /// Again and again after this time: `rate(5 minutes)`. A day is 24 hours.
    Rate(SignedDuration),
    /// By calendar, in local time: `cron(0 3 * * ? *)`.
    Cron(Cron),
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// AWS documents no such expression. The error says what is wrong with which part.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let length = text.chars().count();
        if length > LONGEST_EXPRESSION {
            let what = format!("has {length} characters; at most {LONGEST_EXPRESSION} are allowed");
            return Err(what.into());
        }
        let Some((kind, inside)) = text.split_once('(') else { return Err(unknown(text)) };
        let Some(inside) = inside.strip_suffix(')') else {
            return Err(format!("{text} does not end with a closing parenthesis").into());
        };
        if inside.trim() != inside {
            return Err(format!("{text} has a space beside a parenthesis; remove it").into());
        }
        match kind {
            "at" => at(inside).map(Self::At),
            "rate" => rate(inside).map(Self::Rate),
            "cron" => Cron::parse(inside).map(Self::Cron),
            _ => Err(unknown(text)),
        }
    }

    /// Returns whether the schedule fires more than once.
    #[must_use]
    pub fn recurs(&self) -> bool {
        !matches!(self, Self::At(_))
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) => write!(f, "at({time})"),
            Self::Rate(every) => write!(f, "rate({} minutes)", every.as_mins()),
            Self::Cron(cron) => write!(f, "cron({cron})"),
        }
    }
}

fn unknown(text: &str) -> ExpressionError {
    format!(
        "{text} is not an expression of Scheduler; use at(2026-12-01T08:00:00), rate(5 minutes) \
         or cron(0 3 * * ? *)"
    )
    .into()
}

/// Parses `yyyy-mm-ddThh:mm:ss`, without an offset and without fractions.
fn at(inside: &str) -> Result<DateTime, ExpressionError> {
    let shape = "dddd-dd-ddTdd:dd:dd";
    let fits = inside.len() == shape.len()
        && inside.bytes().zip(shape.bytes()).all(|(byte, expected)| match expected {
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        });
    let time = inside.parse::<DateTime>();
    match time {
        Ok(time) if fits => Ok(time),
        Err(error) if fits => Err(format!("at({inside}) names no time: {error}").into()),
        _ => Err(format!(
            "at({inside}) is not a time; use yyyy-mm-ddThh:mm:ss without an offset, such as \
             at(2026-12-01T08:00:00), and the time zone beside it"
        )
        .into()),
    }
}

/// Parses `<number> <unit>`. The unit may be singular or plural whatever the number is.
fn rate(inside: &str) -> Result<SignedDuration, ExpressionError> {
    let mut parts = inside.split_ascii_whitespace();
    let (Some(value), Some(unit), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(format!("rate({inside}) needs a number and a unit: rate(5 minutes)").into());
    };
    let number = value.bytes().all(|byte| byte.is_ascii_digit());
    let value = value.parse::<u32>().ok().filter(|value| number && *value > 0);
    let value = value.ok_or_else(|| format!("rate({inside}) needs a whole number from 1"))?;
    let value = i64::from(value);
    match unit {
        "minute" | "minutes" => Ok(SignedDuration::from_mins(value)),
        "hour" | "hours" => Ok(SignedDuration::from_hours(value)),
        "day" | "days" => Ok(SignedDuration::from_hours(value * 24)),
        _ => Err(format!("rate({inside}) has the unit {unit}; use minutes, hours or days").into()),
    }
}
