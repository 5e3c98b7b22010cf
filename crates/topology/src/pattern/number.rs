//! Numbers, compared as Event Ruler compares them.
//!
//! Event Ruler compares two numbers as doubles if a double holds each of them exactly. That is so
//! if the shortest notation of the double is the number again (`ComparableNumber` of event-ruler
//! 1.8.1). It compares other numbers, such as `1e999` or a number of twenty digits, as they are
//! written.

/// A number of a pattern or of an event.
#[derive(Clone, Debug)]
pub(super) struct Number {
    text: String,
    double: Option<f64>,
}

impl Number {
    /// Creates a number from its notation in JSON.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), double: double(text) }
    }

    /// Returns the number if a double holds it exactly.
    pub(super) fn double(&self) -> Option<f64> {
        self.double
    }

    /// Returns whether a number of an event equals this number.
    pub(super) fn is(&self, other: &str) -> bool {
        match self.double {
            Some(double) => self::double(other) == Some(double),
            None => self.text == other,
        }
    }
}

/// Returns the number if a double holds it exactly.
fn double(text: &str) -> Option<f64> {
    let double: f64 = text.parse().ok().filter(|double: &f64| double.is_finite())?;
    (Decimal::parse(text)? == Decimal::parse(&format!("{double:e}"))?).then_some(double)
}

/// A number by its digits: `0.DIGITS * 10^exponent`, without leading or trailing zeros.
#[derive(PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        if digits.is_empty() {
            return Some(Self { is_negative: false, digits: String::new(), exponent: 0 });
        }
        let leading =
            i64::try_from(whole.len()).ok()? - i64::try_from(all.len() - digits.len()).ok()?;
        let exponent = exponent.parse::<i64>().ok()?.checked_add(leading)?;
        Some(Self { is_negative, digits: digits.trim_end_matches('0').to_owned(), exponent })
    }
}

/// Range that `numeric` asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) low: End,
    pub(super) high: End,
}

/// End of a range.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) at: f64,
    /// Whether the end belongs to the range.
    pub(super) is_inside: bool,
}

impl Range {
    pub(super) const ALL: Self = Self {
        low: End { at: f64::MIN, is_inside: true },
        high: End { at: f64::MAX, is_inside: true },
    };

    pub(super) fn contains(self, number: &str) -> bool {
        let above =
            |number: f64| number > self.low.at || (self.low.is_inside && number == self.low.at);
        let below =
            |number: f64| number < self.high.at || (self.high.is_inside && number == self.high.at);
        double(number).is_some_and(|number| above(number) && below(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_double_if_the_double_is_written_the_same() {
        for text in [
            "0",
            "-0.0",
            "0e0",
            "1",
            "-1.50",
            "300",
            "3.0e2",
            "0.1",
            "1e-1",
            "5e-324",
            "1.7976931348623157e308",
        ] {
            assert_eq!(double(text), text.parse().ok(), "{text}");
        }
        for text in [
            "1e999",
            "1e-999",
            "1e99999999999999999999",
            "123456789012345678901",
            "9007199254740993",
            "1.00000000000000000001",
        ] {
            assert_eq!(double(text), None, "{text}");
        }
    }
}
