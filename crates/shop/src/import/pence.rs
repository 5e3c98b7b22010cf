//! Amounts of pounds in whole pence.

/// Converts a decimal amount of pounds to whole pence, rounding half away from zero.
///
/// Returns `None` if the text is not a decimal number or is out of range.
///
/// It computes on the text, because a binary fraction can represent neither 0.1 nor the half that
/// decides.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (pounds, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if pounds.is_empty() || !is_number(pounds) || !is_number(fraction) {
        return None;
    }
    let mut places = fraction
        .chars()
        .map(|digit| digit.to_digit(10).map_or(0, i64::from))
        .chain(std::iter::repeat(0));
    let (tens, ones, next) = (places.next()?, places.next()?, places.next()?);
    let pence = pounds.parse::<i64>().ok()?.checked_mul(100)?.checked_add(tens * 10 + ones)?;
    let rounded = pence.checked_add(i64::from(next >= 5))?;
    Some(if negative { -rounded } else { rounded })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_go_away_from_zero() {
        for (text, pence) in [
            ("2.55", 255),
            ("0.005", 1),
            ("0.00499999999999999999999", 0),
            ("-0.005", -1),
            ("-0.004", 0),
            ("1.005", 101),
            ("0.001", 0),
            ("7", 700),
            ("7.", 700),
            ("2.1", 210),
            ("-11062.06", -1_106_206),
            ("92233720368547758.07", i64::MAX),
        ] {
            assert_eq!(parse(text), Some(pence), "{text}");
        }
    }

    #[test]
    fn what_is_no_decimal_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            ".5",
            "1.2.3",
            "1,5",
            "1e3",
            " 1",
            "+1",
            "--1",
            "£1",
            "NaN",
            "92233720368547758.08",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        /// Compares with exact integer arithmetic on the same digits.
        #[test]
        fn pence_are_the_nearest_and_halves_go_away_from_zero(
            negative: bool, pounds in 0_i64..1_000_000_000, fraction in "[0-9]{0,6}",
        ) {
            let text = format!("{}{pounds}{}{fraction}", if negative { "-" } else { "" }, if fraction.is_empty() { "" } else { "." });
            let scale = 10_i64.pow(u32::try_from(fraction.len()).unwrap());
            let scaled = pounds * scale + fraction.parse::<i64>().unwrap_or(0);
            let expected = (scaled * 200 + scale) / (2 * scale);
            prop_assert_eq!(parse(&text), Some(if negative { -expected } else { expected }));
        }

        #[test]
        fn no_text_makes_it_fail(text in ".{0,30}") {
            let _ = parse(&text);
        }
    }
}
